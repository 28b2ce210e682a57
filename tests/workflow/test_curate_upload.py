"""Raw data and a recipe, through `onboard-upload`."""

import json
from typing import Any

from tests.mesh_conditions import crash
from tests.mesh_driver import MeshDriver, Run

RAW = "laufkont,hoehe\n1,100\n4,250\n2,\n"
TAKEN = ("TakeBatch", "RouteBatch", "CurateBatch", "CheckCuration")


def step(operation: str, conditions: list[dict[str, str]] | None = None, **parameters: str) -> dict[str, Any]:
    action = {"Action": {"Operation": operation, "Parameters": parameters}}
    return action | ({"ConditionExpressions": conditions} if conditions else {})


RECIPE = json.dumps(
    [
        step(
            "CATEGORICAL_MAPPING",
            sourceColumn="laufkont",
            targetColumn="status",
            categoryMap=json.dumps({"1": "no checking account", "2": "below 0 DM", "4": "200 DM and more"}),
        ),
        step("DELETE", sourceColumn="laufkont"),
        step("RENAME", sourceColumn="hoehe", targetColumn="amount"),
        step("REMOVE_MISSING", sourceColumn="amount"),
    ]
)
CURATED = "status,amount\nno checking account,100\n200 DM and more,250\n"


def runs_with(mesh: MeshDriver, product: str, outcome: str) -> list[Run]:
    return [run for run in mesh.runs("onboard-upload", product) if run.outcome == outcome]


def curated_run(mesh: MeshDriver, product: str, outcome: str = "curated", after: int = 0) -> Run:
    return mesh.until(lambda: runs_with(mesh, product, outcome)[after:], f"a run that ends {outcome}")[0]


def test_raw_data_are_curated_and_published(mesh: MeshDriver) -> None:
    mesh.prepare("cu-good")
    mesh.put_object("cu-good/recipe.json", RECIPE)
    mesh.put_object("cu-good/raw/t1/dt=2026-11-21/a.csv", RAW)
    notice = mesh.wait_for_notice("cu-good", "producer")
    mesh.settled("cu-good")

    assert notice["changes"][0]["rows"] == 2
    assert mesh.read("cu-good/data/t1/dt=2026-11-21/a-curated.csv").decode() == CURATED
    columns = mesh.table("cu-good", "t1")["StorageDescriptor"]["Columns"]
    assert [(one["Name"], one["Type"]) for one in columns] == [("status", "string"), ("amount", "bigint")]
    assert mesh.exists("cu-good/raw/t1/dt=2026-11-21/a.csv")
    assert (mesh.pending("cu-good"), mesh.lease("cu-good")) == ([], "")
    found = mesh.client("producer", "s3").head_object(
        Bucket=mesh.bucket, Key="cu-good/data/t1/dt=2026-11-21/a-curated.csv"
    )["Metadata"]
    raw = mesh.client("producer", "s3").head_object(Bucket=mesh.bucket, Key="cu-good/raw/t1/dt=2026-11-21/a.csv")
    assert (found["raw-key"], found["raw-version-id"]) == ("cu-good/raw/t1/dt=2026-11-21/a.csv", raw["VersionId"])
    assert len(found["recipe-sha256"]) == 64


def test_raw_data_wait_for_their_recipe(mesh: MeshDriver) -> None:
    mesh.prepare("cu-wait")
    mesh.put_object("cu-wait/raw/t1/a.csv", RAW)
    run = mesh.until(
        lambda: [one for one in mesh.runs("onboard-upload", "cu-wait") if "AwaitRecipe" in one.states],
        "a run that waits",
    )[0]
    assert (run.status, run.outcome) == ("SUCCEEDED", "waiting")
    assert run.states == (*TAKEN, "ReleaseBatch", "RecordLineage", "CheckMore", "AwaitRecipe")
    mesh.settled("cu-wait")
    assert mesh.pending("cu-wait") == []
    assert mesh.reports("cu-wait/quarantine/") == {}

    mesh.put_object("cu-wait/recipe.json", RECIPE)
    assert mesh.wait_for_notice("cu-wait", "producer")["changes"][0]["rows"] == 2


def test_a_bad_recipe_is_reported_to_its_owner(mesh: MeshDriver) -> None:
    mesh.prepare("cu-bad")
    mesh.put_object("cu-bad/recipe.json", json.dumps([step("KEEP_COLUMNS", sourceColumn="a")]))
    report = mesh.until(lambda: mesh.reports("cu-bad/quarantine/"), "a report")["cu-bad/recipe.json"]

    assert report["reason"]["code"] == "UnsupportedStep"
    assert report["reason"]["where"]["step"] == 1
    assert report["moved_to"] is None
    assert mesh.exists("cu-bad/recipe.json")


def test_a_recipe_that_does_not_fit_leaves_the_object_until_the_next_one(mesh: MeshDriver) -> None:
    mesh.prepare("cu-misfit")
    mesh.put_object("cu-misfit/recipe.json", RECIPE)
    mesh.until(lambda: mesh.items("producer", "PRODUCT#cu-misfit"), "the product")
    mesh.put_object("cu-misfit/raw/t1/a.csv", "laufkont,betrag\n1,100\n")
    run = curated_run(mesh, "cu-misfit", "rejected")

    assert run.states == (
        *TAKEN, "QuarantineObjects", "TellOwner", "CheckAccepted", "ReleaseBatch", "RecordLineage", "CheckMore",
        "Rejected",
    )  # fmt: skip
    reason = mesh.reports("cu-misfit/quarantine/")["cu-misfit/raw/t1/a.csv"]["reason"]
    assert (reason["code"], reason["where"]["column"], reason["where"]["step"]) == ("RecipeColumnMissing", "hoehe", 3)
    assert mesh.exists("cu-misfit/raw/t1/a.csv")
    mesh.settled("cu-misfit")
    assert mesh.pending("cu-misfit") == []

    mesh.put_object("cu-misfit/recipe.json", RECIPE.replace("hoehe", "betrag"))
    assert mesh.wait_for_notice("cu-misfit", "producer")["changes"][0]["rows"] == 1


def test_what_is_broken_is_set_aside_and_the_rest_curated(mesh: MeshDriver) -> None:
    mesh.prepare("cu-mixed")
    mesh.put_object("cu-mixed/recipe.json", RECIPE)
    for name, body in [("ragged.csv", "laufkont,hoehe\n1,2\n1\n"), ("good.csv", RAW)]:
        mesh.put_object(f"cu-mixed/raw/t1/{name}", body)
    assert mesh.wait_for_notice("cu-mixed", "producer")["changes"][0]["rows"] == 2
    mesh.until(lambda: mesh.reports("cu-mixed/quarantine/"), "a report")
    mesh.settled("cu-mixed")

    reports = mesh.reports("cu-mixed/quarantine/")
    assert reports["cu-mixed/raw/t1/ragged.csv"]["reason"]["code"] == "RaggedRows"
    assert all(mesh.exists(report["moved_to"]) for report in reports.values())
    assert mesh.keys("cu-mixed/raw/") == ["cu-mixed/raw/t1/good.csv"]
    assert mesh.keys("cu-mixed/data/") == ["cu-mixed/data/t1/good-curated.csv"]


def test_a_raw_object_that_s3_tells_of_twice_is_curated_once(mesh: MeshDriver) -> None:
    mesh.prepare("cu-twice")
    mesh.put_object("cu-twice/recipe.json", RECIPE)
    mesh.settled("cu-twice")
    mesh.inject("duplicate_event", "events", "Object Created", account="222222222222")
    mesh.put_object("cu-twice/raw/t1/a.csv", RAW)
    assert mesh.wait_for_notice("cu-twice", "producer")["changes"][0]["rows"] == 2
    mesh.settled("cu-twice")

    assert mesh.faults() == []
    rounds = [state for run in mesh.runs("onboard-upload", "cu-twice") for state in run.states]
    assert rounds.count("CurateBatch") == 1
    assert len(mesh.notices("cu-twice", "producer")) == 1


def test_a_function_that_crashes_once_is_called_again_and_makes_the_same_object(mesh: MeshDriver) -> None:
    mesh.prepare("cu-crash")
    mesh.put_object("cu-crash/recipe.json", RECIPE)
    mesh.settled("cu-crash")
    crash(mesh, "producer", "CurateBatchFunction")
    mesh.put_object("cu-crash/raw/t1/a.csv", RAW)
    assert mesh.wait_for_notice("cu-crash", "producer")["changes"][0]["rows"] == 2
    mesh.settled("cu-crash")

    assert mesh.faults() == []
    assert mesh.read("cu-crash/data/t1/a-curated.csv").decode() == CURATED
