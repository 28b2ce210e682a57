"""Requests and grants as people see them; and how they are followed without a look into central."""

import json

import pytest
from mesh.domain.access.consumer_access import ConsumerAccess
from mesh.domain.events import (
    AccessDenied,
    AccessExpiring,
    AccessGranted,
    AccessRevoked,
    DecisionRefused,
    DecisionRequested,
    Event,
    Metadata,
    ProductRetired,
)

from cli import event_client, output
from cli.access import access_views
from cli.event_client import Watch, follow
from cli.output import CommandFailed
from cli.publishing import notices
from tests.builders import CENTRAL, CONSUMER, PRODUCER
from tests.unit.access.cli_accesses import ID, NOW, REASON, FakeMesh, access, answered, decided


@pytest.fixture(params=[80, 120])
def width(request, monkeypatch):
    monkeypatch.setattr(output.console, "width", request.param)
    return request.param


COPIED = ("mesh query", "mesh approve", "  trace", "SQL")
"""What is to be copied is never broken."""


def fits(said, width):
    return max(len(line) for line in said.splitlines() if not line.lstrip().startswith(COPIED)) <= width


def test_a_list_fits_and_shows_who_what_until_when_and_the_approvers(capsys, width):
    access_views.render_list([access("waiting"), access("live", "ac-000000000001"), access("denied", reason=REASON)])
    said = capsys.readouterr().out
    assert fits(said, width)
    words = " ".join(said.split())
    for part in (ID, "DataAnalyst of 333333333333, risk-modelling, until", PRODUCER, "DeniedByPolicy: Not for this"):
        assert part in words


def test_one_in_full_fits_and_shows_everything(capsys, width):
    found = answered(access("waiting", reason=REASON), CENTRAL, "approve", "waiting", "of course")
    access_views.render(found)
    said = capsys.readouterr().out
    assert fits(said, width)
    words = " ".join(said.split())
    for part in ("30: column_0", "2 columns not exposed", "LF-Tag policy on TABLE product=credit-limits:", "left out:"):
        assert part in words
    for part in (f"approve by {CENTRAL}: of course", f"mesh approve {ID} --reason", "trace the-trace", "ask for less"):
        assert part in words


def test_a_live_one_gives_a_query_to_copy_at_any_width(capsys, width):
    access_views.render_live(access("live"))
    lines = capsys.readouterr().out.splitlines()
    assert '  mesh query \'SELECT * FROM "rl_credit-limits"."limits" LIMIT 10\' --as DataAnalyst' in lines


def test_an_empty_exposure_is_stated(capsys):
    access_views.render_live(access("live", decided=decided(exposure=(), tables=())))
    said = capsys.readouterr().out
    assert "nothing today" in said
    assert "mesh query" not in said


@pytest.mark.parametrize(
    ("resource", "text"),
    [
        ({"Database": {"Name": "a"}}, "database a"),
        ({"Table": {"DatabaseName": "a", "Name": "t"}}, "table a.t"),
        ({"TableWithColumns": {"DatabaseName": "a", "Name": "t", "ColumnNames": ["x", "y"]}}, "table a.t (x, y)"),
        ({"DataCellsFilter": {"DatabaseName": "a", "TableName": "t", "Name": "f"}}, "filter f on a.t"),
    ],
)
def test_grants_are_described(resource, text):
    assert access_views.entry_text(resource) == text


def test_answers_that_came_are_not_waited_for():
    both = access("waiting", decided=decided(CENTRAL, PRODUCER))
    assert access_views.waits_for(both) == (CENTRAL, PRODUCER)
    assert access_views.waits_for(answered(both, CENTRAL, "approve", "waiting")) == (PRODUCER,)
    assert access_views.waits_for(access("live", decided=decided(CENTRAL))) == ()


# --- without central -------------------------------------------------------------------------------------------------


class Own(FakeMesh):
    """An account that sees its own table alone: notices, and the accesses that it holds."""

    def __init__(self, *a_notice, held=None):
        super().__init__(sees_central=False)
        self.a_notice, self.held = list(a_notice), held

    def table(self, account):
        assert account == "consumer"
        return self


@pytest.fixture
def own(monkeypatch):
    def use(mesh):
        class Notices:
            def __init__(self, table):
                self.table = table

            def all(self, after=""):
                numbered = enumerate(self.table.a_notice)
                return ({"time": f"t{n}", "id": "e", **each} for n, each in numbered if f"t{n}#e" > after)

        class ConsumerAccesses:
            def __init__(self, table):
                self.table = table

            def get(self, _):
                return self.table.held

        monkeypatch.setattr(event_client, "ledger", lambda where: where.ledger())
        monkeypatch.setattr(event_client, "DynamoNotices", Notices)
        monkeypatch.setattr(event_client, "DynamoConsumerAccesses", ConsumerAccesses)
        monkeypatch.setattr(event_client, "_POLL_SECONDS", 0.0)
        return Watch(mesh, "consumer", ID, Metadata(correlation_id="mine"))

    return use


def a_notice(data, trace="the-trace"):
    event = Event[type(data)](metadata=Metadata(correlation_id=trace), data=data)
    return {"detail_type": data.detail_type(), "detail": event.model_dump(mode="json")}


GRANTED = AccessGranted(
    access=ID,
    receiver=CONSUMER,
    reader="DataAnalyst",
    catalog_id=CENTRAL,
    region="us-east-1",
    entries=(),
    databases=("credit-limits",),
    tables=decided().tables,
    what="credit-limits",
    purpose="audit",
    until=NOW,
    left_out=("limits.email (rule personal: no)",),
)
REVOKED = AccessRevoked(access=ID, receiver=CONSUMER, what="credit-limits", cause="expired", reason=REASON)
DENIED = AccessDenied(access=ID, receiver=CONSUMER, what="credit-limits", reason=REASON)


def test_the_accounts_own_notices_show_the_status(own):
    mesh = Own()
    watch = own(mesh)
    assert (watch.look().status, watch.look().sure) == ("", False)
    mesh.a_notice.append(a_notice(GRANTED))
    assert watch.look().status == "sharing"
    mesh.held = ConsumerAccess(access=ID, state="ready", noted=NOW)
    assert watch.look().status == "live"
    mesh.held = None
    mesh.a_notice.append(a_notice(REVOKED))
    assert watch.look().status == "ending"


def test_anothers_notices_are_not_ours(own):
    other = a_notice(DENIED.model_copy(update={"access": "ac-000000000001"}))
    stranger = a_notice(DecisionRefused(access=ID, reason=REASON), trace="somebody's")
    assert own(Own(other, stranger)).look().refusal is None


@pytest.mark.parametrize("data", [DENIED, DecisionRefused(access=ID, reason=REASON)])
def test_a_received_rejection_ends_the_wait(own, data):
    with pytest.raises(CommandFailed) as caught:
        follow(own(Own(a_notice(data, trace="mine"))), ("live",), quiet=True)
    assert (caught.value.code, caught.value.where["access"]) == (REASON.code, ID)


# --- notices ---------------------------------------------------------------------------------------------------------

ASKED = DecisionRequested(
    access=ID,
    receiver=CONSUMER,
    receiver_domains=("risk",),
    reader="DataAnalyst",
    what="credit-limits",
    purpose="audit",
    until=NOW,
    exposure=decided().exposure,
    rule="confidential",
    why="Ask the owner.",
    approvers=(PRODUCER,),
    answer_by=NOW,
    how=f"mesh approve {ID} --reason …",
)


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        (
            GRANTED,
            ["granted: DataAnalyst can read credit-limits until", 'SQL    SELECT * FROM "rl_credit', "left out:"],
        ),
        (DENIED, ["denied: credit-limits", "Not for this purpose.", "next: ask for less"]),
        (REVOKED, ["has ended (expired): credit-limits"]),
        (
            AccessExpiring(access=ID, receiver=CONSUMER, what="w", reader="", until=NOW),
            ["ends", "the account", "--until"],
        ),
        (
            ASKED,
            [
                "requests access to credit-limits for DataAnalyst of 333333333333",
                "30 confidential/none",
                "mesh approve",
            ],
        ),
        (ASKED.model_copy(update={"reminder": 1}), ["reminder: "]),
        (DecisionRefused(access=ID, reason=REASON), ["the decision was rejected", "Not for this purpose."]),
        (ProductRetired(product="credit-limits", reason="replaced"), ["credit-limits is retired: replaced"]),
    ],
)
def test_notices_of_accesses_are_text_not_json(capsys, width, data, parts):
    notices.render({"time": NOW.isoformat(), **a_notice(data)})
    said = capsys.readouterr().out
    assert fits(said, width)
    words = " ".join(said.split())
    assert all(part in words for part in (" ".join(part.split()) for part in parts))
    assert json.dumps("access") not in said
