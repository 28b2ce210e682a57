"""Batches: one run at a time, nothing lost, nothing twice."""

from datetime import timedelta

import pytest
from mesh.domain.events import ProposalSettled, Reason
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.usecases.onboarding.batches import LEASE, MAX_OBJECTS, TakeBatch, Taking, read_batch, take_batch
from mesh.usecases.onboarding.rounds import ProductFacts
from mesh.usecases.onboarding.settle_batch import SettleBatch, settle_batch

from tests.builders import BUCKET
from tests.fakes import (
    FakeClock,
    FakeLanding,
    FakeObjects,
    FakeQuarantine,
    FakeRawUploads,
    FakeRevisions,
    FakeTrace,
    FakeUploads,
    FakeWorkFiles,
)


class World:
    """A producer with a registered product, and short ways to act."""

    def __init__(self, *, registered=True):
        self.work, self.clock, self.trace, self.objects = FakeWorkFiles(), FakeClock(), FakeTrace(), FakeObjects()
        self.uploads = FakeUploads(self.trace)
        self.revisions = FakeRevisions(self.uploads)
        if registered:
            self.uploads.put_product("loans", {"database": "loans", "link": "rl_loans"})

    def upload(self, name, sequencer="01"):
        ref = ObjectRef(bucket=BUCKET, key=f"loans/data/loans/{name}", size=1, sequencer=sequencer)
        assert self.uploads.add_pending("loans", [ref], "c")
        return ref

    def take(self, holder="run-1"):
        command = TakeBatch(product="loans", holder=holder, correlation_id="c")
        return take_batch(
            command,
            using=Taking(
                bucket=BUCKET, uploads=self.uploads, landing=FakeLanding(self.objects), work=self.work,
                clock=self.clock,
            ),
        )  # fmt: skip

    def settle(self, batch, holder="run-1", answer=None):
        """The end of a round in which there was nothing to publish, or nothing was."""
        command = SettleBatch(
            product="loans", holder=holder, generation=batch.generation, work=batch.work, correlation_id="c",
            facts=ProductFacts(), answer=answer,
        )  # fmt: skip
        return settle_batch(
            command, uploads=self.uploads, raw=FakeRawUploads(self.uploads), objects=FakeObjects(),
            quarantine=FakeQuarantine(), work=self.work, clock=self.clock,
        )  # fmt: skip

    def fail(self, holder="run-1"):
        """The machine drops the lease."""
        self.uploads.drop_lease("loans", holder)


def test_what_is_pending_is_taken_under_a_generation():
    world = World()
    refs = [world.upload("a.csv"), world.upload("b.csv")]

    batch = world.take()

    assert (batch.status, batch.generation, batch.objects) == ("taken", 1, 2)
    assert batch.facts["link"] == "rl_loans"
    assert list(read_batch(world.work, batch.work)) == refs
    assert world.trace.said() == ["uploads received", "uploads received", "batch taken"]


def test_nothing_pending_takes_no_lease():
    world = World()

    assert world.take().status == "empty"
    assert world.uploads.leases == {}


def a_batch(world, number):
    world.upload(f"{number}.csv")
    batch = world.take(f"run-{number}")
    if batch.status == "taken":
        world.settle(batch, f"run-{number}")
    return batch


def test_two_batches_at_once_and_then_one_in_half_a_minute():
    world = World()

    assert [a_batch(world, number).status for number in range(2)] == ["taken"] * 2
    early = a_batch(world, 2)
    assert (early.status, early.seconds) == ("early", 30)
    assert world.trace.said()[-1] == "batch waits for others"
    world.upload("more.csv")
    assert world.take("run-other").status == "busy", "the run that waits takes what comes meanwhile"
    world.clock.move(timedelta(seconds=30))
    waited = world.take("run-2")
    assert (waited.status, waited.objects, waited.generation) == ("taken", 2, 3)
    world.settle(waited, "run-2")
    world.clock.move(timedelta(seconds=10))
    assert a_batch(world, 4).seconds == 20


def test_a_product_that_rested_has_its_whole_allowance_again():
    world = World()
    for number in range(2):
        a_batch(world, number)
    world.clock.move(timedelta(seconds=60))

    assert [a_batch(world, number).status for number in range(2, 4)] == ["taken"] * 2


def test_a_run_that_waited_and_finds_the_contract_revised_gives_the_lease_back():
    world = World()
    for number in range(2):
        a_batch(world, number)
    assert a_batch(world, 2).status == "early"
    world.objects.put(BUCKET, "loans/contract.yaml", "version: 1.1.0")

    assert world.take("run-2").status == "waiting"
    assert not world.uploads.lease_held("loans", world.clock.now())


def test_a_product_that_waits_for_central_keeps_its_objects():
    world = World(registered=False)
    world.uploads.record_declared("loans", "01")
    world.upload("a.csv")

    assert world.take().status == "waiting"
    assert world.uploads.has_pending("loans")


def test_what_comes_for_a_product_that_was_handed_over_is_held_and_may_be_released_when_it_is_back():
    world = World()
    world.uploads.hand_over("loans", "444444444444", sequencer="")
    ref = world.upload("a.csv")

    batch = world.take()

    assert (batch.status, batch.reason.code, batch.reason.where["owner"]) == ("refused", "HandedOver", "444444444444")
    assert read_batch(world.work, batch.work) == (ref,)
    answer = ProposalSettled(product="loans", proposal="00000000", outcome="refused", reason=batch.reason)
    assert world.settle(batch, answer=answer).held == 1
    assert not world.uploads.has_pending("loans")


def test_data_wait_for_the_newest_revision_of_their_contract():
    """From the upload on, whether its event has come or not, until it is registered or refused."""
    world = World()
    world.upload("a.csv")
    revised = world.objects.put(BUCKET, "loans/contract.yaml", "version: 1.1.0")
    assert world.take().status == "waiting"
    world.revisions.begin("loans", revised, "declared-1")
    assert world.take().status == "waiting"
    assert world.uploads.leases == {}
    world.revisions.settle("loans", "declared-1")
    assert world.take().status == "taken"


def test_data_of_a_product_whose_first_contract_is_on_its_way_get_no_draft():
    world = World(registered=False)
    world.upload("a.csv")
    world.objects.put(BUCKET, "loans/contract.yaml", "version: 1.0.0")

    assert world.take().status == "waiting"


def test_data_without_a_contract_is_taken_as_undeclared():
    world = World(registered=False)
    world.upload("a.csv")

    assert world.take().status == "undeclared"


def test_the_lease_is_taken_by_one_run_only():
    world = World()
    world.upload("a.csv")
    world.take("run-1")

    assert world.take("run-2").status == "busy"


def test_a_retry_of_the_step_gives_the_same_generation():
    world = World()
    world.upload("a.csv")

    assert world.take().generation == world.take().generation == 1


def test_a_lease_that_ended_goes_to_the_next_run_with_a_new_generation():
    world = World()
    world.upload("a.csv")
    world.take("run-1")
    world.clock.move(LEASE + timedelta(seconds=1))

    batch = world.take("run-2")

    assert (batch.status, batch.generation) == ("taken", 2)


def test_a_run_that_lost_its_lease_does_not_drop_the_next_runs():
    world = World()
    world.upload("a.csv")
    world.take("run-1")
    world.clock.move(LEASE + timedelta(seconds=1))
    world.take("run-2")

    world.fail("run-1")

    assert world.take("run-3").status == "busy"


def test_done_settles_the_batch_and_the_product_is_free():
    world = World()
    world.upload("a.csv")

    settled = world.settle(world.take())

    assert not settled.more
    assert not world.uploads.has_pending("loans")
    world.upload("b.csv")
    assert world.take("run-2").generation == 2


def test_what_arrives_during_the_run_is_seen_at_its_end():
    world = World()
    world.upload("a.csv")
    batch = world.take()
    world.upload("b.csv")

    assert world.settle(batch).more
    assert [ref.key for ref, _ in world.uploads.pending("loans", 10)] == ["loans/data/loans/b.csv"]


def test_a_newer_version_that_arrives_during_the_run_stays_pending():
    world = World()
    world.upload("a.csv", "01")
    batch = world.take()
    world.upload("a.csv", "02")

    assert world.settle(batch).more
    assert [ref.sequencer for ref, _ in world.uploads.pending("loans", 10)] == ["02"]


def test_a_deletion_beside_objects_that_central_refuses_has_a_round_of_its_own():
    world = World()
    world.upload("a.csv")
    world.settle(world.take())
    gone = ObjectRef(bucket=BUCKET, key="loans/data/loans/a.csv", size=0, sequencer="02", deleted=True)
    world.uploads.add_pending("loans", [gone], "c")
    world.upload("b.csv")
    reason = Reason(code="BreakingSchemaChange", message="a column is gone")
    answer = ProposalSettled(product="loans", proposal="0000000a", outcome="held", reason=reason)

    settled = world.settle(world.take(), answer=answer)

    assert (settled.held, settled.more, world.uploads.pending("loans", 9)) == (1, True, [(gone, "c")])
    world.clock.move(timedelta(minutes=1))
    assert not world.settle(world.take(), answer=answer).more, "refused by itself it does not go round"


def test_failure_leaves_everything_for_the_next_run_and_does_not_go_round():
    world = World()
    world.upload("a.csv")

    world.take()
    world.fail()

    assert world.take("run-2").objects == 1


def test_a_batch_that_another_run_settled_meanwhile_is_not_taken():
    """Between our look at what is pending and our taking the lease another run took it, settled all and dropped it."""
    world = World()
    world.upload("a.csv")
    take_lease = world.uploads.take_lease

    def settled_first(*args, **named):
        world.uploads.take_lease = take_lease
        world.settle(world.take("run-1"))
        return take_lease(*args, **named)

    world.uploads.take_lease = settled_first

    assert world.take("run-2").status == "busy"
    assert world.take("run-2").status == "empty"
    world.upload("b.csv")
    assert (world.take("run-3").status, world.take("run-3").generation) == ("taken", 2)


@pytest.mark.parametrize("more", [0, 1])
def test_a_round_is_bounded_and_the_rest_goes_round_again(more):
    world = World()
    for number in range(MAX_OBJECTS + more):
        world.upload(f"{number:05d}.csv")

    batch = world.take()

    assert batch.objects == MAX_OBJECTS
    assert world.settle(batch).more == bool(more)


@pytest.mark.parametrize("letter", ["m", "信"])
def test_the_news_of_very_many_held_objects_fits_into_what_a_state_returns(letter):
    """Each of them with the same long reason; a state's limit is of bytes."""
    world = World()
    for number in range(100):
        world.upload(f"{'k' * 900}-{number}.csv")
    where = {"changes": [letter * 300] * 20, "readers": [{"account": "3" * 12, "who": "r" * 200}] * 20}
    reason = Reason(code="BreakingSchemaChange", message=letter * 2000, where=where, remedy="r" * 500)
    answer = ProposalSettled(product="loans", proposal="0000000a", outcome="held", reason=reason)

    settled = world.settle(world.take(), answer=answer)

    assert len(settled.model_dump_json().encode()) < 200_000
    told = settled.news.data
    assert (settled.held, told.objects_count) == (100, 100)
    assert 0 < len(told.objects) < 50
