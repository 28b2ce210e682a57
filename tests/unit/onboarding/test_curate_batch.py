"""A round of raw objects: curated, held, or waiting for a recipe; nothing lost, nothing twice."""

import json

import pytest
from mesh.domain.events import ProposalSettled, Reason
from mesh.domain.onboarding.budgets import MAX_RAW
from mesh.domain.onboarding.quarantine import HeldObjects
from mesh.usecases.onboarding.batches import LEASE, TakeBatch, Taking, read_batch, take_batch
from mesh.usecases.onboarding.curate_batch import TIME_OF_A_CALL, Curating, curate_batch
from mesh.usecases.onboarding.curation import CurationRound, read_curation
from mesh.usecases.onboarding.receive_recipe import receive_recipe
from mesh.usecases.onboarding.rounds import ProductFacts
from mesh.usecases.onboarding.settle_batch import SettleBatch, settle_batch

from tests.builders import BUCKET
from tests.fakes import (
    FakeClock,
    FakeLanding,
    FakeObjects,
    FakeQuarantine,
    FakeRawUploads,
    FakeTrace,
    FakeUploads,
    FakeWorkFiles,
)
from tests.unit.onboarding.curation.recipes import step

RENAME = [step("RENAME", sourceColumn="a", targetColumn="b")]
WORK = "mesh-work"


class World:
    """A producer with a registered product, and short ways to act."""

    def __init__(self, max_bytes=MAX_RAW):
        self.max_bytes = max_bytes
        self.objects, self.uploads, self.work = FakeObjects(), FakeUploads(), FakeWorkFiles()
        self.raw, self.clock, self.trace = FakeRawUploads(self.uploads), FakeClock(), FakeTrace()
        self.quarantine = FakeQuarantine()
        self.uploads.put_product("loans", {"link": "rl_loans"})

    def put(self, name, body="a,n\nx,1\n", size=None):
        ref = self.objects.put(BUCKET, f"loans/raw/loans/{name}", body)
        ref = ref.model_copy(update={"size": size}) if size else ref
        assert self.uploads.add_pending("loans", [ref], "c")
        return ref

    def put_recipe(self, steps):
        ref = self.objects.put(BUCKET, "loans/recipe.json", json.dumps(steps))
        return receive_recipe(ref, "loans", objects=self.objects, raw=self.raw)

    def take(self, holder="run"):
        command = TakeBatch(product="loans", holder=holder, correlation_id="c")
        self.batch = take_batch(
            command,
            using=Taking(
                bucket=BUCKET, uploads=self.uploads, landing=FakeLanding(self.objects), work=self.work,
                clock=self.clock,
            ),
        )  # fmt: skip
        return self.batch

    def round(self, holder="run"):
        batch = self.batch
        return CurationRound(
            product="loans", generation=batch.generation, work=batch.work, correlation_id="c", facts=ProductFacts(),
            raw=batch.status == "raw", holder=holder,
        )  # fmt: skip

    def curate(self, holder="run"):
        return curate_batch(
            self.round(holder),
            using=Curating(
                objects=self.objects, landing=FakeLanding(self.objects), uploads=self.uploads, raw=self.raw,
                work=self.work, clock=self.clock, trace=self.trace, bucket=WORK, max_bytes=self.max_bytes,
            ),
        )  # fmt: skip

    def settle(self, holder="run", answer=None):
        return settle_batch(
            SettleBatch(**self.round(holder).model_dump(), answer=answer),
            uploads=self.uploads, raw=self.raw, objects=self.objects, quarantine=self.quarantine, work=self.work,
            clock=self.clock,
        )  # fmt: skip

    def run(self):
        """Take, curate to the end, settle."""
        assert self.take().status == "raw"
        while (curated := self.curate()).remaining:
            pass
        return curated, self.settle()

    def curation(self):
        return read_curation(self.work, self.batch.work)

    def held(self):
        """The one object that is held."""
        [held] = self.curation().held
        return held

    def made(self):
        """Texts of what the round made, in the order of their raw keys."""
        refs = [ref for ref in read_batch(self.work, self.batch.work) if ref.curated]
        return [self.objects.read(WORK, ref.curated.key, limit=10_000).decode() for ref in refs]

    def pending(self):
        return [ref.key for ref, _ in self.uploads.pending("loans", 100)]


def test_raw_objects_keep_their_identity_and_locate_their_rows():
    world = World()
    world.put_recipe(RENAME)
    ref = world.put("dt=2026-11-21/größe.csv")
    world.take()

    assert world.curate().model_dump() == {
        "curated": 1, "held": 0, "waiting": 0, "removed": 0, "remaining": 0, "jobs": 0,
    }  # fmt: skip
    [curated] = read_batch(world.work, world.batch.work)
    assert curated.model_copy(update={"curated": None}) == ref
    assert curated.curated.bucket == WORK
    assert curated.curated.key.startswith("runs/loans/00000001/curated/")
    assert (curated.curated.size, len(curated.curated.recipe)) == (8, 64)
    assert curated.content.key == curated.curated.key
    assert curated.digest == f"{ref.etag}+{curated.curated.recipe}"
    assert world.made() == ["b,n\nx,1\n"]
    assert "raw objects curated" in world.trace.said()
    assert [key for key in world.objects.keys(BUCKET) if "/data/" in key] == []


def test_json_lines_stay_json_lines():
    world = World()
    world.put_recipe(RENAME)
    world.put("a.jsonl", '{"a": 1.50}\n')

    assert world.run()[0].curated == 1
    assert world.made() == ['{"b": 1.50}\n']


def test_without_a_recipe_objects_wait_and_the_recipe_frees_them():
    world = World()
    world.put("a.csv")

    curated, settled = world.run()
    assert (curated.curated, curated.held, curated.waiting) == (0, 0, 1)
    assert (settled.outcome, settled.held, settled.more) == ("nothing", 0, False)
    assert world.pending() == []

    world.put_recipe(RENAME)
    assert world.pending() == ["loans/raw/loans/a.csv"]
    assert world.run()[0].curated == 1


def test_a_recipe_that_arrives_while_objects_are_set_aside_is_not_missed():
    world = World()
    world.put("a.csv")
    world.take()
    hold = world.raw.hold

    def slow(product, refs):
        world.put_recipe(RENAME)  # it finds nothing that waits yet
        hold(product, refs)

    world.raw.hold = slow
    assert world.curate().waiting == 1
    assert world.settle().more is True
    assert world.pending() == ["loans/raw/loans/a.csv"]


def test_what_the_recipe_does_not_fit_is_held_and_waits_for_the_next_one():
    world = World()
    world.put_recipe(RENAME)
    world.put("a.csv", "z,n\nx,1\n")

    curated, _ = world.run()
    assert (curated.curated, curated.held, curated.waiting) == (0, 1, 1)
    reason = world.held().reason
    assert (reason.code, reason.where["step"], reason.where["bucket"]) == ("RecipeColumnMissing", 1, BUCKET)
    assert reason.remedy.endswith("The object is curated again with the next recipe.")
    assert world.pending() == []

    world.put_recipe([step("RENAME", sourceColumn="z", targetColumn="b")])
    assert world.run()[0].curated == 1


def test_objects_whose_recipe_is_no_more_are_held_and_wait_for_the_next_one():
    """It was deleted a year ago, and its version expired."""
    world = World()
    world.put_recipe(RENAME)
    world.objects.delete(BUCKET, "loans/recipe.json")
    world.put("a.csv")

    curated, settled = world.run()
    assert (curated.held, curated.waiting, curated.remaining, settled.more) == (1, 1, 0, False)
    assert world.held().reason.code == "RecipeGone"

    world.put_recipe(RENAME)
    assert world.run()[0].curated == 1


def test_a_newer_version_of_a_waiting_object_is_the_only_one_taken_up():
    world = World()
    world.put("a.csv")
    world.run()
    newer = world.put("a.csv", "a,n\nnew,1\n")

    world.put_recipe(RENAME)

    assert [ref for ref, _ in world.uploads.pending("loans", 9)] == [newer]
    assert world.raw.held == {}


def test_what_an_audit_found_is_read_as_the_version_that_is_there():
    """No listing names it; what is uploaded while it is read would be read in its place."""
    world = World()
    world.put_recipe(RENAME)
    ref = world.objects.put(BUCKET, "loans/raw/loans/a.csv", "a,n\nx,1\n")
    world.uploads.add_pending("loans", [ref.evolve(version_id=None)], "c")
    world.take()

    world.curate()

    [read] = read_batch(world.work, world.batch.work)
    assert (read.version_id, read.sequencer) == (ref.version_id, ref.sequencer)


@pytest.mark.parametrize(
    ("name", "body", "code", "waits"),
    [
        ("a.csv", "a,n\n1\n", "RaggedRows", False),
        ("a.csv", "", "EmptyFile", False),
        ("a.parquet", "PAR1", "RawFormatUnsupported", False),
        ("dt=/a.csv", "a,n\n1,2\n", "InvalidPartition", False),
        ("a.csv", "a,n\n,1\n", "NothingLeft", True),
    ],
)
def test_what_is_broken_is_held_where_it_is_and_the_rest_curated(name, body, code, waits):
    world = World()
    world.put_recipe([step("REMOVE_MISSING", sourceColumn="a")])
    world.put(name, body)
    world.put("good.csv")
    world.take()

    curated = world.curate()

    assert (curated.curated, curated.held, curated.waiting) == (1, 1, int(waits))
    assert (world.held().reason.code, world.held().releasable) == (code, False)
    assert (BUCKET, f"loans/raw/loans/{name}") in world.objects.content


def test_an_object_that_its_owner_deleted_is_a_deletion():
    world = World()
    world.put_recipe(RENAME)
    ref = world.put("a.csv")
    world.objects.delete(BUCKET, ref.key)
    world.take()

    assert (world.curate().removed, world.curation().held) == (1, ())
    assert [(one.key, one.deleted) for one in read_batch(world.work, world.batch.work)] == [(ref.key, True)]


@pytest.mark.parametrize("recipe", [None, RENAME])
def test_after_a_deletion_the_present_object_counts(recipe):
    world = World()
    if recipe:
        world.put_recipe(recipe)
    ref = world.put("a.csv")
    gone = ref.model_copy(update={"deleted": True, "sequencer": "FF", "version_id": None})
    world.uploads.add_pending("loans", [gone], "c")
    world.uploads.add_pending("loans", [gone.model_copy(update={"key": "loans/raw/loans/b.csv"})], "c")
    world.take()

    state = world.curate()

    assert (state.curated + state.waiting, state.removed) == (1, 1)
    there, _ = read_batch(world.work, world.batch.work)
    assert (there.version_id, there.sequencer, there.deleted) == (ref.version_id, "FF", False)


def test_a_call_takes_on_so_much_keeps_the_lease_and_the_next_one_goes_on():
    world = World()
    write = world.objects.write

    def slow(*arguments, **more):
        world.clock.move(TIME_OF_A_CALL * 0.6)
        write(*arguments, **more)

    world.objects.write = slow
    world.put_recipe(RENAME)
    for number in range(3):
        world.put(f"{number}.csv")
    world.take()

    left = [world.curate().remaining]
    began = world.clock.now()
    left.append(world.curate().remaining)

    assert left == [1, 0]
    assert world.uploads.leases["loans"][1] == began + LEASE
    assert world.made() == ["b,n\nx,1\n"] * 3


def test_a_step_that_is_tried_again_finds_its_own_result():
    world = World()
    world.put_recipe(RENAME)
    world.put("a.csv")
    world.put("b.csv", "z\n1\n2\n")
    world.take()

    first = world.curate()
    batch = read_batch(world.work, world.batch.work)
    world.put_recipe([])  # the round keeps its recipe
    assert world.curate() == first
    assert read_batch(world.work, world.batch.work) == batch
    assert [len(world.objects.content[WORK, key]) for key in world.objects.keys(WORK)] == [1]


def test_data_are_taken_before_raw_data_and_never_with_them():
    world = World()
    world.put_recipe(RENAME)
    world.put("a.csv")
    ref = world.objects.put(BUCKET, "loans/data/loans/d.csv", "b,n\n1,2\n")
    world.uploads.add_pending("loans", [ref], "c")

    assert world.take().status == "taken"
    assert [one.key for one in read_batch(world.work, world.batch.work)] == ["loans/data/loans/d.csv"]
    assert world.settle().more is True
    assert world.take("next").status == "raw"


CRASHED = ProposalSettled(
    product="loans",
    proposal="00000000",
    outcome="refused",
    reason=Reason(code="FunctionCrashed", message="CurateBatch crashed, or took too long, twice in a row"),
)


def test_raw_objects_that_broke_the_curation_are_held_and_no_longer_pending():
    world = World()
    world.put_recipe(RENAME)
    refs = [world.put("a.csv"), world.put("b.csv")]
    world.take()

    settled = world.settle(answer=CRASHED)

    assert (settled.held, settled.more, world.pending()) == (2, False, [])
    listed = HeldObjects.validate_json(world.objects.read(BUCKET, "loans/reports/00000001.held.json", limit=10_000))
    assert [(item.key, item.reason.code, item.releasable) for item in listed] == [
        (ref.key, "FunctionCrashed", True) for ref in refs
    ]


def test_deletions_in_a_batch_that_broke_a_function_wait_for_another_round_and_make_none_by_themselves():
    world = World()
    world.put_recipe(RENAME)
    world.put("a.csv")
    gone = world.put("b.csv").model_copy(update={"deleted": True, "sequencer": "ff"})
    world.uploads.add_pending("loans", [gone], "c")
    world.take()

    settled = world.settle(answer=CRASHED)
    assert (settled.held, settled.more, world.pending()) == (1, True, [gone.key])

    world.take()
    settled = world.settle(answer=CRASHED)
    assert (settled.held, settled.more, world.pending()) == (0, False, [gone.key])


def test_what_a_call_held_before_the_next_one_broke_keeps_its_reason():
    world = World()
    world.put_recipe(RENAME)
    world.put("a.csv", "n,n\n1,2\n")
    world.take()
    assert world.curate().held == 1
    world.put("b.csv")

    world.settle(answer=CRASHED)

    [item] = HeldObjects.validate_json(world.objects.read(BUCKET, "loans/reports/00000001.held.json", limit=10_000))
    assert item.reason.code == "DuplicateColumns"
