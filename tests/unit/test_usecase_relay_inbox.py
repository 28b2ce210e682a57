"""A member's inbox: each event once, from central alone."""

import pytest
from mesh.domain.events import SubscriptionRequested
from mesh.usecases.relay_inbox import InboxMessage, NotFromCentral, UnknownEvent, relay_inbox
from pydantic import ValidationError

from tests.builders import CONSUMER, CORRELATION, PRODUCER, PRODUCT, an_envelope
from tests.fakes import FakeBus, FakeClock, FakeNotices, topic_of


class World:
    """A member's ports."""

    def __init__(self):
        self.notices, self.bus = FakeNotices(), FakeBus()

    def relay(self, **changes):
        detail = an_envelope(SubscriptionRequested(product=PRODUCT)).detail
        facts = {"topic_arn": topic_of(CONSUMER), "detail_type": "SubscriptionRequested", "detail": detail, **changes}
        return relay_inbox(
            InboxMessage(**facts),
            topic_arn=topic_of(CONSUMER),
            notices=self.notices,
            bus=self.bus,
            clock=FakeClock(),
        )


def test_a_message_is_stored_and_put_on_the_members_own_bus():
    world = World()

    assert world.relay().new
    assert list(world.notices.stored) == ["e-1"]
    assert [kind for kind, _ in world.bus.events] == ["SubscriptionRequested"]
    assert world.notices.told == [CORRELATION]


def test_a_message_that_comes_again_is_relayed_once():
    world = World()
    world.relay()

    assert not world.relay().new
    assert len(world.bus.events) == 1


def test_a_crash_between_bus_and_record_repeats_the_event():
    world = World()
    add = world.notices.add
    world.notices.add = lambda *_: (_ for _ in ()).throw(RuntimeError("crashed"))
    with pytest.raises(RuntimeError):
        world.relay()
    world.notices.add = add

    assert world.relay().new
    assert len({detail for _, detail in world.bus.events}) == 1


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"topic_arn": topic_of(PRODUCER)}, NotFromCentral),
        ({"detail_type": "Invented"}, UnknownEvent),
        ({"detail": {"metadata": {"id": "x"}, "data": {"product": "NO"}}}, ValidationError),
        ({"detail": {"data": {"product": PRODUCT, "extra": 1}}}, ValidationError),
    ],
)
def test_what_is_no_message_of_central_is_not_relayed(changes, error):
    world = World()

    with pytest.raises(error):
        world.relay(**changes)

    assert (world.bus.events, world.notices.stored) == ([], {})
