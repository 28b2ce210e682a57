"""Uploads, as S3's events tell of them: at least once, in any order, under any key."""

import json
from datetime import timedelta

import pytest
from mesh.domain.names import MAX_EXECUTION_NAME
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.usecases.onboarding.collect_uploads import Arrival, collect_uploads

from tests.builders import BUCKET, take_lease
from tests.fakes import FakeBus, FakeClock, FakeExecutions, FakeObjects, FakeRawUploads, FakeTrace, FakeUploads


class World:
    """The ports, and a short way to deliver events."""

    def __init__(self):
        self.trace, self.executions = FakeTrace(), FakeExecutions()
        self.uploads = FakeUploads(self.trace)
        self.raw, self.objects = FakeRawUploads(self.uploads), FakeObjects()
        self.clock, self.bus = FakeClock(), FakeBus()

    def deliver(self, *keys, sequencer="01", size=10):
        arrivals = [key if isinstance(key, Arrival) else arrival(key, sequencer, size) for key in keys]
        return collect_uploads(
            arrivals,
            uploads=self.uploads,
            raw=self.raw,
            objects=self.objects,
            executions=self.executions,
            bus=self.bus,
            trace=self.trace,
            clock=self.clock,
        )

    def put_recipe(self, body):
        ref = self.objects.put(BUCKET, "loans/recipe.json", body)
        return self.deliver(Arrival(event_id=f"recipe-{ref.version_id}", ref=ref))

    def pending(self, product="loans"):
        return [(ref.key, ref.sequencer) for ref, _ in self.uploads.pending(product, 100)]


def arrival(key, sequencer="01", size=10):
    ref = ObjectRef(bucket=BUCKET, key=key, size=size, sequencer=sequencer)
    return Arrival(event_id=f"{key}-{sequencer}", ref=ref)


def test_a_run_at_work_takes_what_arrives_meanwhile():
    world = World()
    now = world.clock.now()
    take_lease(world.uploads, "loans", "a run", now + timedelta(minutes=1), now)

    collected = world.deliver("loans/data/loans/a.csv", "cards/data/cards/a.csv")

    assert collected.pending == 2
    assert [name.partition("-")[0] for name in collected.started] == ["cards"]
    world.clock.move(timedelta(minutes=2))
    assert world.deliver("loans/data/loans/b.csv").started, "the lease of a run that died has ended"


def test_a_product_that_is_declared_gets_its_run_from_its_registration():
    world = World()
    world.uploads.record_declared("loans", "01")

    assert (world.deliver("loans/data/loans/a.csv").pending, world.executions.started) == (1, {})
    world.uploads.put_product("loans", {})
    assert world.deliver("loans/data/loans/b.csv").started


def test_objects_wait_and_one_run_starts_for_each_product():
    world = World()

    collected = world.deliver("loans/data/loans/a.csv", "loans/data/loans/b.csv", "cards/data/cards/a.csv")

    assert (collected.pending, collected.ignored, collected.refused) == (3, 0, ())
    assert len(world.executions.started) == 2
    inputs = [json.loads(text) for text in world.executions.started.values()]
    assert {item["product"] for item in inputs} == {"loans", "cards"}
    assert len({item["correlation_id"] for item in inputs}) == 2
    assert all(name.startswith(("loans-", "cards-")) for name in collected.started)


def test_a_batch_delivered_again_starts_nothing_twice():
    world = World()
    world.deliver("loans/data/loans/a.csv")

    again = world.deliver("loans/data/loans/a.csv")

    assert (again.pending, again.ignored) == (0, 1)
    assert len(world.executions.started) == 1


def test_a_duplicate_after_the_object_was_dealt_with_starts_nothing():
    world = World()
    world.deliver("loans/data/loans/a.csv")
    world.uploads.settle("loans", [ref for ref, _ in world.uploads.pending("loans", 10)])
    world.executions.started.clear()

    world.deliver("loans/data/loans/a.csv")

    assert world.pending() == []
    assert world.executions.started == {}


def test_an_older_event_of_a_key_changes_nothing():
    world = World()
    world.deliver("loans/data/loans/a.csv", sequencer="0055AED6DCD90281E5")

    late = world.deliver("loans/data/loans/a.csv", sequencer="0055AED6DCD90281E4FF")

    assert late.ignored == 1
    assert world.pending() == [("loans/data/loans/a.csv", "0055AED6DCD90281E5")]


def test_a_newer_version_replaces_the_waiting_one_within_a_batch_too():
    world = World()

    world.deliver(arrival("loans/data/loans/a.csv", "03"), arrival("loans/data/loans/a.csv", "02"))

    assert world.pending() == [("loans/data/loans/a.csv", "03")]


@pytest.mark.parametrize(
    "key",
    [
        "loans/data/loans/",
        "loans/",
        "loans/data/loans/_SUCCESS",
        "loans/data/loans/.hidden",
        "loans/raw/loans/_SUCCESS",
        "loans/raw/loans/.tmp/a.csv",
        "loans/reports/recipe.json",
        "loans/published/loans/iceberg/data/0a1b.parquet",
        "loans/published/loans/iceberg/metadata/0a1b.metadata.json",
        "loans/reports/00000001.html",
        "loans/reports/00000001/data/loans/a.csv.refusal.json",
        "reports/0a1b.refusal.json",
    ],
)
def test_objects_that_are_not_data_are_skipped_silently(key):
    world = World()

    collected = world.deliver(key, size=0)

    assert (collected.pending, collected.ignored, collected.refused) == (0, 1, ())
    assert world.executions.started == {}


def test_a_folder_called_reports_within_a_table_is_data():
    world = World()

    assert world.deliver("loans/data/loans/reports/a.csv").pending == 1


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("loans/data/../secret/a.csv", "UnsafeKey"),
        ("loans/data//loans/a.csv", "UnsafeKey"),
        ("loans/data/./a.csv", "UnsafeKey"),
        ("stray.csv", "UnknownPrefix"),
        ("Loans/data/loans/a.csv", "UnknownPrefix"),
        ("loans/other/a.csv", "UnknownPrefix"),
        ("loans/data/a.csv", "UnknownPrefix"),
        ("loans/data/loans/dt=/a.csv", "InvalidPartition"),
        ("loans/data/loans/a=1/a=2/x.csv", "InvalidPartition"),
    ],
)
def test_a_key_that_can_belong_to_no_table_is_refused_with_its_reason(key, code):
    world = World()

    [refused] = world.deliver(key).refused

    assert (refused.ref.key, refused.reason["code"]) == (key, code)
    assert world.executions.started == {}
    [(kind, told)] = world.bus.events
    assert (kind, json.loads(told)["data"]["reason"]["code"]) == ("ProductQuarantined", code)


@pytest.mark.parametrize(
    "name",
    [
        "with space.csv",
        "a+b.csv",
        "a%2Fb.csv",
        "größe.csv",
        "🦊.csv",
        "x" * (1024 - len("loans/data/loans/.csv")) + ".csv",
    ],
)
def test_odd_keys_are_taken_as_they_are(name):
    world = World()
    key = f"loans/data/loans/{name}"
    assert len(key.encode()) <= 1024

    world.deliver(key)

    assert world.pending() == [(key, "01")]


def test_good_objects_go_on_beside_refused_ones():
    world = World()

    collected = world.deliver("loans/data//a.csv", "loans/data/loans/a.csv", "loans/data/loans/")

    assert (collected.pending, collected.ignored, len(collected.refused), len(collected.started)) == (1, 1, 1, 1)


def test_a_run_has_a_name_that_step_functions_takes():
    world = World()
    product = "p" * 63

    [name] = world.deliver(f"{product}/data/t/a.csv").started

    assert len(name) <= MAX_EXECUTION_NAME


RENAME = '[{"Action": {"Operation": "RENAME", "Parameters": {"sourceColumn": "a", "targetColumn": "b"}}}]'


def test_raw_objects_wait_for_a_run_as_data_do():
    world = World()

    collected = world.deliver("loans/raw/loans/a.csv")

    assert (collected.pending, len(collected.started)) == (1, 1)
    assert world.pending() == [("loans/raw/loans/a.csv", "01")]


@pytest.mark.parametrize("folder", ["raw", "data"])
@pytest.mark.parametrize("declared", [True, False])
def test_a_deletion_waits_for_a_run_of_a_declared_product_alone(folder, declared):
    world = World()
    if declared:
        world.uploads.put_product("loans", {})
    ref = ObjectRef(bucket=BUCKET, key=f"loans/{folder}/loans/a.csv", size=0, sequencer="02", deleted=True)

    collected = world.deliver(Arrival(event_id="gone", ref=ref))

    assert (collected.pending, collected.ignored) == ((1, 0) if declared else (0, 1))


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("folder", ["raw", "data"])
def test_what_was_deleted_before_there_is_a_contract_is_not_published_with_it(folder, together):
    """The version that waits can still be read: S3 deletes it a year later."""
    world = World()
    came = arrival(f"loans/{folder}/loans/a.csv")
    gone = Arrival(event_id="gone", ref=came.ref.evolve(size=0, sequencer="02", deleted=True))

    for batch in [(gone, came)] if together else [(came,), (gone,)]:
        world.deliver(*batch)

    assert [ref.deleted for ref, _ in world.uploads.pending("loans", 9)] == [True]


def test_a_raw_object_that_was_deleted_while_it_waited_for_a_recipe_is_not_curated_by_it():
    world = World()
    came = arrival("loans/raw/loans/a.csv")
    world.deliver(came)
    world.raw.hold("loans", [came.ref])
    world.deliver(Arrival(event_id="gone", ref=came.ref.evolve(size=0, sequencer="02", deleted=True)))
    world.uploads.settle("loans", [ref for ref, _ in world.uploads.pending("loans", 9)])

    world.put_recipe(RENAME)

    assert world.pending() == []


def test_a_recipe_is_in_force_once_it_was_checked_and_frees_what_waited_for_it():
    world = World()
    world.deliver("loans/raw/loans/a.csv")
    world.raw.hold("loans", [ref for ref, _ in world.uploads.pending("loans", 10)])
    assert world.pending() == []
    world.executions.started.clear()

    collected = world.put_recipe(RENAME)

    assert (collected.refused, len(collected.started)) == ((), 1)
    assert world.raw.recipe("loans").key == "loans/recipe.json"
    assert world.pending() == [("loans/raw/loans/a.csv", "01")]


def test_a_recipe_without_anything_to_curate_starts_nothing():
    world = World()

    assert world.put_recipe(RENAME).started == ()
    assert world.raw.recipe("loans") is not None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{", "RecipeInvalid"),
        ('[{"Action": {"Operation": "PIVOT"}}]', "UnsupportedStep"),
        (f"[{RENAME[1:-1]}, {RENAME[1:-1]}]", "RecipeColumnMissing"),
    ],
)
def test_a_bad_recipe_is_refused_and_the_last_good_one_stays_in_force(body, code):
    world = World()
    world.put_recipe(RENAME)
    good = world.raw.recipe("loans")

    [refused] = world.put_recipe(body).refused

    assert (refused.ref.key, refused.reason["code"]) == ("loans/recipe.json", code)
    assert world.raw.recipe("loans") == good


def test_a_late_event_of_an_older_recipe_changes_nothing():
    world = World()
    old = world.objects.put(BUCKET, "loans/recipe.json", RENAME)
    world.put_recipe("[]")
    newest = world.raw.recipe("loans")

    assert world.deliver(Arrival(event_id="late", ref=old)).started == ()
    assert world.raw.recipe("loans") == newest
