"""A consumer account looks whether a reader reads, and repairs its own side when central asks for it."""

from datetime import timedelta

import pytest
from mesh.domain.access.consumer_access import ReaderGone, ReaderSuspended
from mesh.domain.access.record import AccessOver, UnknownAccess
from mesh.domain.events import AccessCheckRequested, GrantEntry, ReadableTable
from mesh.usecases.access.check_share import check_share

from tests.builders import CENTRAL, CONSUMER, NOON
from tests.unit.access.test_accept_share import ACCESS, DEFAULT, LATER, a_grant, envelope, prove, release, take, take_up
from tests.unit.access.test_accept_share import world as world  # noqa: PLC0414 - a fixture

RL_CARDS = "rl_cards"


def check(world, *, repair=True, access=ACCESS, **changes):
    shape = {"access": access, "receiver": CONSUMER, "run": "run-1", "repair": repair}
    table = ReadableTable(database="cards", table="t1", columns=("id",))
    return check_share(
        envelope(AccessCheckRequested(**{**shape, "tables": (table,), **changes})),
        account=CONSUMER,
        catalog=world.links,
        **take(world, "accesses", "readers", "shares", "links", "lake", "locks"),
    )


@pytest.fixture
def ready(world):
    take_up(world)
    prove(world)
    return world


def held_by_reader(world):
    return [grant["Resource"] for grant in world.lake.grants if grant["Resource"] != DEFAULT]


def test_a_link_and_local_grants_that_are_gone_are_made_again(ready):
    before = held_by_reader(ready)
    ready.lake.grants.clear()
    ready.links.delete(RL_CARDS)

    check(ready)

    assert held_by_reader(ready) == before
    assert ready.links.target(RL_CARDS) is not None


def test_a_look_changes_nothing(ready):
    ready.lake.grants.clear()
    ready.links.delete(RL_CARDS)

    check(ready, repair=False)

    assert (ready.lake.grants, ready.links.target(RL_CARDS)) == ([], None)


def test_the_query_is_about_what_is_granted_by_now(ready):
    check(ready)

    assert ready.accesses.get(ACCESS).tables[0].columns == ("id",)


def test_an_invitation_that_is_pending_is_accepted(ready):
    ready.shares = type(ready.shares)("PENDING")

    check(ready)

    assert ready.shares.found["arn-0"].status == "ACCEPTED"


@pytest.mark.parametrize("change", ["gone", "another"])
def test_a_reader_whose_role_is_gone_loses_what_it_had(ready, change):
    if change == "gone":
        del ready.readers.roles["DataAnalyst"]
    else:
        ready.readers.ids["DataAnalyst"] = "AROAANOTHER"

    with pytest.raises(ReaderSuspended):
        check(ready)

    assert ready.accesses.get(ACCESS).suspended
    assert held_by_reader(ready) == []


def test_a_look_at_a_role_that_is_gone_says_so_and_changes_nothing(ready):
    before = held_by_reader(ready)
    ready.readers.ids["DataAnalyst"] = "AROAANOTHER"

    with pytest.raises(ReaderGone):
        check(ready, repair=False)

    assert not ready.accesses.get(ACCESS).suspended
    assert held_by_reader(ready) == before


def test_a_suspended_access_stays_so_until_somebody_says_that_the_role_is_the_same(ready):
    before = held_by_reader(ready)
    ready.readers.ids["DataAnalyst"] = "AROAANOTHER"
    for repair in (True, True, False):
        with pytest.raises(ReaderSuspended):
            check(ready, repair=repair)

    check(ready, same_role=True)
    check(ready)

    assert not ready.accesses.get(ACCESS).suspended
    assert held_by_reader(ready) == before


def test_a_role_that_is_gone_cannot_be_confirmed(ready):
    del ready.readers.roles["DataAnalyst"]

    with pytest.raises(ReaderSuspended):
        check(ready, same_role=True)


def test_the_first_role_comes_back_by_itself_only_when_confirmed(ready):
    """Whoever took the name away had it for a while: that is told, and not forgotten."""
    ready.readers.ids["DataAnalyst"] = "AROAANOTHER"
    with pytest.raises(ReaderSuspended):
        check(ready)
    ready.readers.ids.clear()

    with pytest.raises(ReaderSuspended):
        check(ready)


def test_what_another_role_of_the_name_was_granted_meanwhile_stays(ready):
    """Somebody asked for the new role by its name, and was granted."""
    ready.readers.ids["DataAnalyst"] = "AROAANOTHER"
    take_up(ready, a_grant(access=LATER))

    with pytest.raises(ReaderSuspended):
        check(ready)
    check(ready, access=LATER)

    assert held_by_reader(ready) != []


def test_an_access_that_ended_or_was_never_known_is_not_looked_at(ready):
    with pytest.raises(UnknownAccess):
        check(ready, access=LATER)
    release(ready)
    with pytest.raises(AccessOver):
        check(ready)


def a_policy(*values):
    expression = [{"TagKey": "confidentiality", "TagValues": list(values)}]
    policy = {"CatalogId": CENTRAL, "ResourceType": "TABLE", "Expression": expression}
    return GrantEntry(resource={"LFTagPolicy": policy}, permissions=("SELECT",))


def ordered(world, *entries, at=0, **changes):
    """Another order of central's, so many minutes later."""
    order = AccessCheckRequested(
        access=ACCESS, receiver=CONSUMER, run="run-1", repair=True, entries=entries, grants="ab", **changes
    )
    event = envelope(order)
    event.detail["metadata"]["time"] = (NOON + timedelta(minutes=at)).isoformat()
    return check_share(
        event, account=CONSUMER, catalog=world.links,
        **take(world, "accesses", "readers", "shares", "links", "lake", "locks"),
    )  # fmt: skip


def test_what_an_access_consists_of_by_now_is_granted_before_the_rest_is_revoked(ready):
    before = held_by_reader(ready)
    both, new = a_policy("internal", "company"), a_policy("company")
    writes = []
    grant, revoke = ready.lake.grant, ready.lake.revoke
    ready.lake.grant = lambda grants: (writes.append("grant"), grant(grants))
    ready.lake.revoke = lambda grants: (writes.append("revoke"), revoke(grants))

    ordered(ready, both)

    assert writes == ["grant", "revoke"]
    assert both.resource in held_by_reader(ready)
    assert not [each for each in before if each in held_by_reader(ready) and "Database" not in each]
    assert (ready.accesses.get(ACCESS).entries, ready.accesses.get(ACCESS).tables != ()) == ((both,), True)

    ordered(ready, new, at=1)
    assert (both.resource in held_by_reader(ready), new.resource in held_by_reader(ready)) == (False, True)


def test_an_order_that_comes_late_or_again_grants_nothing_old(ready):
    both, new = a_policy("internal", "company"), a_policy("company")
    ordered(ready, both)
    for _ in range(2):
        ordered(ready, new, at=1)

    ordered(ready, both)

    assert both.resource not in held_by_reader(ready)
    assert ready.accesses.get(ACCESS).entries == (new,)


def test_a_reader_that_is_suspended_is_granted_nothing_and_what_it_is_to_have_is_kept(ready):
    del ready.readers.roles["DataAnalyst"]
    new = a_policy("company")

    with pytest.raises(ReaderSuspended):
        ordered(ready, new)

    assert held_by_reader(ready) == []
    assert ready.accesses.get(ACCESS).entries == (new,)
