"""Announced contracts: one suite for the fake and for DynamoDB."""

from datetime import timedelta

import pytest
from mesh.adapters.dynamodb.announcements import DynamoAnnouncements
from mesh.domain.contracts.announcement import Announcement

from tests.builders import CONSUMER, PRODUCT
from tests.fakes import NOON, FakeAnnouncements


@pytest.fixture(params=["fake", "dynamodb"])
def announcements(request):
    return FakeAnnouncements() if request.param == "fake" else DynamoAnnouncements(request.getfixturevalue("table"))


def announcement(sequencer="11", declaration="d-1", days=0):
    at = NOON + timedelta(days=days)
    return Announcement(
        product=PRODUCT, declaration=declaration, sequencer=sequencer, registered="1.0.0", contract_version="2.0.0",
        at=at, in_force=at + timedelta(days=30),
    )  # fmt: skip


def test_the_first_of_a_declaration_stands(announcements):
    assert announcements.newest(PRODUCT) is None
    first = announcements.announce(announcement())

    assert announcements.announce(announcement(days=3)) == first == announcements.newest(PRODUCT)


def test_a_newer_one_takes_the_place_of_an_older_one_and_not_the_other_way_round(announcements):
    announcements.announce(announcement())
    newer = announcements.announce(announcement("12", "d-2"))

    assert announcements.announce(announcement()) == newer == announcements.newest(PRODUCT)


def test_who_was_told_is_known_of_the_one_that_is_there(announcements):
    older = announcements.announce(announcement())
    announcements.record_readers(older, (CONSUMER,), told=True)
    assert (announcements.newest(PRODUCT).told, announcements.newest(PRODUCT).readers) == (True, (CONSUMER,))
    newer = announcements.announce(announcement("12", "d-2"))

    announcements.record_readers(older, (CONSUMER,), told=True)

    assert announcements.newest(PRODUCT) == newer


def test_who_waits_for_one_that_is_replaced_is_a_reader_of_the_newer(announcements):
    announcements.record_readers(announcements.announce(announcement()), (CONSUMER,), told=False)
    assert (announcements.newest(PRODUCT).told, announcements.newest(PRODUCT).readers) == (False, (CONSUMER,))

    assert announcements.announce(announcement("12", "d-2")).readers == (CONSUMER,)

    announcements.end(PRODUCT)
    assert announcements.announce(announcement("13", "d-3")).readers == ()


def test_one_that_does_not_come_is_known_as_such_until_a_newer_one_is_announced(announcements):
    announcements.end(PRODUCT)
    announcements.announce(announcement())
    for _ in range(2):
        announcements.end(PRODUCT)

    assert announcements.announce(announcement()).ended
    assert not announcements.announce(announcement("12", "d-2")).ended
