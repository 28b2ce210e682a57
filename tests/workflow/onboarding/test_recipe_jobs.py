"""Raw objects that no function takes: `onboard-upload` has DataBrew jobs run the recipe. Functions are made to take
so little that a few rows are too much for them."""

import json
from collections.abc import Iterator

import pytest

from tests.mesh_conditions import crash, started_again, with_environment, without_permission
from tests.mesh_driver import MeshDriver, Run
from tests.workflow.onboarding.test_curate_upload import COLUMNS, RAW, RECIPE, columns, held, held_run, put_recipe, step

LIMIT = 20
"""Bytes: `RAW` has more, `SMALL` has not."""
SMALL = "laufkont,hoehe\n1,7\n"
STARTED = ("TakeBatch", "RouteBatch", "CurateBatch", "RouteCurated", "RunJobs", "CheckJobs", "AwaitJobs")


@pytest.fixture
def small(mesh: MeshDriver) -> Iterator[MeshDriver]:
    """A mesh whose function leaves objects of more than `LIMIT` bytes to jobs."""
    with with_environment(mesh, "producer", "CurateBatchFunction", CURATE_MAX_BYTES=str(LIMIT)):
        yield mesh


def ready(mesh: MeshDriver, product: str, recipe: str = RECIPE) -> None:
    """A product with a recipe."""
    mesh.prepare(product)
    put_recipe(mesh, product, recipe)


def left_behind(mesh: MeshDriver, product: str) -> list[str]:
    """What is still there of a product's jobs, in DataBrew and in the work bucket."""
    brew, s3 = mesh.client("producer", "databrew"), mesh.client("producer", "s3")
    found = [
        *brew.list_jobs()["Jobs"], *brew.list_datasets()["Datasets"],
        *brew.list_recipes(RecipeVersion="LATEST_WORKING")["Recipes"],
    ]  # fmt: skip
    work = s3.list_objects_v2(Bucket=mesh.output("producer", "WorkBucketName"), Prefix=f"jobs/{product}/")
    names = [one["Name"] for one in found if one["Name"].startswith(f"mesh-{product}-")]
    return names + [item["Key"] for item in work.get("Contents", [])]


def total(mesh: MeshDriver, product: str) -> dict[str, int]:
    """Table → its rows, by the newest notice that tells of it."""
    changes = [change for notice in mesh.notices(product, "producer") for change in notice["data"]["changes"]]
    return {change["table"]: change["rows_total"] for change in changes}


def failed_run(mesh: MeshDriver, product: str) -> Run:
    """The run that failed."""
    return mesh.until(
        lambda: [run for run in mesh.runs("onboard-upload", product) if run.status == "FAILED"], "a run that fails"
    )[0]


def test_a_large_object_becomes_the_rows_that_the_function_makes(small: MeshDriver) -> None:
    ready(small, "rj-good")
    small.put_object("rj-good/raw/t1/dt=2026-11-21/a.csv", RAW)
    notice = small.wait_for_notice("rj-good", "producer")
    small.settled("rj-good")

    run = next(run for run in small.runs("onboard-upload", "rj-good") if "RunJobs" in run.states)
    assert run.states[: len(STARTED)] == STARTED
    assert notice["changes"][0]["rows"] == 2
    assert columns(small, "rj-good") == [*COLUMNS, ("dt", "string")]
    assert small.keys("rj-good/data/") == []
    assert (left_behind(small, "rj-good"), small.pending("rj-good"), small.lease("rj-good")) == ([], [], "")


def test_small_and_large_objects_of_one_round_and_each_kind(small: MeshDriver) -> None:
    ready(small, "rj-mixed")
    small.put_object("rj-mixed/raw/t1/small.csv", SMALL)
    small.put_object("rj-mixed/raw/t1/large.csv", RAW.replace(",", ";"))
    small.put_object("rj-mixed/raw/t2/large.jsonl", '{"laufkont": "1", "hoehe": 1.50}\n{"laufkont": 9, "hoehe": 2}\n')
    small.until(lambda: sum(total(small, "rj-mixed").values()) == 5, "all rows")
    small.settled("rj-mixed")

    assert total(small, "rj-mixed") == {"t1": 3, "t2": 2}
    assert columns(small, "rj-mixed", "t2") == [("status", "string"), ("amount", "double")]
    assert left_behind(small, "rj-mixed") == []


def test_an_object_whose_job_fails_is_held_with_databrew_s_reason(small: MeshDriver) -> None:
    ready(small, "rj-fail")
    small.inject("job_failure", "databrew", "JobRun", message="Out of memory", resource="mesh-rj-fail-*")
    small.put_object("rj-fail/raw/t1/a.csv", RAW)
    run = held_run(small, "rj-fail")
    small.settled("rj-fail")

    assert run.status == "SUCCEEDED"
    reason = held(small, "rj-fail")["rj-fail/raw/t1/a.csv"]["reason"]
    assert reason["code"] == "RecipeJobFailed"
    assert "Out of memory" in reason["message"]
    assert small.read("rj-fail/raw/t1/a.csv").decode() == RAW
    assert (left_behind(small, "rj-fail"), small.pending("rj-fail")) == ([], [])


def test_a_job_that_met_a_throttle_is_run_again(small: MeshDriver) -> None:
    ready(small, "rj-again")
    small.inject("job_failure", "databrew", "JobRun", message="Throttling: Rate exceeded", resource="mesh-rj-again-*")
    small.put_object("rj-again/raw/t1/a.csv", RAW)

    assert small.wait_for_notice("rj-again", "producer")["changes"][0]["rows"] == 2
    assert small.faults() == []
    assert held(small, "rj-again") == {}


def test_a_recipe_that_leaves_nothing_and_one_that_does_not_fit(small: MeshDriver) -> None:
    everything = json.dumps([step("REMOVE_VALUES", [{"Condition": "IS_NOT", "Value": "x", "TargetColumn": "hoehe"}],
                                  sourceColumn="hoehe")])  # fmt: skip
    ready(small, "rj-none", everything)
    small.put_object("rj-none/raw/t1/a.csv", RAW)
    small.put_object("rj-none/raw/t1/other.csv", "laufkont,betrag\n1,100\n1,100\n")
    small.until(lambda: len(held(small, "rj-none")) == 2, "two held objects")
    small.settled("rj-none")

    codes = {key.rpartition("/")[2]: item["reason"]["code"] for key, item in held(small, "rj-none").items()}
    assert codes == {"a.csv": "NothingLeft", "other.csv": "RecipeColumnMissing"}
    assert left_behind(small, "rj-none") == []


def test_a_function_that_crashes_while_a_job_runs_takes_it_up_again(small: MeshDriver) -> None:
    ready(small, "rj-crash")
    crash(small, "producer", "RunRecipeJobsFunction")
    small.inject("lost_answer", "databrew", "StartJobRun", account="222222222222")
    small.put_object("rj-crash/raw/t1/a.csv", RAW)

    assert small.wait_for_notice("rj-crash", "producer")["changes"][0]["rows"] == 2
    assert small.faults() == []
    small.settled("rj-crash")
    assert left_behind(small, "rj-crash") == []


@pytest.mark.parametrize(
    ("role", "action"),
    [
        ("RunRecipeJobsFunctionRole", "databrew:CreateRecipe"),
        ("RunRecipeJobsFunctionRole", "iam:PassRole"),
        ("RunRecipeJobsFunctionRole", "s3:GetObjectVersion"),
    ],
)
def test_a_missing_permission_fails_that_step_and_a_new_run_completes(
    small: MeshDriver, role: str, action: str
) -> None:
    product = f"rj-iam-{action.partition(':')[2].lower()}"
    ready(small, product)
    with without_permission(small, "producer", role, action):
        small.put_object(f"{product}/raw/t1/a.csv", RAW)
        run = failed_run(small, product)
        small.settled(product)
    assert "RunJobs" in run.states
    assert run.states[-2:] == ("ReleaseAfterFailure", "OnboardFailed")
    assert any(said in run.cause for said in ("AccessDenied", "not authorized", "Forbidden")), run.cause
    assert small.pending(product) == [f"{product}/raw/t1/a.csv"], "nothing is lost"

    assert started_again(small, run).status == "SUCCEEDED"
    assert small.wait_for_notice(product, "producer")["changes"][0]["rows"] == 2
    small.settled(product)
    assert left_behind(small, product) == []


def test_a_job_s_role_without_its_right_is_a_failed_job(small: MeshDriver) -> None:
    ready(small, "rj-blind")
    with without_permission(small, "producer", "RecipeJobRole", "s3:GetObject"):
        small.put_object("rj-blind/raw/t1/a.csv", RAW)
        held_run(small, "rj-blind")
        small.settled("rj-blind")

    reason = held(small, "rj-blind")["rj-blind/raw/t1/a.csv"]["reason"]
    assert (reason["code"], "s3:GetObject" in reason["message"]) == ("RecipeJobFailed", True)
