"""The owner's word on held objects: released as the versions that were checked, rejected, superseded by later ones."""

import pytest
from mesh.domain.contracts.product import ConcurrentChange
from mesh.domain.events import MalformedEvent, QuarantineDecided
from mesh.domain.onboarding.quarantine import (
    AlreadyReplaced,
    BatchAlreadyDecided,
    HeldBatch,
    HeldObject,
    HeldObjects,
    HeldObjectsDeleted,
    NotReleasable,
    UnknownBatch,
)
from mesh.usecases.onboarding.decide_quarantine import Deciding, decide_quarantine
from mesh.usecases.onboarding.held_objects import read_listing, supersede

from tests.builders import BUCKET, CORRELATION, NOON, PRODUCT, an_envelope, take_lease
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

REASON = {"code": "ValueNotInEnum", "message": "zoe is none of them"}
A, B = "credit-card/data/t/a.csv", "credit-card/data/t/b.csv"
RUN = "00000003"


class World:
    """Two objects were uploaded, taken, checked and held where they are."""

    def __init__(self, *, unreadable=(), releasable=True, listed=False):
        self.objects, self.quarantine, self.bus = FakeObjects(), FakeQuarantine(), FakeBus()
        self.trace, self.uploads, self.executions = FakeTrace(), FakeUploads(), FakeExecutions()
        self.refs = {key: self.upload(key, "id\n1\n") for key in (A, B)}
        if listed:
            self.refs = {key: ref.evolve(version_id=None) for key, ref in self.refs.items()}
        self.uploads.settle(PRODUCT, self.refs.values())
        batch = HeldBatch(
            product=PRODUCT, run=RUN, bucket=BUCKET, correlation_id=CORRELATION, reason=REASON, objects=2,
            releasable=releasable, held_at=NOON,
        )  # fmt: skip
        held = tuple(
            HeldObject(key=key, size=5, reason=REASON, ref=ref, releasable=key not in unreadable)
            for key, ref in self.refs.items()
        )
        self.objects.write(BUCKET, batch.listing, HeldObjects.dump_json(held), "")
        self.quarantine.hold(batch)

    def upload(self, key, text):
        ref = self.objects.put(BUCKET, key, text)
        assert self.uploads.add_pending(PRODUCT, [ref], CORRELATION)
        return ref

    def decide(self, decision="release", event="e-1", **changes):
        request = QuarantineDecided(product=PRODUCT, run=RUN, decision=decision, reason="a new name", by="the steward")
        envelope = an_envelope(request)
        envelope.detail["metadata"]["id"] = event
        envelope.detail["data"] |= changes
        using = Deciding(
            quarantine=self.quarantine, objects=self.objects, landing=FakeLanding(self.objects), uploads=self.uploads,
            executions=self.executions, bus=self.bus, trace=self.trace, clock=FakeClock(),
        )  # fmt: skip
        return decide_quarantine(envelope, using=using)

    def supersede(self, *keys, run="00000004"):
        supersede(PRODUCT, run, set(keys), quarantine=self.quarantine, objects=self.objects)

    @property
    def batch(self):
        return self.quarantine.batch(PRODUCT, RUN)

    @property
    def waiting(self):
        return [ref for ref, _ in self.uploads.pending(PRODUCT, 10)]

    @property
    def left(self):
        return next(facts["left"] for _, what, facts in self.trace.notes if what == "released")


def test_the_very_versions_wait_again_with_tickets_and_a_run_is_started():
    world = World()
    before = {key: list(world.objects.content[BUCKET, key]) for key in (A, B)}

    closed = world.decide()

    assert world.waiting == list(world.refs.values())
    ticket = world.quarantine.ticket(PRODUCT, A)
    assert (ticket.version_id, ticket.by, ticket.reason) == ("1", "the steward", "a new name")
    assert len(world.executions.started) == 1
    assert (closed.data.outcome, closed.data.objects) == ("released", 2)
    assert (world.batch.status, world.batch.decided_by) == ("released", "the steward")
    assert {key: world.objects.content[BUCKET, key] for key in (A, B)} == before


def test_what_an_audit_found_is_released_though_no_listing_names_its_version():
    world = World(listed=True)

    world.decide()

    assert [ref.key for ref in world.waiting] == [A, B]
    assert world.quarantine.ticket(PRODUCT, A).version_id == world.refs[A].etag


def test_no_second_run_starts_beside_one_that_looks_for_more():
    world = World()
    take_lease(world.uploads, PRODUCT, "a run", NOON.replace(hour=13), NOON)

    world.decide()

    assert world.executions.started == {}
    assert len(world.waiting) == 2


def test_a_rejected_batch_leaves_everything_as_it_is():
    world = World()

    world.decide("reject")

    assert (world.batch.status, world.waiting, world.executions.started) == ("rejected", [], {})
    assert world.objects.exists(BUCKET, A)
    with pytest.raises(BatchAlreadyDecided, match="rejected by the steward"):
        world.decide(event="e-2")
    [code] = [facts["reason"]["code"] for _, what, facts in world.trace.notes if what == "refused"]
    assert code == "BatchAlreadyDecided"


def test_a_newer_upload_is_not_replaced_by_the_held_one():
    world = World()
    newer = world.upload(A, "id\n2\n")
    world.uploads.settle(PRODUCT, [newer])

    closed = world.decide()

    assert world.waiting == [world.refs[B]]
    assert world.quarantine.ticket(PRODUCT, A) is None
    assert (closed.data.objects, world.left) == (1, {"replaced": 1})


def test_an_upload_during_the_release_stays_the_one_that_waits(monkeypatch):
    """Its event comes after we looked at S3, and before the held version waits again."""
    world, put = World(), FakeQuarantine.put_ticket
    newer = []

    def put_ticket(self, product, key, ticket):
        put(self, product, key, ticket)
        if key == A:
            newer.append(world.upload(A, "id\n2\n"))

    monkeypatch.setattr(FakeQuarantine, "put_ticket", put_ticket)

    closed = world.decide()

    assert world.waiting == [newer[0], world.refs[B]]
    assert (closed.data.objects, world.left) == (1, {"replaced": 1})


def test_a_deleted_object_is_named_and_the_others_are_released():
    world = World()
    world.objects.delete(BUCKET, A)

    world.decide()

    assert world.waiting == [world.refs[B]]
    assert world.left == {"deleted": 1}


def test_a_batch_of_which_nothing_is_left_is_refused_and_stays_open():
    deleted, replaced = World(), World()
    for key in (A, B):
        deleted.objects.delete(BUCKET, key)
        replaced.upload(key, "id\n2\n")

    with pytest.raises(HeldObjectsDeleted) as refusal:
        deleted.decide()
    assert refusal.value.where["keys"] == [A, B]
    assert f"mesh reject {PRODUCT}/{RUN}" in refusal.value.remedy
    with pytest.raises(AlreadyReplaced, match="uploaded again"):
        replaced.decide()
    assert (deleted.batch.status, replaced.batch.status) == ("held", "held")
    assert deleted.quarantine.tickets == {}


def test_findings_that_no_release_overrules_are_left_out():
    world = World(unreadable=(A,))

    closed = world.decide()

    assert world.waiting == [world.refs[B]]
    assert (closed.data.objects, world.left) == (1, {"unreadable": 1})
    with pytest.raises(NotReleasable):
        World(unreadable=(A, B), releasable=False).decide()


def test_the_same_decision_twice_makes_nothing_wait_twice():
    world = World()
    first = world.decide()
    world.uploads.settle(PRODUCT, world.refs.values())

    second = world.decide()

    assert first.metadata.id == second.metadata.id
    assert world.waiting == []
    assert len(world.executions.started) == 1


@pytest.mark.parametrize("breaks_at", ["put_ticket", "save"])
def test_a_release_that_dies_is_finished_by_its_retry(breaks_at, monkeypatch):
    world, calls = World(), []
    whole = getattr(world.quarantine, breaks_at)

    def dies(*arguments, **named):
        calls.append(1)
        if len(calls) == 2:
            raise ConcurrentChange("gone")
        return whole(*arguments, **named)

    monkeypatch.setattr(world.quarantine, breaks_at, dies)
    with pytest.raises(ConcurrentChange):
        world.decide()
    world.decide()

    assert world.waiting == list(world.refs.values())
    assert world.batch.status == "released"


def test_a_later_upload_supersedes_the_held_object():
    world = World()

    world.supersede(A)

    assert (world.batch.status, world.batch.superseded) == ("held", 1)
    marks = {item.key: item.superseded_by for item in read_listing(world.batch, world.objects)}
    assert marks == {A: "00000004", B: ""}
    world.supersede(A, run="00000005")
    assert read_listing(world.batch, world.objects)[0].superseded_by == "00000004"


def test_a_superseded_object_is_not_released_although_its_version_is_current_again():
    world = World()
    world.supersede(A)

    world.decide()

    assert world.waiting == [world.refs[B]]


def test_a_batch_whose_objects_are_all_superseded_is_closed():
    world = World()

    world.supersede(A, B)

    assert world.batch.status == "superseded"
    with pytest.raises(BatchAlreadyDecided, match="superseded"):
        world.decide()


def test_the_run_that_held_them_and_older_ones_supersede_nothing():
    world = World()

    world.supersede(A, B, run=RUN)
    world.supersede(A, B, run="00000002")

    assert world.batch.superseded == 0


def test_a_batch_that_is_decided_is_not_marked():
    world = World()
    world.decide("reject")

    world.supersede(A, B)

    assert (world.batch.status, world.batch.superseded) == ("rejected", 0)


def test_marks_that_were_written_before_the_record_are_counted_by_the_retry(monkeypatch):
    world = World()
    with monkeypatch.context() as patch:
        patch.setattr(world.quarantine, "save", lambda *_, **__: (_ for _ in ()).throw(ConcurrentChange("died")))
        with pytest.raises(ConcurrentChange):
            world.supersede(A)

    world.supersede(A)

    assert world.batch.superseded == 1


def test_of_two_decisions_at_once_one_counts():
    """The second reads the batch before the first has written it, and finds it changed when it writes."""
    world = World()
    stale = world.batch
    world.decide()
    world.quarantine.batch = lambda product, run: stale

    for decision in ("release", "reject"):
        with pytest.raises(ConcurrentChange):
            world.decide(decision, event=f"e-{decision}")

    del world.quarantine.batch
    assert world.batch.status == "released"


def died_releasing(monkeypatch):
    """A world in which a release came to its end before the first object waited again."""
    world = World()

    def dies(*arguments):
        raise ConcurrentChange("gone")

    with monkeypatch.context() as patch:
        patch.setattr(world.uploads, "add_again", dies)
        with pytest.raises(ConcurrentChange):
            world.decide()
    return world


def test_a_batch_that_is_being_released_cannot_be_rejected(monkeypatch):
    world = died_releasing(monkeypatch)

    with pytest.raises(BatchAlreadyDecided, match="releasing by the steward"):
        world.decide("reject", event="e-2")
    world.decide()
    assert world.waiting == list(world.refs.values())


def test_a_release_that_died_for_good_is_finished_by_another_one(monkeypatch):
    world = died_releasing(monkeypatch)

    closed = world.decide(event="e-2")

    assert (world.batch.status, world.batch.decision, closed.data.outcome) == ("released", "e-2", "released")
    assert world.waiting == list(world.refs.values())
    with pytest.raises(BatchAlreadyDecided, match="released by"):
        world.decide(event="e-3")


@pytest.mark.parametrize("changes", [
    {"product": "../other"}, {"product": "credit-card/x"}, {"run": "../00000003"}, {"run": "3"}, {"run": "0000000٣"},
    {"reason": ""}, {"by": ""},
])  # fmt: skip
def test_a_decision_of_another_form_is_refused(changes):
    world = World()

    with pytest.raises(MalformedEvent):
        world.decide(**changes)
    assert (world.batch.status, world.waiting) == ("held", [])


def test_a_batch_that_was_never_held_is_unknown():
    with pytest.raises(UnknownBatch):
        World().decide(run="00000009")


def is_report(world):
    """Whether the batch's listing is kept for a time alone."""
    return (BUCKET, world.batch.listing) in world.objects.reports


@pytest.mark.parametrize("decision", ["release", "reject"])
def test_the_listing_stays_until_the_batch_is_decided(decision):
    world = World()
    before = world.objects.content[BUCKET, world.batch.listing][-1]
    assert not is_report(world)

    world.decide(decision)

    assert is_report(world)
    assert world.objects.content[BUCKET, world.batch.listing][-1] == before


def test_the_listing_stays_until_all_objects_are_superseded():
    world = World()
    world.upload(A, "id\n2\n")
    world.supersede(A)
    assert not is_report(world)

    world.supersede(A, B)

    assert (is_report(world), world.batch.status) == (True, "superseded")


def test_a_batch_without_its_listing_can_be_rejected():
    world = World()
    world.objects.delete(BUCKET, world.batch.listing)

    assert world.decide("reject").data.outcome == "rejected"
    assert not is_report(world)
