"""The owner's word on a held batch: brought back with a ticket, or closed; and what is refused."""

import pytest
from mesh.domain.events import MalformedEvent, QuarantineDecided
from mesh.domain.product import ConcurrentChange
from mesh.domain.quarantine import (
    AlreadyReplaced,
    BatchAlreadyDecided,
    HeldBatch,
    HeldObject,
    NotReleasable,
    TooLargeToRelease,
    UnknownBatch,
    listing_key,
)
from mesh.usecases.decide_quarantine import MAX_COPY, Deciding, decide_quarantine
from mesh.usecases.quarantine_objects import HeldObjects

from tests.builders import BUCKET, CORRELATION, NOON, an_envelope
from tests.fakes import (
    FakeBus,
    FakeClock,
    FakeExecutions,
    FakeLanding,
    FakeObjects,
    FakeQuarantine,
    FakeTrace,
    FakeUploads,
)

KEY, ASIDE = "credit-card/data/t/a.csv", "credit-card/quarantine/00000003/data/t/a.csv"
REASON = {"code": "ValueNotInEnum", "message": "zoe is none of them"}


class World:
    def __init__(self, **held):
        self.objects, self.quarantine, self.bus = FakeObjects(), FakeQuarantine(), FakeBus()
        self.trace, self.uploads, self.executions = FakeTrace(), FakeUploads(), FakeExecutions()
        self.objects.put(BUCKET, ASIDE, "id\n1\n")
        item = HeldObject(key=KEY, moved_to=ASIDE, size=5, reason=REASON)
        self.list(item)
        batch = {"product": "credit-card", "run": "00000003", "bucket": BUCKET, "correlation_id": CORRELATION,
                 "reason": REASON, "objects": 1, "releasable": True, "held_at": NOON}  # fmt: skip
        self.quarantine.hold(HeldBatch.model_validate({**batch, **held}))

    def list(self, *items):
        self.objects.write(BUCKET, listing_key("credit-card", "00000003"), HeldObjects.dump_json(items), "")

    def decide(self, decision, event="e-1", **changes):
        wish = QuarantineDecided(
            product="credit-card", run="00000003", decision=decision, reason="a new name", by="the steward"
        )
        envelope = an_envelope(wish)
        envelope.detail["metadata"]["id"] = event
        envelope.detail["data"] |= changes
        return decide_quarantine(
            envelope,
            using=Deciding(
                quarantine=self.quarantine,
                objects=self.objects,
                landing=FakeLanding(self.objects),
                uploads=self.uploads,
                executions=self.executions,
                bus=self.bus,
                trace=self.trace,
                clock=FakeClock(),
            ),
        )

    @property
    def batch(self):
        return self.quarantine.batch("credit-card", "00000003")


def test_a_released_object_is_back_at_its_key_with_a_ticket_for_its_version():
    world = World()

    closed = world.decide("release")

    assert world.objects.read(BUCKET, KEY, limit=100) == b"id\n1\n"
    assert not world.objects.exists(BUCKET, ASIDE)
    ticket = world.quarantine.ticket("credit-card", KEY)
    assert (ticket.version_id, ticket.by, ticket.reason) == ("1", "the steward", "a new name")
    assert (world.batch.status, world.batch.decided_by, world.batch.why) == ("released", "the steward", "a new name")
    assert closed.data.outcome == "released"
    assert len(world.bus.events) == 1
    assert "released" in world.trace.said()


def test_a_rejected_batch_stays_and_is_closed():
    world = World()

    world.decide("reject")

    assert world.objects.exists(BUCKET, ASIDE)
    assert not world.objects.exists(BUCKET, KEY)
    assert world.batch.status == "rejected"
    with pytest.raises(BatchAlreadyDecided, match="rejected by the steward"):
        world.decide("release", event="e-2")


def test_the_same_decision_delivered_twice_is_one():
    world = World()

    first, second = world.decide("release"), world.decide("release")

    assert first.metadata.id == second.metadata.id
    assert len(world.objects.content[BUCKET, KEY]) == 1
    with pytest.raises(BatchAlreadyDecided):
        world.decide("reject", event="e-2")


@pytest.mark.parametrize("breaks_at", ["delete", "put_ticket", "save"])
def test_a_release_that_dies_in_between_is_completed_by_its_retry(breaks_at, monkeypatch):
    world, calls = World(), []
    place = world.objects if breaks_at == "delete" else world.quarantine
    whole = getattr(place, breaks_at)

    def dies(*arguments, **named):
        calls.append(1)
        if len(calls) == (1 if breaks_at == "delete" else 2):
            raise ConcurrentChange("gone")
        return whole(*arguments, **named)

    monkeypatch.setattr(place, breaks_at, dies)
    with pytest.raises(ConcurrentChange):
        world.decide("release")
    world.decide("release")

    assert world.objects.exists(BUCKET, KEY)
    assert not world.objects.exists(BUCKET, ASIDE)
    assert world.quarantine.ticket("credit-card", KEY).version_id == str(len(world.objects.content[BUCKET, KEY]))
    assert world.batch.status == "released"


def test_what_was_replaced_meanwhile_is_not_put_over_newer_data():
    world = World()
    world.objects.put(BUCKET, KEY, "id\n2\n")

    with pytest.raises(AlreadyReplaced) as refusal:
        world.decide("release")

    assert refusal.value.where["keys"] == [KEY]
    assert world.objects.read(BUCKET, KEY, limit=100) == b"id\n2\n"
    assert world.objects.exists(BUCKET, ASIDE)
    assert world.batch.status == "held"
    assert world.decide("reject").data.outcome == "rejected"


def test_what_is_uploaded_while_the_release_is_on_its_way_is_not_overwritten(monkeypatch):
    world = World()
    whole = world.quarantine.save

    def save(batch, *, was):
        whole(batch, was=was)
        if batch.status == "releasing":
            world.objects.put(BUCKET, KEY, "id\n2\n")

    monkeypatch.setattr(world.quarantine, "save", save)

    world.decide("release")

    assert world.objects.read(BUCKET, KEY, limit=100) == b"id\n2\n"
    assert world.objects.read(BUCKET, ASIDE, limit=100) == b"id\n1\n"
    assert world.quarantine.ticket("credit-card", KEY) is None


def test_of_two_decisions_at_once_one_counts():
    """The second reads the batch before the first has written it, and finds it changed when it writes."""
    world = World()
    stale = world.batch
    world.decide("release")
    world.quarantine.batch = lambda product, run: stale
    world.objects.delete(BUCKET, KEY)  # the consumer of it all: even if its key is free again

    for decision in ("release", "reject"):
        with pytest.raises(ConcurrentChange):
            world.decide(decision, event=f"e-{decision}")

    del world.quarantine.batch
    assert world.batch.status == "released"


def died_releasing(monkeypatch):
    """A world in which a release came to its end before the first object was back."""
    world = World()

    def dies(*arguments):
        raise ConcurrentChange("gone")

    with monkeypatch.context() as patch:
        patch.setattr(world.objects, "copy", dies)
        with pytest.raises(ConcurrentChange):
            world.decide("release")
    return world


def test_a_batch_that_is_being_released_cannot_be_rejected(monkeypatch):
    world = died_releasing(monkeypatch)

    with pytest.raises(BatchAlreadyDecided, match="releasing by the steward"):
        world.decide("reject", event="e-2")
    world.decide("release")
    assert world.objects.exists(BUCKET, KEY)


def test_a_release_that_died_for_good_is_finished_by_another_one(monkeypatch):
    world = died_releasing(monkeypatch)

    closed = world.decide("release", event="e-2")

    assert (world.batch.status, world.batch.decision, closed.data.outcome) == ("released", "e-2", "released")
    assert world.quarantine.ticket("credit-card", KEY).version_id == "1"
    with pytest.raises(BatchAlreadyDecided, match="released by"):
        world.decide("release", event="e-3")


@pytest.mark.parametrize("changes", [
    {"product": "../other"}, {"product": "credit-card/x"}, {"run": "../00000003"}, {"run": "3"}, {"run": "0000000٣"},
    {"reason": ""}, {"by": ""},
])  # fmt: skip
def test_a_decision_of_another_form_is_refused(changes):
    world = World()

    with pytest.raises(MalformedEvent):
        world.decide("release", **changes)
    assert world.batch.status == "held"
    assert world.objects.exists(BUCKET, ASIDE)


def test_what_vanished_before_it_was_held_is_no_obstacle():
    world = World()
    gone = HeldObject(key="credit-card/data/t/gone.csv", moved_to=None, size=5, reason=REASON)
    world.list(HeldObject(key=KEY, moved_to=ASIDE, size=5, reason=REASON), gone)
    world.objects.put(BUCKET, gone.key, "id\n3\n")

    assert world.decide("release").data.outcome == "released"
    assert world.objects.read(BUCKET, gone.key, limit=100) == b"id\n3\n"


def test_what_cannot_be_released():
    with pytest.raises(NotReleasable):
        World(releasable=False).decide("release")
    with pytest.raises(UnknownBatch):
        World().decide("release", run="00000009")
    large = World()
    large.list(HeldObject(key=KEY, moved_to=ASIDE, size=MAX_COPY + 1, reason=REASON))
    with pytest.raises(TooLargeToRelease):
        large.decide("release")
    assert large.objects.exists(BUCKET, ASIDE)
