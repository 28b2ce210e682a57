"""A consumer accepts a share, verifies it, and releases it."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from mesh.domain.access.consumer_access import (
    ConsumerAccess,
    ProofFailed,
    QueryRefused,
    QueryState,
    proving_query,
    quoted,
)
from mesh.domain.access.record import AccessOver, UnknownAccess
from mesh.domain.contracts.claims import LinkTaken
from mesh.domain.contracts.product import ConcurrentChange
from mesh.domain.events import (
    AccessDenied,
    AccessGranted,
    AccessRevoked,
    Envelope,
    GrantEntry,
    ReadableTable,
    Reason,
)
from mesh.domain.governance.product_rights import grant_entry
from mesh.domain.shares import NotYetShared, ShareRefused
from mesh.usecases.access.accept_share import LOCK, accept_share
from mesh.usecases.access.explain_access import UnknownRole
from mesh.usecases.access.release_share import release_access
from mesh.usecases.access.verify_access import ProofStep, verify_access
from pydantic import ValidationError

from tests.builders import CENTRAL, CONSUMER, an_envelope
from tests.consumer_fakes import FakeConsumerAccesses, FakeQueries, FakeReaders, FakeResourceLinks, FakeShares
from tests.fakes import NOON, FakeClock, FakeLakeFormation, FakeLocks

ACCESS, LATER = "ac-0123456789ab", "ac-0123456789cd"
ANALYST = f"arn:aws:iam::{CONSUMER}:role/DataAnalyst"
OWN = f"arn:aws:iam::{CONSUMER}:role/own"
RUN = "execution-1"
EXPRESSION = [{"TagKey": "product", "TagValues": ["cards"]}]
DEFAULT = {"Database": {"CatalogId": CONSUMER, "Name": "default"}}


def entry(resource, *permissions):
    return GrantEntry(resource=resource, permissions=permissions)


def database(name="cards"):
    return entry({"Database": {"CatalogId": CENTRAL, "Name": name}}, "DESCRIBE")


def table(*permissions, name="cards"):
    return entry({"Table": {"CatalogId": CENTRAL, "DatabaseName": name, "Name": "t1"}}, *permissions)


def a_grant(access=ACCESS, **changes):
    shape = {
        "access": access,
        "receiver": CONSUMER,
        "reader": "DataAnalyst",
        "catalog_id": CENTRAL,
        "region": "us-east-1",
        "entries": (database(), table("SELECT", "DESCRIBE")),
        "databases": ("cards",),
        "tables": (ReadableTable(database="cards", table="t1", columns=("id", "amount")),),
        "what": "product cards",
        "purpose": "risk-modelling",
        "until": datetime(2027, 1, 31, tzinfo=UTC),
    }
    return AccessGranted(**{**shape, **changes})


def an_end(access=ACCESS):
    reason = Reason(code="Revoked", message="over")
    return AccessRevoked(access=access, receiver=CONSUMER, what="it", cause="revoked", reason=reason)


@pytest.fixture
def world():
    lake = FakeLakeFormation()
    return SimpleNamespace(
        accesses=FakeConsumerAccesses(),
        shares=FakeShares(),
        links=FakeResourceLinks("cards", "loans"),
        lake=lake,
        readers=FakeReaders(lake, DataAnalyst=ANALYST, Other=f"{ANALYST}2"),
        queries=FakeQueries(),
        locks=FakeLocks(),
        clock=FakeClock(),
    )


def take(world, *names):
    return {name: getattr(world, name) for name in names}


def envelope(data) -> Envelope:
    return an_envelope(data, account=CONSUMER)


def take_up(world, granted=None):
    return accept_share(
        envelope(granted or a_grant()),
        account=CONSUMER,
        catalog=world.links,
        **take(world, "accesses", "readers", "shares", "links", "lake", "locks", "clock"),
    )


def prove(world, access=ACCESS, execution=RUN, attempt=0):
    step = ProofStep(access=access, execution=execution, attempt=attempt)
    return verify_access(step, own_role=OWN, **take(world, "accesses", "readers", "queries"))


def accept(world, granted=None):
    return prove(world, take_up(world, granted).access)


def release(world, data=None, execution="release-1"):
    return release_access(
        envelope(data or an_end()),
        execution=execution,
        account=CONSUMER,
        own_role=OWN,
        **take(world, "accesses", "lake", "readers", "links", "locks", "clock"),
    )


def held_by(world, role=ANALYST):
    """What the role holds of what was shared; not that it sees `default`, which it keeps."""
    return [
        (next(iter(grant["Resource"])), tuple(grant["Permissions"]))
        for grant in world.lake.grants
        if grant["Principal"]["DataLakePrincipalIdentifier"] == role and grant["Resource"] != DEFAULT
    ]


def test_accepted_linked_granted_proved(world):
    done = accept(world)

    assert done.state == "ready"
    assert done.announcement["data"]["proved_as"] == ANALYST
    assert done.announcement["data"]["links"] == ["rl_cards"]
    assert world.links.targets == {"rl_cards": (CENTRAL, "cards")}
    assert held_by(world) == [
        ("Database", ("DESCRIBE",)),
        ("Database", ("DESCRIBE",)),
        ("Table", ("SELECT", "DESCRIBE")),
    ]
    assert all(grant["PermissionsWithGrantOption"] == [] for grant in world.lake.grants)
    assert world.accesses.records[ACCESS].state == "ready"


def test_the_reader_sees_default_which_athena_asks_for_and_keeps_it(world):
    accept(world)

    assert world.links.defaults == 1
    [shown] = [grant for grant in world.lake.grants if grant["Resource"] == DEFAULT]
    assert (shown["Principal"]["DataLakePrincipalIdentifier"], shown["Permissions"]) == (ANALYST, ["DESCRIBE"])
    release(world)
    assert held_by(world) == []
    assert DEFAULT in [grant["Resource"] for grant in world.lake.grants]


def test_an_access_of_a_whole_account_makes_no_default(world):
    take_up(world, a_grant(reader=""))

    assert world.links.defaults == 0


def test_pending_invitations_are_accepted_and_others_left(world):
    world.shares = FakeShares("PENDING", "ACCEPTED", "PENDING")

    take_up(world)

    assert {invitation.status for invitation in world.shares.found.values()} == {"ACCEPTED"}


def test_what_is_not_seen_yet_is_waited_for(world):
    world.links.shown.clear()

    with pytest.raises(NotYetShared, match="cards"):
        take_up(world)

    world.links.shown.add("cards")
    assert take_up(world).outcome == "accepted"


@pytest.mark.parametrize("status", ["REJECTED", "EXPIRED"])
def test_a_share_that_the_account_let_go_is_said(world, status):
    world.shares = FakeShares("ACCEPTED", status)
    world.links.shown.clear()

    with pytest.raises(ShareRefused, match=status):
        take_up(world)


def test_an_old_refusal_does_not_matter_where_the_share_is_there(world):
    world.shares = FakeShares("REJECTED", "ACCEPTED", "REJECTED")

    assert take_up(world).outcome == "accepted"


def test_an_unknown_role_leaves_no_record(world):
    with pytest.raises(UnknownRole, match="Nobody"):
        take_up(world, a_grant(reader="Nobody"))

    assert world.accesses.records == {}


def test_no_reader_no_local_grants(world):
    done = accept(world, a_grant(reader=""))

    assert world.lake.grants == []
    assert done.announcement["data"]["proved_as"] == OWN


def test_a_taken_link_is_left_as_it_is(world):
    world.links.targets["rl_cards"] = (CENTRAL, "loans")

    with pytest.raises(LinkTaken):
        take_up(world)

    assert world.links.targets == {"rl_cards": (CENTRAL, "loans")}
    assert (world.lake.grants, world.locks.held) == ([], set())


def test_an_attempt_after_one_that_was_cut_off_completes_it(world):
    world.locks.elsewhere.add(LOCK)
    with pytest.raises(ConcurrentChange):
        take_up(world)
    assert (world.accesses.records[ACCESS].state, world.lake.grants) == ("accepting", [])

    world.locks.elsewhere.clear()
    for _ in range(2):
        take_up(world)

    assert len(held_by(world)) == 3
    assert world.links.targets == {"rl_cards": (CENTRAL, "cards")}


def test_ready_once_is_ready_again_with_the_same_event(world):
    first = accept(world)

    again = take_up(world)

    assert again.outcome == "ready"
    assert {**again.announcement["metadata"], "time": ""} == {**first.announcement["metadata"], "time": ""}
    assert again.announcement["data"] == first.announcement["data"]


def test_nothing_is_proved_after_the_end(world):
    take_up(world)
    release(world)

    with pytest.raises(AccessOver):
        prove(world)

    assert held_by(world) == []
    assert world.links.targets == {}


def test_what_ends_while_it_is_taken_up_is_not_passed_on(world):
    class EndsMeanwhile(FakeShares):
        def invitations(self, owner):
            release(world)
            return super().invitations(owner)

    world.shares = EndsMeanwhile()

    with pytest.raises(AccessOver):
        take_up(world)

    assert held_by(world) == []
    assert world.links.targets == {}


def test_a_grant_after_its_end_is_not_accepted(world):
    release(world)

    with pytest.raises(AccessOver):
        take_up(world)


def test_an_access_that_was_never_noted_is_unknown(world):
    with pytest.raises(UnknownAccess):
        prove(world)


def test_each_call_of_an_attempt_finds_its_query_and_another_attempt_starts_one(world):
    take_up(world)
    world.queries.answer = QueryState(state="running")

    for _ in range(2):
        assert prove(world).state == "running"
    assert len(world.queries.started) == 1
    prove(world, attempt=1)
    prove(world, execution="execution-2")
    assert len(world.queries.started) == 3


@pytest.mark.parametrize(
    ("changes", "sql"),
    [
        ({}, 'SELECT "id", "amount" FROM "rl_cards"."t1" LIMIT 1'),
        ({"tables": ()}, ""),
        ({"entries": (database(), table("DESCRIBE"))}, ""),
        (
            {"tables": (ReadableTable(database="cards", table="t1", columns=('a"b', "order")),)},
            'SELECT "a""b", "order" FROM "rl_cards"."t1" LIMIT 1',
        ),
    ],
)
def test_the_proving_query(world, changes, sql):
    take_up(world, a_grant(**changes))

    assert proving_query(world.accesses.records[ACCESS]) == sql
    assert bool(prove(world).announcement["data"]["query_execution_id"]) == bool(sql)
    assert bool(world.queries.started) == bool(sql)


def test_quotes_are_doubled():
    assert quoted('a"; DROP') == '"a""; DROP"'


def test_a_reader_that_cannot_be_acted_as_is_proved_by_its_grants_and_the_own_role(world):
    world.queries.untrusting.add(ANALYST)
    take_up(world)
    grants, world.lake.grants[:] = list(world.lake.grants), []
    with pytest.raises(ProofFailed, match="does not hold"):
        prove(world)

    world.lake.grants[:] = grants

    assert prove(world).announcement["data"]["proved_as"] == OWN
    assert [role for _, role in world.queries.started.values()] == [""]


def test_a_running_query_is_polled(world):
    take_up(world)
    world.queries.answer = QueryState(state="running")

    assert prove(world).state == "running"
    assert world.accesses.records[ACCESS].state == "accepting"


def test_a_failed_query_gives_athena_s_reason(world):
    take_up(world)
    world.queries.answer = QueryState(state="failed", reason="COLUMN_NOT_FOUND: line 1:8")

    with pytest.raises(ProofFailed, match="COLUMN_NOT_FOUND"):
        prove(world)


def test_a_query_that_athena_does_not_take(world):
    take_up(world)
    world.queries.refusal = "Queries of this type are not supported"

    with pytest.raises(QueryRefused):
        prove(world)


def test_released_without_a_trace(world):
    accept(world)

    done = release(world)

    assert (done.outcome, done.links_removed) == ("released", ("rl_cards",))
    assert held_by(world) == []
    assert world.links.targets == {}
    assert world.accesses.written[-2:] == ["releasing", "over"]


def test_a_second_end_changes_nothing(world):
    accept(world)
    release(world)
    accept(world, a_grant(LATER))
    grants = list(world.lake.grants)

    assert release(world, execution="release-2").outcome == "over"
    assert release(world, execution="release-1").outcome == "released", "the same run, after a lost answer"
    assert world.lake.grants == grants
    assert world.links.targets


def test_permissions_that_another_access_needs_stay(world):
    accept(world)
    accept(world, a_grant(LATER, entries=(database(), table("DESCRIBE"))))

    done = release(world)

    assert done.links_removed == ()
    assert set(held_by(world)) == {("Database", ("DESCRIBE",)), ("Table", ("DESCRIBE",))}
    release(world, an_end(LATER))
    assert held_by(world) == []
    assert world.links.targets == {}


def test_another_reader_s_grants_do_not_keep_ours(world):
    accept(world)
    accept(world, a_grant(LATER, reader="Other"))

    release(world)

    assert held_by(world) == []
    assert len(held_by(world, f"{ANALYST}2")) == 3
    assert "rl_cards" in world.links.targets


def test_a_link_that_leads_elsewhere_by_now_stays(world):
    accept(world)
    world.links.targets["rl_cards"] = (CENTRAL, "loans")

    assert release(world).links_removed == ()
    assert world.links.targets == {"rl_cards": (CENTRAL, "loans")}


def test_an_access_that_could_not_be_accepted_is_released(world):
    take_up(world)

    done = release(world, a_grant())

    assert done.outcome == "released"
    assert world.links.targets == {}


def test_what_another_run_made_ready_is_kept(world):
    accept(world)

    assert release(world, a_grant()).outcome == "kept"
    assert world.accesses.records[ACCESS].state == "ready"
    assert held_by(world)


def test_a_release_that_was_cut_off_is_completed(world):
    accept(world)
    held = world.accesses.records[ACCESS]
    world.accesses.save(held.model_copy(update={"state": "releasing"}))

    assert release(world).outcome == "released"
    assert held_by(world) == []


def test_nothing_is_released_while_somebody_else_writes(world):
    accept(world)
    world.locks.elsewhere.add(LOCK)

    with pytest.raises(ConcurrentChange):
        release(world)

    assert held_by(world)


def test_a_denial_of_what_was_never_granted_leaves_a_tombstone(world):
    denied = AccessDenied(access=ACCESS, receiver=CONSUMER, what="it", reason=Reason(code="Denied", message="no"))

    assert release(world, denied).outcome == "released"
    assert world.accesses.records[ACCESS] == ConsumerAccess(
        access=ACCESS, state="over", noted=NOON, ended_by="release-1", revision=2
    )


def test_an_access_without_a_proper_id_is_malformed(world):
    denied = AccessDenied(access="?", receiver=CONSUMER, what="it", reason=Reason(code="Denied", message="no"))

    with pytest.raises(ValidationError):
        release(world, denied)


# --- what people passed on --------------------------------------------------------------------------------------------

COLLEAGUE = f"arn:aws:iam::{CONSUMER}:role/Colleague"


def pass_on_by_hand(world, entry, to=COLLEAGUE, *, grantable=False):
    world.lake.grant([grant_entry(to, entry.resource, list(entry.permissions), grantable=grantable)])


def test_what_was_passed_on_by_hand_ends_with_the_access(world):
    """The same as was given, and less by name; with its grant option."""
    accept(world)
    narrower = entry({"Table": {"CatalogId": CENTRAL, "DatabaseName": "cards", "Name": "t1"}}, "DESCRIBE")
    pass_on_by_hand(world, database())
    pass_on_by_hand(world, narrower, grantable=True)
    pass_on_by_hand(world, table("SELECT"), ANALYST, grantable=True)
    release(world)
    assert held_by(world, COLLEAGUE) == held_by(world) == []


def test_of_a_whole_account_too(world):
    accept(world, a_grant(reader=""))
    pass_on_by_hand(world, table("SELECT", "DESCRIBE"))
    release(world)
    assert held_by(world, COLLEAGUE) == []


def test_what_another_access_gave_as_well_stays(world):
    accept(world)
    accept(world, a_grant(LATER, reader="Other"))
    pass_on_by_hand(world, table("SELECT", "DESCRIBE"))
    release(world)
    assert held_by(world, COLLEAGUE) == [("Table", ("SELECT", "DESCRIBE"))]
    assert held_by(world, f"{ANALYST}2") != []
    release(world, an_end(LATER), "release-2")
    assert held_by(world, COLLEAGUE) == []


def test_of_tags_what_only_this_access_had_ends_and_what_names_a_database_of_another_stays(world):
    by_tags = entry(
        {"LFTagPolicy": {"CatalogId": CENTRAL, "ResourceType": "TABLE", "Expression": EXPRESSION}}, "SELECT"
    )
    accept(world, a_grant(entries=(by_tags,)))
    accept(world, a_grant(LATER, reader="Other", entries=(database(), table("DESCRIBE"))))
    pass_on_by_hand(world, by_tags)
    pass_on_by_hand(world, table("DESCRIBE"))
    release(world)
    assert held_by(world, COLLEAGUE) == [("Table", ("DESCRIBE",))]
