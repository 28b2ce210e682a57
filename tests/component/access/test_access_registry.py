"""The record of accesses: one suite for the fake and for DynamoDB, so that what one proves holds for the other."""

from datetime import timedelta

import pytest
from mesh.adapters.dynamodb.access_registry import DynamoAccessRegistry
from mesh.domain.access.record import AlreadyRequested
from mesh.domain.contracts.product import ConcurrentChange

from tests.builders import CONSUMER, PRODUCER, an_access
from tests.fakes import NOON, FakeAccessRegistry

FIRST, SECOND = "ac-000000000001", "ac-000000000002"


@pytest.fixture(params=["fake", "dynamodb"])
def accesses(request):
    return FakeAccessRegistry() if request.param == "fake" else DynamoAccessRegistry(request.getfixturevalue("table"))


def test_an_access_is_as_it_was_opened(accesses):
    assert accesses.access(FIRST) is None

    opened = accesses.open(an_access(FIRST))

    assert opened == an_access(FIRST) == accesses.access(FIRST)


def test_a_redelivered_request_gives_back_what_stands(accesses):
    accesses.save(accesses.open(an_access(FIRST)).moved("waiting", NOON, "asked"))

    again = accesses.open(an_access(FIRST))

    assert (again.status, again.revision) == ("waiting", 1)
    assert [each.id for each in accesses.newest()] == [FIRST]


def test_a_request_that_is_recorded_meanwhile_is_given_back(accesses, monkeypatch):
    """Its event was delivered twice at once: it is not its own obstacle."""
    first, found = accesses.open(an_access(FIRST)), accesses.access
    unseen = iter([None])
    monkeypatch.setattr(accesses, "access", lambda each: next(unseen, found(each)))

    assert accesses.open(an_access(FIRST)) == first


@pytest.mark.parametrize("status", ["requested", "waiting", "granting", "sharing"])
def test_the_same_request_is_not_accepted_twice(accesses, status):
    accesses.save(accesses.open(an_access(FIRST)).moved(status, NOON, "so far"))

    with pytest.raises(AlreadyRequested) as refused:
        accesses.open(an_access(SECOND, until=NOON + timedelta(days=90)))

    assert refused.value.where["access"] == FIRST
    assert accesses.access(SECOND) is None
    assert [each.id for each in accesses.held_by(CONSUMER)] == [FIRST]


@pytest.mark.parametrize("status", ["live", "ending", "ended", "denied"])
def test_an_answered_request_may_be_repeated(accesses, status):
    accesses.save(accesses.open(an_access(FIRST)).moved(status, NOON, "answered"))

    assert accesses.open(an_access(SECOND)).id == SECOND

    with pytest.raises(AlreadyRequested, match=SECOND):
        accesses.open(an_access("ac-000000000003"))


@pytest.mark.parametrize("other", [{"receiver": PRODUCER}, {"reader": "DataScientist"}, {"purpose": "audit"}])
def test_a_different_request_is_a_different_access(accesses, other):
    accesses.open(an_access(FIRST))

    assert accesses.open(an_access(SECOND, **other)).id == SECOND


def test_of_two_at_once_one_is_taken(table):
    """The second has looked before the first wrote."""
    first, late = DynamoAccessRegistry(table), DynamoAccessRegistry(table)
    looked = table.get
    seen = []

    def slow(pk, sk):
        found = looked(pk, sk)
        if pk.startswith("REQUEST#") and not seen:
            seen.append(found)
            first.open(an_access(FIRST))
        return found

    table.get = slow
    with pytest.raises(ConcurrentChange):
        late.open(an_access(SECOND))

    assert seen == [None]
    assert late.access(SECOND) is None
    assert [each.id for each in first.newest()] == [FIRST]
    with pytest.raises(AlreadyRequested, match=FIRST):
        late.open(an_access(SECOND))


def test_only_who_has_seen_the_last_revision_writes(accesses):
    opened = accesses.open(an_access(FIRST))
    saved = accesses.save(opened.moved("waiting", NOON, "asked"))

    with pytest.raises(ConcurrentChange):
        accesses.save(opened.moved("denied", NOON, "no"))

    assert (saved.revision, accesses.access(FIRST)) == (1, saved)


def test_held_are_those_of_the_account_that_are_not_over(accesses):
    for number, status in enumerate(("requested", "granting", "live", "ending", "ended", "denied")):
        opened = accesses.open(an_access(f"ac-{number:012d}", reader=f"Role{number}"))
        accesses.save(opened.moved(status, NOON, "so far"))
    accesses.open(an_access("ac-000000000009", receiver=PRODUCER))

    held = {each.id: each.status for each in accesses.held_by(CONSUMER)}

    assert list(held.values()) == ["requested", "granting", "live", "ending"]
    assert [each.id for each in accesses.held_by(PRODUCER)] == ["ac-000000000009"]


def test_the_newest_come_first_whatever_became_of_them(accesses):
    for number in (2, 1, 3):
        asked = NOON + timedelta(minutes=number)
        accesses.open(an_access(f"ac-{number:012d}", reader=f"Role{number}", asked_at=asked))
    accesses.save(accesses.access("ac-000000000003").moved("denied", NOON, "no"))

    assert [each.id[-1] for each in accesses.newest()] == ["3", "2", "1"]


def test_a_token_is_of_one_step_and_used_once(accesses):
    accesses.open(an_access(FIRST))
    accesses.keep_token(FIRST, "decision", "t-1")
    accesses.keep_token(FIRST, "ready", "t-2")

    assert (accesses.token(FIRST, "decision"), accesses.token(SECOND, "decision")) == ("t-1", None)
    for _ in range(2):
        accesses.drop_token(FIRST, "decision", "t-1")
    assert (accesses.token(FIRST, "decision"), accesses.token(FIRST, "ready")) == (None, "t-2")


def test_a_token_is_replaced_but_for_another_executions_of_the_same_order(accesses):
    for token, execution in (("t-1", "run-1"), ("t-2", "run-2")):
        accesses.keep_token(FIRST, "released", token, order="e-1", execution=execution)
    assert accesses.token(FIRST, "released") == "t-1"
    accesses.keep_token(FIRST, "released", "t-3", order="e-1", execution="run-1")
    assert accesses.token(FIRST, "released") == "t-3", "the next attempt of the execution that waits"
    accesses.keep_token(FIRST, "released", "t-4", order="e-2", execution="run-2")
    assert accesses.token(FIRST, "released") == "t-4"


def test_a_token_that_was_replaced_releases_nothing(accesses):
    accesses.keep_token(FIRST, "decision", "old")
    accesses.keep_token(FIRST, "decision", "new")

    accesses.drop_token(FIRST, "decision", "old")
    assert accesses.token(FIRST, "decision") == "new"
    assert accesses.access(FIRST) is None
