"""A round of raw objects: curated, set aside, or held for a recipe; nothing lost, nothing twice."""

import json

import pytest
from mesh.domain.curation.objects import MAX_RAW_BYTES
from mesh.usecases.batches import TakeBatch, read_batch, take_batch
from mesh.usecases.curate_batch import TIME_OF_A_CALL, curate_batch
from mesh.usecases.rounds import ProductFacts, Round
from mesh.usecases.quarantine_objects import quarantine_objects
from mesh.usecases.receive_recipe import receive_recipe
from mesh.usecases.release_batch import ReleaseBatch, release_batch

from tests.builders import BUCKET
from tests.fakes import FakeClock, FakeObjects, FakeQuarantine, FakeRawUploads, FakeTrace, FakeUploads, FakeWorkFiles
from tests.unit.domain.curation.recipes import step

RENAME = [step("RENAME", sourceColumn="a", targetColumn="b")]


def quarantine(world):
    return quarantine_objects(
        world.round(), objects=world.objects, work=world.work, quarantine=FakeQuarantine(), clock=FakeClock()
    )


class World:
    """A producer with a registered product, and short ways to act."""

    def __init__(self, max_bytes=MAX_RAW_BYTES):
        self.max_bytes = max_bytes
        self.objects, self.uploads, self.work = FakeObjects(), FakeUploads(), FakeWorkFiles()
        self.raw, self.clock, self.trace = FakeRawUploads(self.uploads), FakeClock(), FakeTrace()
        self.uploads.put_product("loans", {"link": "rl_loans"})

    def put(self, name, body="a,n\nx,1\n", size=None):
        ref = self.objects.put(BUCKET, f"loans/raw/loans/{name}", body)
        ref = ref.model_copy(update={"size": size}) if size else ref
        assert self.uploads.add_pending("loans", ref, "c")
        return ref

    def put_recipe(self, steps):
        ref = self.objects.put(BUCKET, "loans/recipe.json", json.dumps(steps))
        return receive_recipe(ref, "loans", objects=self.objects, raw=self.raw)

    def take(self, holder="run"):
        command = TakeBatch(product="loans", holder=holder, correlation_id="c")
        self.batch = take_batch(command, uploads=self.uploads, work=self.work, clock=self.clock, trace=self.trace)
        return self.batch

    def round(self):
        batch = self.batch
        return Round(
            product="loans", generation=batch.generation, work=batch.work, correlation_id="c", facts=ProductFacts()
        )

    def curate(self):
        return curate_batch(
            self.round(),
            objects=self.objects,
            raw=self.raw,
            work=self.work,
            clock=self.clock,
            trace=self.trace,
            max_bytes=self.max_bytes,
        )

    def release(self, holder="run"):
        command = ReleaseBatch(
            product="loans", holder=holder, generation=self.batch.generation, work=self.batch.work, outcome="done"
        )
        return release_batch(command, uploads=self.uploads, work=self.work)

    def run(self):
        """Take, curate to the end, release."""
        assert self.take().status == "raw"
        while (curated := self.curate()).remaining:
            pass
        return curated, self.release()

    def pending(self):
        return [ref.key for ref, _ in self.uploads.pending("loans", 100)]

    def text(self, key):
        return self.objects.read(BUCKET, key, limit=10_000).decode()


def test_raw_objects_become_data_with_their_origin():
    world = World()
    world.put_recipe(RENAME)
    ref = world.put("dt=2026-11-21/größe.csv")

    curated, released = world.run()

    assert (curated.curated, curated.rejected, curated.held, released.more) == (1, 0, 0, False)
    key = "loans/data/loans/dt=2026-11-21/größe-curated.csv"
    assert world.text(key) == "b,n\nx,1\n"
    metadata = world.objects.metadata[BUCKET, key]
    assert metadata["raw-key"] == "loans/raw/loans/dt=2026-11-21/gr%C3%B6%C3%9Fe.csv"
    assert (metadata["raw-version-id"], len(metadata["recipe-sha256"])) == (ref.version_id, 64)
    assert all(value.isascii() for value in metadata.values())
    assert world.pending() == []
    assert "raw objects curated" in world.trace.said()


def test_a_key_too_long_for_metadata_is_left_out():
    world = World()
    world.put_recipe([])
    world.put("ß" * 450 + ".csv")

    assert world.run()[0].curated == 1
    [metadata] = [found for (_, key), found in world.objects.metadata.items() if "/data/" in key]
    assert sum(len(name) + len(value) for name, value in metadata.items()) < 2048
    assert set(metadata) == {"raw-version-id", "recipe-sha256"}


def test_json_lines_stay_json_lines():
    world = World()
    world.put_recipe(RENAME)
    world.put("a.jsonl", '{"a": 1.50}\n')

    assert world.run()[0].curated == 1
    assert world.text("loans/data/loans/a-curated.jsonl") == '{"b": 1.50}\n'


def test_without_a_recipe_objects_are_held_and_the_recipe_frees_them():
    world = World()
    world.put("a.csv")

    curated, released = world.run()
    assert (curated.curated, curated.rejected, curated.held, released.more) == (0, 0, 1, False)
    assert world.pending() == []

    world.put_recipe(RENAME)
    assert world.pending() == ["loans/raw/loans/a.csv"]
    assert world.run()[0].curated == 1


def test_a_recipe_that_arrives_while_objects_are_being_held_is_not_missed():
    world = World()
    world.put("a.csv")
    world.take()
    hold = world.raw.hold

    def slow(product, refs):
        world.put_recipe(RENAME)  # it finds nothing held yet
        hold(product, refs)

    world.raw.hold = slow
    assert world.curate().held == 1
    assert world.release().more is True
    assert world.pending() == ["loans/raw/loans/a.csv"]


def test_what_the_recipe_does_not_fit_stays_and_is_taken_up_by_the_next_one():
    world = World()
    world.put_recipe(RENAME)
    world.put("a.csv", "z,n\nx,1\n")

    curated, _ = world.run()
    assert (curated.curated, curated.rejected, curated.held) == (0, 1, 1)
    event = quarantine(world)
    assert (event.data.reason.code, event.data.objects[0].moved_to) == ("RecipeColumnMissing", None)
    assert event.data.reason.where["step"] == 1
    assert f"{BUCKET}" == event.data.reason.where["bucket"]
    assert (BUCKET, "loans/raw/loans/a.csv") in world.objects.content
    assert world.pending() == []

    world.put_recipe([step("RENAME", sourceColumn="z", targetColumn="b")])
    assert world.run()[0].curated == 1


def test_a_newer_version_of_a_held_object_is_the_only_one_taken_up():
    world = World()
    world.put("a.csv")
    world.run()
    newer = world.put("a.csv", "a,n\nnew,1\n")

    world.put_recipe(RENAME)

    assert [ref for ref, _ in world.uploads.pending("loans", 9)] == [newer]
    assert world.raw.held == {}


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("a.csv", "a,n\n1\n", "RaggedRows"),
        ("a.csv", "", "EmptyFile"),
        ("a.parquet", "PAR1", "RawFormatUnsupported"),
        ("dt=/a.csv", "a,n\n1,2\n", "InvalidPartition"),
        ("a.csv", "a,n\n,1\n", "NothingLeft"),
    ],
)
def test_what_is_broken_is_moved_to_quarantine_and_the_rest_curated(name, body, code):
    world = World()
    world.put_recipe([step("REMOVE_MISSING", sourceColumn="a")])
    world.put(name, body)
    world.put("good.csv")

    curated, _ = world.run()
    event = quarantine(world)

    assert (curated.curated, curated.rejected, curated.held) == (1, 1, 0)
    assert event.data.reason.code == code
    assert event.data.objects[0].moved_to == f"loans/quarantine/00000001/raw/loans/{name}"
    assert (BUCKET, f"loans/raw/loans/{name}") not in world.objects.content


def test_an_object_that_its_owner_deleted_is_reported_and_nothing_else():
    world = World()
    world.put_recipe(RENAME)
    ref = world.put("a.csv")
    world.objects.delete(BUCKET, ref.key)

    assert world.run()[0].rejected == 1
    event = quarantine(world)
    assert event.data.reason.code == "ObjectGone"


def test_a_call_takes_on_so_much_and_the_next_one_goes_on():
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

    left = [world.curate().remaining for _ in range(2)]

    assert left == [1, 0]
    assert [key for key in world.objects.keys(BUCKET) if "/data/" in key] == [
        f"loans/data/loans/{number}-curated.csv" for number in range(3)
    ]


def test_a_step_that_is_tried_again_finds_its_own_result():
    world = World()
    world.put_recipe(RENAME)
    world.put("a.csv")
    world.put("b.csv", "z\n1\n2\n")
    world.take()

    first = world.curate()
    world.put_recipe([])  # the round keeps its recipe
    assert world.curate() == first
    assert len(world.objects.content[BUCKET, "loans/data/loans/a-curated.csv"]) == 1


def test_data_are_taken_before_raw_data_and_never_with_them():
    world = World()
    world.put_recipe(RENAME)
    world.put("a.csv")
    ref = world.objects.put(BUCKET, "loans/data/loans/d.csv", "b,n\n1,2\n")
    world.uploads.add_pending("loans", ref, "c")

    assert world.take().status == "taken"
    assert [one.key for one in read_batch(world.work, world.batch.work)] == ["loans/data/loans/d.csv"]
    assert world.release().more is True
    assert world.take("next").status == "raw"
