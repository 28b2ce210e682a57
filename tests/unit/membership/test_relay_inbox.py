"""A member's inbox: each event once, from central alone."""

import json

import pytest
from mesh.domain.events import SubscriptionRequested
from mesh.usecases.membership.relay_inbox import InboxMessage, NotFromCentral, UnknownEvent, notice_of, relay_inbox
from pydantic import ValidationError

from functions.membership.relay_inbox import app
from tests.builders import CONSUMER, CORRELATION, PRODUCER, PRODUCT, an_envelope
from tests.fakes import NOON, FakeBus, FakeNotices, topic_of


def a_message(**changes):
    detail = an_envelope(SubscriptionRequested(product=PRODUCT)).detail
    facts = {"topic_arn": topic_of(CONSUMER), "detail_type": "SubscriptionRequested", "detail": detail, **changes}
    return notice_of(InboxMessage(**facts), NOON, topic_arn=topic_of(CONSUMER))


def of_event(number):
    """A message of its own event."""
    message = a_message()
    metadata = message.metadata.model_copy(update={"id": number})
    return message._replace(metadata=metadata, detail={**message.detail, "metadata": {"id": number}})


class World:
    """A member's ports."""

    def __init__(self):
        self.notices, self.bus = FakeNotices(), FakeBus()

    def relay(self, **messages):
        return relay_inbox(messages or {"m": a_message()}, notices=self.notices, bus=self.bus)

    def put(self):
        """Ids of the events that are on the bus."""
        return [json.loads(detail)["metadata"]["id"] for _, detail in self.bus.events]


def test_a_message_is_stored_and_put_on_the_members_own_bus():
    world = World()

    assert world.relay().new == ("e-1",)
    assert list(world.notices.stored) == ["e-1"]
    assert [kind for kind, _ in world.bus.events] == ["SubscriptionRequested"]
    assert world.notices.notified == [CORRELATION]


def test_a_redelivered_message_is_relayed_once():
    world = World()
    world.relay(a=of_event("e-1"))

    assert world.relay(a=of_event("e-1"), b=of_event("e-2"), c=of_event("e-2")).new == ("e-2",)
    assert world.put() == ["e-1", "e-2"]
    assert list(world.notices.stored) == ["e-1", "e-2"]


def test_events_rejected_by_the_bus_are_redelivered_and_the_rest_is_relayed():
    world = World()
    message = of_event("e-1")
    world.bus.refused = {json.dumps(message.detail)}

    relayed = world.relay(a=message, b=of_event("e-2"), c=message)
    assert (relayed.new, relayed.failed.keys()) == (("e-2",), {"a", "c"})
    assert list(world.notices.stored) == ["e-2"], "it may not count as relayed"
    world.bus.refused = set()
    assert (world.relay(a=message, c=message).failed, world.put()) == ({}, ["e-2", "e-1"])


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
    ],
)
def test_a_message_that_is_not_from_central_is_not_relayed(changes, error):
    with pytest.raises(error):
        a_message(**changes)


def test_a_field_that_this_release_does_not_know_is_passed_on():
    """Seen: one more field, and no notice or revocation of a newer central arrived."""
    newer = {"metadata": {"id": "e-1", "priority": 2}, "data": {"product": PRODUCT, "urgent": True}}
    world = World()

    assert world.relay(m=a_message(detail=newer)).new == ("e-1",)
    assert [json.loads(detail) for _, detail in world.bus.events] == [newer]
    assert list(world.notices.stored) == ["e-1"]


def test_a_malformed_message_does_not_block_others(monkeypatch):
    world = World()
    monkeypatch.setenv("TABLE_NAME", "mesh")
    monkeypatch.setenv("HISTORY_DAYS", "400")
    monkeypatch.setenv("RECORD_DAYS", "90")
    monkeypatch.setenv("OWN_BUS_NAME", "mesh-consumer")
    monkeypatch.setenv("MEMBER_TOPIC_ARN", topic_of(CONSUMER))
    monkeypatch.setattr(app.wiring, "notices", lambda _: world.notices)
    monkeypatch.setattr(app.wiring, "bus", lambda _: world.bus)

    def record(message_id, **changes):
        message = of_event(f"e-{message_id}")
        body = {
            "TopicArn": topic_of(CONSUMER), "MessageAttributes": {"detail-type": {"Value": message.detail_type}},
            "Message": json.dumps(message.detail), **changes,
        }  # fmt: skip
        return {"messageId": message_id, "body": json.dumps(body)}

    records = [
        record("foreign", TopicArn=topic_of(PRODUCER)),
        record("good"),
        record("broken", Message="{"),
        record("refused"),
    ]
    records.append({"messageId": "none", "body": "[]"})
    world.bus.refused = {json.loads(records[3]["body"])["Message"]}
    answer = app.lambda_handler({"Records": records}, None)

    failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
    assert (failed, world.put()) == ({"foreign", "broken", "none", "refused"}, ["e-good"])
