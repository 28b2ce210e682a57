"""`mesh pin`, `unpin` and `pins`, and what history and notices say of them, with accounts in memory."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import typer
from mesh.domain.contracts.product import ProductVersion
from mesh.domain.events import Metadata, Query
from mesh.domain.publishing.pins import Holder, Pin

from cli import output
from cli.output import CommandFailed
from cli.publishing import history, notice_texts, notices, pin
from tests.builders import CENTRAL, CONSUMER, CORRELATION, PRODUCT, a_product
from tests.fakes import NOON, FakeRegistry


def tomorrow() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)


READY = {
    "product": PRODUCT, "version": 3, "pin": "pin-0123456789ab", "until": "2026-12-21T00:00:00Z", "rows": 800,
    "queries": [Query(catalog_id=CENTRAL, database=PRODUCT, table="credit_card__v3", resource_link="rl_credit-card",
                      sql='SELECT * FROM "rl_credit-card"."credit_card__v3" LIMIT 10').model_dump()],
    "not_reached": ["ac-0123456789ab"],
}  # fmt: skip
REASON = {"code": "NoLiveAccess", "message": "it reads nothing of it", "where": {}, "remedy": "mesh request first"}


def a_pin(*accounts: str) -> Pin:
    holders = tuple(
        Holder(account=each, until=tomorrow(), reason="r", request=each, correlation_id="c", asked_at=NOON)
        for each in accounts
    )
    return Pin(
        id="pin-0123456789ab",
        version=3,
        status="ready",
        holders=holders,
        tables=("credit_card", "a_table_with_a_long_name"),
    )


class Site:
    """Central's registry, one account's notices, and central's notes."""

    def __init__(self, *notified, notes=()):
        self.sent, self.notified, self.notes = [], notified, notes
        self.kept = FakeRegistry()
        self.kept.products[PRODUCT] = a_product(version=3)

    def registry(self):
        return self.kept

    def table(self, account):
        return account

    def trace(self, account):
        return self

    def entries(self, correlation_id):
        return [{"what": what, "facts": facts} for what, facts in self.notes]


@pytest.fixture
def at(monkeypatch):
    """Puts a site behind the commands."""

    def put(site):
        def send(where, account, request):
            site.sent.append((account, request))
            return Metadata(id="e-1", correlation_id=CORRELATION)

        class Notices:
            def __init__(self, table):
                pass

            def all(self, after=""):
                for number, (kind, data) in enumerate(site.notified):
                    detail = {"metadata": {"correlation_id": CORRELATION}, "data": data}
                    yield {"time": f"{number}", "id": str(number), "detail_type": kind, "detail": detail}

        for module in (pin, history):
            monkeypatch.setattr(module, "mesh_context", lambda *_, **__: site)
        monkeypatch.setattr(pin, "send", send)
        monkeypatch.setattr(pin, "DynamoNotices", Notices)
        monkeypatch.setattr(pin, "DEADLINE_SECONDS", 0.2)
        monkeypatch.setattr(pin, "_POLL_SECONDS", 0.01)
        return site

    return put


@pytest.mark.parametrize("width", [80, 120])
def test_what_can_be_read_now_is_said_with_sql_that_can_be_copied(at, capsys, monkeypatch, width):
    monkeypatch.setattr(output.console, "width", width)
    site = at(Site(("PinReady", READY)))

    pin.pin_command(PRODUCT, 3, reason="training", days=30)

    [(account, request)] = site.sent
    assert (account, request.version, request.reason) == ("consumer", 3, "training")
    assert timedelta(days=29) < request.until - datetime.now(UTC) <= timedelta(days=30)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "credit-card version 3 stays readable until 2026-12-21 00:00:00 UTC"
    assert f"  {notice_texts.SQL}{READY['queries'][0]['sql']}" in lines
    assert any("ac-0123456789ab does not include the pinned tables" in line for line in lines)
    assert max(len(line) for line in lines if notice_texts.SQL not in line) <= width


def test_one_document_for_programs(at, capsys):
    at(Site(("PinReady", READY)))

    pin.pin_command(PRODUCT, 3, reason="training", until="2027-01-31", as_json=True)

    found = json.loads(capsys.readouterr().out)
    assert (found["status"], found["rows"], found["correlation_id"]) == ("ready", 800, CORRELATION)


def test_a_refusal_is_an_error_with_what_to_do(at):
    at(Site(("PinRefused", {"reason": REASON})))
    with pytest.raises(CommandFailed, match="it reads nothing of it") as caught:
        pin.pin_command(PRODUCT, 3, reason="training", days=1)
    assert (caught.value.code, caught.value.remedy) == ("NoLiveAccess", "mesh request first")


def test_nothing_is_reported_without_an_answer(at, capsys):
    at(Site())
    with pytest.raises(CommandFailed, match="no answer within"):
        pin.pin_command(PRODUCT, 3, reason="training", days=1)
    pin.pin_command(PRODUCT, 3, reason="training", days=1, wait=False)
    assert "requested" in capsys.readouterr().out


@pytest.mark.parametrize(("until", "days"), [("", 0), ("30d", 30)])
def test_one_end_is_given(at, until, days):
    at(Site())
    with pytest.raises(typer.BadParameter):
        pin.pin_command(PRODUCT, 3, reason="training", until=until, days=days)


def test_central_follows_its_own_story(at, capsys):
    facts = {"product": PRODUCT, "until": "2026-12-21T00:00:00Z"}
    at(Site(notes=(("pin requested", {}), ("pin ready", facts))))
    pin.pin_command(PRODUCT, 3, reason="audit", days=30, account="central")
    assert "stays readable" in capsys.readouterr().out
    at(Site(notes=(("refused", {"reason": REASON}),)))
    with pytest.raises(CommandFailed, match="reads nothing"):
        pin.unpin_command(PRODUCT, 3, account="central")


def test_the_end_is_said(at, capsys):
    at(Site(("PinEnded", {"product": PRODUCT, "version": 3, "cause": "unpinned"})))
    pin.unpin_command(PRODUCT, 3)
    assert "version 3 is no longer pinned for consumer" in capsys.readouterr().out


@pytest.mark.parametrize("width", [80, 120])
def test_pins_fit_the_terminal(at, capsys, monkeypatch, width):
    monkeypatch.setattr(output.console, "width", width)
    site = at(Site())
    site.kept.save_pins(site.kept.pins(PRODUCT).having(a_pin(CONSUMER, CENTRAL)))

    pin.pins_command(PRODUCT)

    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= width
    assert said.count(CONSUMER) == said.count(CENTRAL) == 1
    assert "1 day" in said or "24 hours" in said
    pin.pins_command(PRODUCT, as_json=True)
    [found] = json.loads(capsys.readouterr().out)["pins"]
    assert found["tables"] == ["rl_credit-card.credit_card__v3", "rl_credit-card.a_table_with_a_long_name__v3"]
    assert [holder["account"] for holder in found["holders"]] == [CONSUMER, CENTRAL]


def test_history_marks_what_is_kept(at, capsys):
    site = at(Site())
    version = ProductVersion(
        product=PRODUCT, version=3, run="r", correlation_id="c", contract_version="1", tables=(), changes=(),
        published=NOON,
    )  # fmt: skip
    site.kept.recorded[PRODUCT] = [version]
    site.kept.save_pins(site.kept.pins(PRODUCT).having(a_pin(CONSUMER)))

    history.history_command(PRODUCT)
    assert f"pinned for {CONSUMER} until" in " ".join(capsys.readouterr().out.split())
    history.history_command(PRODUCT, as_json=True)
    [found] = json.loads(capsys.readouterr().out)["versions"]
    assert [holder["account"] for holder in found["pinned"]] == [CONSUMER]


@pytest.mark.parametrize(
    ("kind", "data", "headline"),
    [
        ("PinReady", READY, "credit-card version 3 stays readable until 2026-12-21 00:00:00 UTC"),
        (
            "PinEnded",
            {"product": PRODUCT, "version": 3, "pin": READY["pin"], "cause": "expired"},
            "credit-card version 3 is no longer pinned (expired)",
        ),
        (
            "PinRefused",
            {"product": PRODUCT, "version": 3, "request": "r", "reason": REASON},
            "credit-card: version 3 is not pinned",
        ),
    ],
)
def test_notices_show_it(kind, data, headline):
    event = notices.event_of({"detail_type": kind, "detail": {"data": data}})
    assert notice_texts.headline(event) == headline
    said = list(notice_texts.lines(event))
    assert (
        said
        == {
            "PinReady": [f"{notice_texts.SQL}{READY['queries'][0]['sql']}"],
            "PinEnded": [],
            "PinRefused": ["NoLiveAccess: it reads nothing of it", "next: mesh request first"],
        }[kind]
    )
