"""Raw objects that no function takes: looked at, left to jobs, brought home; nothing lost, nothing twice."""

import gzip
import json

import pytest
from mesh.domain.onboarding.budgets import MAX_RAW
from mesh.domain.onboarding.curation import objects as raw_objects
from mesh.domain.onboarding.curation.errors import RecipeNotForJobs
from mesh.usecases.onboarding.batches import LEASE
from mesh.usecases.onboarding.run_recipe_jobs import MAX_RUNNING, TIME_OF_A_CALL, run_recipe_jobs

from tests.builders import BUCKET, take_lease
from tests.fakes import FakeJobFiles, FakeRecipeJobs
from tests.unit.onboarding.curation.recipes import condition, step
from tests.unit.onboarding.test_curate_batch import RENAME, WORK, World

CURATED = b"b,n\nx,1\ny,2\n"


class JobWorld(World):
    """A world where every object of more than `max_bytes` is for a job."""

    def __init__(self, max_bytes=0):
        super().__init__(max_bytes)
        self.files = FakeJobFiles(self.objects)
        self.jobs = FakeRecipeJobs(self.files)

    def look(self, holder="run"):
        """One call of the function."""
        return run_recipe_jobs(
            self.round(holder),
            jobs=self.jobs,
            files=self.files,
            objects=self.objects,
            uploads=self.uploads,
            work=self.work,
            clock=self.clock,
            trace=self.trace,
            bucket=WORK,
        )

    def orders(self):
        return self.curation().jobs

    def begin(self, *names):
        """Upload, take, look at heads."""
        for name in names:
            self.put(name)
        self.take()
        return self.curate()


def started(*names, steps=RENAME):
    world = JobWorld()
    world.put_recipe(steps)
    assert world.begin(*names).jobs == len(names)
    world.look()
    return world


def test_an_object_is_left_to_a_job_and_comes_back_as_the_function_would_have_made_it():
    world = JobWorld(max_bytes=3)
    world.put_recipe(RENAME)
    ref = world.put("dt=2026-11-21/a.csv", "a,n\nx,1\ny,2\n")
    world.take()

    assert world.curate().model_dump() == {
        "curated": 0, "held": 0, "waiting": 0, "removed": 0, "remaining": 0, "jobs": 1,
    }  # fmt: skip
    assert world.trace.said().count("raw objects curated") == 0, "the round goes on"
    [order] = world.orders()
    assert (order.columns, order.format, order.delimiter, order.source) == (
        ("b", "n"),
        "csv",
        ",",
        f"{order.folder}raw.csv",
    )
    assert world.look().jobs == 1
    assert world.files.content[order.source] == b"a,n\nx,1\ny,2\n"
    assert world.jobs.recipes[order.recipe] == RENAME, "as its owner wrote it"

    world.jobs.end(order, CURATED)
    looked = world.look()

    assert (looked.curated, looked.jobs) == (1, 0)
    [curated] = world.curation().curated
    assert (curated.rows, curated.ref.version_id) == (2, ref.version_id)
    assert curated.lineage["b"].inputs == ("a",)
    assert world.files.content == {curated.ref.curated.key: CURATED}

    function = World()
    function.put_recipe(RENAME)
    function.put("dt=2026-11-21/a.csv", "a,n\nx,1\ny,2\n")
    function.take()
    function.curate()
    assert function.made() == [CURATED.decode()]
    assert function.curation().curated == world.curation().curated

    assert (world.jobs.runs, world.jobs.recipes) == ({}, {}), "nothing is left behind"
    assert world.settle().more is False
    assert world.pending() == []


def test_small_objects_of_the_round_are_curated_at_once():
    world = JobWorld(max_bytes=8)
    world.put_recipe(RENAME)
    world.put("large.csv", "a,n\nxxxxxxx,1\n")

    curated = world.begin("small.csv")

    assert (curated.curated, curated.jobs, curated.remaining) == (1, 1, 0)


def test_what_unfolds_too_far_for_a_function_is_for_a_job(monkeypatch):
    monkeypatch.setattr(raw_objects, "MAX_RAW_UNFOLDED", 20)
    world = JobWorld(max_bytes=10_000)
    world.put_recipe(RENAME)
    world.objects.put(BUCKET, "loans/raw/loans/x", b"")
    ref = world.objects.put(BUCKET, "loans/raw/loans/a.csv.gz", gzip.compress(b"a,n\n" + b"x,1\n" * 20))
    world.uploads.add_pending("loans", [ref], "c")
    world.take()

    assert world.curate().jobs == 1
    [order] = world.orders()
    assert (order.compression, order.source) == ("gzip", f"{order.folder}raw.csv.gz")


@pytest.mark.parametrize(
    ("name", "body", "code", "stays"),
    [
        ("a.csv", "z,n\nx,1\n", "RecipeColumnMissing", True),
        ("a.csv", "a,b\nx,1\n", "RecipeColumnExists", True),
        ("a.csv", "a,n\n1\n", "RaggedRows", False),
        ("a.csv", "a,A\n1,2\n", "DuplicateColumns", False),
        ("a.csv", 'a,n\n"1,2\n', "UnclosedQuote", False),
        ("a.jsonl", '{"a": \n', "MalformedJson", False),
        ("a.csv", "", "EmptyFile", False),
        ("a.parquet", "PAR1", "RawFormatUnsupported", False),
        ("dt=/a.csv", "a,n\n1,2\n", "InvalidPartition", False),
    ],
)
def test_what_the_function_rejects_is_rejected_before_a_job_with_the_same_message(name, body, code, stays):
    reasons = []
    for limit in (-1, MAX_RAW):
        world = JobWorld(max_bytes=limit)
        world.put_recipe(RENAME)
        world.put(name, body)
        world.take()
        curated = world.look() if world.curate().jobs else world.curate()
        assert world.jobs.runs == {}, "no job was started"
        assert (curated.held, curated.waiting, curated.jobs) == (1, int(stays), 0)
        reasons.append(world.held().reason)

    assert reasons[0] == reasons[1]
    assert reasons[0].code == code


def test_fields_that_come_late_in_json_lines_are_seen_before_the_job():
    world = JobWorld()
    world.put_recipe([step("RENAME", sourceColumn="late", targetColumn="b")])
    lines = (json.dumps({"n": number} | ({"late": "x"} if number > 90_000 else {})) + "\n" for number in range(100_000))
    world.put("a.jsonl", "".join(lines))
    world.take()

    assert world.curate().jobs == 1
    assert world.orders()[0].columns == (), "the head does not show the column that the recipe needs"
    world.look()
    assert world.orders()[0].columns == ("n", "b")


@pytest.mark.parametrize(
    ("late", "code"), [("3\n", "RaggedRows"), ('3,"4\n', "UnclosedQuote"), ("3,\0\n", "BinaryContent")]
)
def test_an_error_far_behind_the_head_is_rejected_before_a_job_with_the_same_message(late, code):
    reasons = []
    for limit in (0, MAX_RAW):
        world = JobWorld(max_bytes=limit)
        world.put_recipe(RENAME)
        world.put("a.csv", "a,n\n" + "1,2\n" * 400_000 + late)
        world.take()
        if world.curate().jobs:
            assert world.look().jobs == 0
            assert world.jobs.runs == {}, "no job was started"
            assert world.files.content == {}
        reasons.append(world.held().reason)

    assert reasons[0] == reasons[1]
    assert reasons[0].code == code


def test_an_object_whose_job_failed_is_held_with_databrews_message():
    world = started("a.csv")
    [order] = world.orders()
    world.jobs.end(order, state="FAILED", error="Column q does not exist")

    looked = world.look()

    assert (looked.curated, looked.held, looked.waiting, looked.jobs) == (0, 1, 1, 0)
    reason = world.held().reason
    assert reason.code == "RecipeJobFailed"
    assert "Column q does not exist" in reason.message
    assert reason.where["state"] == "FAILED"
    assert (world.jobs.runs, world.files.content) == ({}, {})


@pytest.mark.parametrize("state", ["TIMEOUT", "STOPPED"])
def test_a_job_without_an_outcome_is_reported_with_its_state(state):
    world = started("a.csv")
    world.jobs.end(world.orders()[0], state=state)

    assert world.look().held == 1
    assert state in world.held().reason.message


def test_a_failure_that_may_pass_is_tried_again_and_not_for_ever():
    world = started("a.csv")
    [order] = world.orders()
    for _ in range(2):
        world.jobs.end(order, state="FAILED", error="Throttling: Rate exceeded")
        assert world.look().jobs == 1
    assert len(world.jobs.runs[order.name]) == 3
    assert world.files.staged == 1

    world.jobs.end(order, state="FAILED", error="Throttling: Rate exceeded")
    assert world.look().held == 1


@pytest.mark.parametrize(
    ("written", "code", "said"),
    [
        (b"", "NothingLeft", "left no rows"),
        (b"b,n\n", "NothingLeft", "left no rows"),
        (b"b\nx\n", "RecipeJobFailed", "wrote the columns b, planned were b, n"),
        (b"n,b\n1,x\n", "RecipeJobFailed", "planned were b, n"),
        (b'b,n\n"x,1\n\xff', "RecipeJobFailed", "cannot be read"),
    ],
)
def test_a_jobs_output_is_checked_before_it_becomes_data(written, code, said):
    world = started("a.csv")
    world.jobs.end(world.orders()[0], written)

    assert world.look().held == 1
    reason = world.held().reason
    assert (reason.code, said in reason.message) == (code, True)
    assert world.files.content == {}


def test_more_parts_than_requested_are_rejected():
    world = started("a.csv")
    [order] = world.orders()
    world.jobs.end(order, CURATED)
    world.files.content[f"{order.output}another_part00001.csv"] = CURATED

    assert world.look().held == 1
    assert "wrote 2 parts" in world.held().reason.message


def test_json_lines_may_leave_nulls_out_and_bring_no_other_field():
    for line, outcome in [(b'{"b": "x"}\n\n', (1, 0)), (b'{"b": "x", "q": 1}\n', (0, 1))]:
        world = JobWorld()
        world.put_recipe(RENAME)
        world.put("a.jsonl", '{"a": "x", "n": 1}\n')
        world.take()
        world.curate()
        world.look()
        world.jobs.end(world.orders()[0], line)
        looked = world.look()
        assert (looked.curated, looked.held) == outcome


def test_rows_are_records_not_lines():
    world = started("a.csv")
    world.jobs.end(world.orders()[0], 'b,n\n"x\ny",1\n\n"größe","a ""2"""\nz,3'.encode())

    world.look()

    assert world.curation().curated[0].rows == 3


def test_a_recipe_that_databrew_does_not_take_holds_its_objects_for_the_next_one():
    world = JobWorld()
    world.put_recipe([step("REPLACE_TEXT", sourceColumn="a", pattern="x", value="")])
    world.begin("a.csv")

    def refuse(order, steps):
        raise RecipeNotForJobs("DataBrew does not take the recipe: value is too short", recipe=order.recipe)

    world.jobs.start = refuse
    looked = world.look()

    assert (looked.held, looked.waiting, looked.jobs) == (1, 1, 0)
    world.settle()
    assert world.pending() == []
    world.put_recipe(RENAME)
    assert world.pending() == ["loans/raw/loans/a.csv"]


def test_a_restarted_run_continues_the_jobs_of_the_previous_one():
    world = started("a.csv")
    [order] = world.orders()
    world.uploads.drop_lease("loans", "run")
    world.uploads.seen.clear()
    world.put("a.csv")
    first = world.orders()[0].ref

    world.uploads.waiting["loans"]["loans/raw/loans/a.csv"] = (first, "c")
    world.take("second")
    world.curate("second")
    assert [one.name for one in world.orders()] == [order.name]
    world.look("second")
    assert len(world.jobs.runs[order.name]) == 1, "adopted, not started again"
    world.jobs.end(order, CURATED)
    assert world.look("second").curated == 1


def test_another_version_or_another_recipe_is_another_job():
    world = started("a.csv")
    names = {world.orders()[0].name}
    for body, steps in [("a,n\nother,1\n", RENAME), ("a,n\nother,1\n", [*RENAME, step("DELETE", sourceColumn="n")])]:
        again = JobWorld()
        again.put_recipe(steps)
        again.put("a.csv")
        again.put("a.csv", body)
        again.take()
        again.curate()
        names.add(again.orders()[0].name)

    assert len(names) == 3
    assert all(name.startswith("mesh-loans-") and len(name) < 240 for name in names)


def test_a_call_that_is_repeated_after_a_crash_finds_what_it_wrote_down():
    world = started("a.csv", "b.csv")
    first, second = world.orders()
    world.jobs.end(first, CURATED)
    world.jobs.end(second, CURATED)
    remove = world.jobs.remove

    def crash(order):
        raise RuntimeError("killed")

    world.jobs.remove = crash
    with pytest.raises(RuntimeError):
        world.look()
    world.jobs.remove = remove

    looked = world.look()
    assert (looked.curated, looked.jobs) == (2, 0)
    assert {first.key, second.key} <= set(world.files.content)


def test_so_many_jobs_go_on_at_a_time_and_the_rest_follows():
    world = started(*(f"{number}.csv" for number in range(MAX_RUNNING + 2)))
    assert len(world.jobs.runs) == MAX_RUNNING

    world.jobs.end(world.orders()[0], CURATED)
    assert world.look().jobs == MAX_RUNNING + 1
    assert sum(runs[-1].goes_on for runs in world.jobs.runs.values()) == MAX_RUNNING


def test_an_account_at_its_job_limit_is_tried_again():
    world = JobWorld()
    world.jobs.room = 0
    world.put_recipe(RENAME)
    world.begin("a.csv")
    assert world.look().jobs == 1
    world.jobs.room = 1

    assert world.look().jobs == 1
    assert list(world.jobs.runs) == [world.orders()[0].name]


def test_each_look_keeps_the_lease_and_takes_on_so_much():
    world = started("a.csv", "b.csv")
    world.clock.move(LEASE * 0.9)
    world.look()
    world.clock.move(LEASE * 0.9)
    assert take_lease(world.uploads, "loans", "another", world.clock.now() + LEASE, world.clock.now()) is None

    deliver = world.files.deliver

    def slow(*arguments, **more):
        world.clock.move(TIME_OF_A_CALL)
        return deliver(*arguments, **more)

    world.files.deliver = slow
    for order in world.orders():
        world.jobs.end(order, CURATED)
    assert [world.look().jobs for _ in range(2)] == [1, 0]


def test_a_condition_goes_to_databrew_as_it_is():
    steps = [step("REMOVE_VALUES", [condition("IS", "a", "x")], sourceColumn="a")]
    world = started("a.csv", steps=steps)

    assert list(world.jobs.recipes.values()) == [steps]
