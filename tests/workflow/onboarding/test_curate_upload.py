"""Raw data and a recipe, through `onboard-upload`."""

import json
from typing import Any

from tests.mesh_commands import mesh_command
from tests.mesh_conditions import ATTEMPTS, crash
from tests.mesh_driver import MeshDriver, Run, contract

RAW = "laufkont,hoehe\n1,100\n4,250\n2,\n"
TAKEN = ("TakeBatch", "RouteBatch", "CurateBatch", "RouteCurated")


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
COLUMNS = [("status", "string"), ("amount", "bigint")]


def columns(mesh: MeshDriver, product: str, table: str = "t1") -> list[tuple[str, str]]:
    return [(one["Name"], one["Type"]) for one in mesh.table(product, table)["StorageDescriptor"]["Columns"]]


def held(mesh: MeshDriver, product: str) -> dict[str, dict[str, Any]]:
    """Key → what the newest batch that has it held says of it."""
    listings = [key for key in mesh.keys(f"{product}/reports/") if key.endswith(".held.json")]
    return {item["key"]: item for key in sorted(listings) for item in json.loads(mesh.read(key))}


def put_recipe(mesh: MeshDriver, product: str, recipe: str = RECIPE) -> None:
    """Upload it, and wait until it is in force."""
    mesh.put_object(f"{product}/recipe.json", recipe)
    key = {"pk": {"S": f"PRODUCT#{product}"}, "sk": {"S": "RECIPE"}}
    mesh.until(lambda: mesh.item("producer", key), "the recipe")
    mesh.settled(product)


def held_run(mesh: MeshDriver, product: str) -> Run:
    """The run that held something back, and published nothing."""

    def look() -> list[Run]:
        return [run for run in mesh.runs("onboard-upload", product) if run.outcome == "nothing" and run.output["held"]]

    return mesh.until(look, "a run that holds")[0]


def delete(mesh: MeshDriver, key: str) -> None:
    mesh.client("producer", "s3").delete_object(Bucket=mesh.bucket, Key=key)


def test_raw_data_are_published_in_one_run(mesh: MeshDriver) -> None:
    mesh.prepare("cu-good")
    put_recipe(mesh, "cu-good")
    mesh.put_object("cu-good/raw/t1/dt=2026-11-21/a.csv", RAW)
    notice = mesh.wait_for_notice("cu-good", "producer")
    mesh.settled("cu-good")

    [run] = [run for run in mesh.runs("onboard-upload", "cu-good") if "CurateBatch" in run.states]
    assert run.path == (
        *TAKEN, "CheckObjects", "CheckChanges", "ProposeVersion", "SettleBatch", "CheckHeld",
        "RecordLineage", "CheckMore", "Settled",
    )  # fmt: skip
    assert notice["changes"][0]["rows"] == 2
    assert columns(mesh, "cu-good") == [*COLUMNS, ("dt", "string")]
    assert mesh.keys("cu-good/raw/") == ["cu-good/raw/t1/dt=2026-11-21/a.csv"]
    assert mesh.keys("cu-good/data/") == []
    assert (mesh.pending("cu-good"), mesh.lease("cu-good")) == ([], "")

    mesh.put_object("cu-good/raw/t1/dt=2026-11-21/a.csv", RAW)
    again = mesh.until(
        lambda: [run for run in mesh.runs("onboard-upload", "cu-good") if run.outcome == "nothing"], "no news"
    )[0]
    assert again.output["same"] == 1
    delete(mesh, "cu-good/raw/t1/dt=2026-11-21/a.csv")
    assert mesh.wait_for_notice("cu-good", "producer", version=2)["changes"][0]["rows_delta"] == -2


def test_raw_data_without_a_contract_get_a_draft_of_what_their_recipe_makes(mesh: MeshDriver) -> None:
    put_recipe(mesh, "cu-draft")
    mesh.put_object("cu-draft/raw/t1/a.csv", RAW)
    assert mesh.wait_for_notice("cu-draft", "producer")["changes"][0]["rows"] == 2
    mesh.settled("cu-draft")

    drafted = next(run for run in mesh.runs("onboard-upload", "cu-draft") if "DraftContract" in run.states)
    assert drafted.states[:6] == (*TAKEN, "DraftContract", "CheckDraft")
    assert columns(mesh, "cu-draft") == COLUMNS


def test_raw_data_wait_for_their_recipe(mesh: MeshDriver) -> None:
    mesh.prepare("cu-wait")
    mesh.put_object("cu-wait/raw/t1/a.csv", RAW)
    run = mesh.until(
        lambda: [one for one in mesh.runs("onboard-upload", "cu-wait") if "AwaitRecipe" in one.states],
        "a run that waits",
    )[0]
    assert (run.status, run.outcome) == ("SUCCEEDED", "waiting")
    assert run.path == (*TAKEN, "SettleBatch", "CheckHeld", "CheckMore", "AwaitRecipe")
    mesh.settled("cu-wait")
    assert mesh.pending("cu-wait") == []
    assert held(mesh, "cu-wait") == {}

    mesh.put_object("cu-wait/recipe.json", RECIPE)
    assert mesh.wait_for_notice("cu-wait", "producer")["changes"][0]["rows"] == 2


def test_a_bad_recipe_is_reported_to_its_owner(mesh: MeshDriver) -> None:
    mesh.prepare("cu-bad")
    mesh.put_object("cu-bad/recipe.json", json.dumps([step("KEEP_COLUMNS", sourceColumn="a")]))
    report = mesh.until(lambda: mesh.reports("cu-bad/reports/"), "a report")["cu-bad/recipe.json"]

    assert report["reason"]["code"] == "UnsupportedStep"
    assert report["reason"]["where"]["step"] == 1
    assert mesh.exists("cu-bad/recipe.json")


def test_a_recipe_that_does_not_fit_leaves_the_object_until_the_next_one(mesh: MeshDriver) -> None:
    mesh.prepare("cu-misfit")
    put_recipe(mesh, "cu-misfit")
    mesh.put_object("cu-misfit/raw/t1/a.csv", "laufkont,betrag\n1,100\n")
    run = held_run(mesh, "cu-misfit")

    assert run.path == (
        *TAKEN, "CheckObjects", "CheckChanges", "SettleBatch", "CheckHeld", "NotifyOwner", "RecordLineage", "CheckMore",
        "Settled",
    )  # fmt: skip
    item = held(mesh, "cu-misfit")["cu-misfit/raw/t1/a.csv"]
    reason = item["reason"]
    assert (reason["code"], reason["where"]["column"], reason["where"]["step"]) == ("RecipeColumnMissing", "hoehe", 3)
    assert item["releasable"] is False
    assert mesh.exists("cu-misfit/raw/t1/a.csv")
    mesh.settled("cu-misfit")
    assert mesh.pending("cu-misfit") == []

    mesh.put_object("cu-misfit/recipe.json", RECIPE.replace("hoehe", "betrag"))
    assert mesh.wait_for_notice("cu-misfit", "producer")["changes"][0]["rows"] == 1
    mesh.settled("cu-misfit")
    [batch] = [item for item in mesh.items("producer", "QUARANTINE") if item["sk"].startswith("cu-misfit#")]
    assert json.loads(batch["body"])["status"] == "superseded"


def test_what_is_broken_is_held_and_the_rest_published(mesh: MeshDriver) -> None:
    mesh.prepare("cu-mixed")
    put_recipe(mesh, "cu-mixed")
    for name, body in [("ragged.csv", "laufkont,hoehe\n1,2\n1\n"), ("good.csv", RAW)]:
        mesh.put_object(f"cu-mixed/raw/t1/{name}", body)
    assert mesh.wait_for_notice("cu-mixed", "producer")["changes"][0]["rows"] == 2
    mesh.settled("cu-mixed")

    item = mesh.until(lambda: held(mesh, "cu-mixed"), "a listing")["cu-mixed/raw/t1/ragged.csv"]
    assert item["reason"]["code"] == "RaggedRows"
    assert mesh.keys("cu-mixed/raw/") == ["cu-mixed/raw/t1/good.csv", "cu-mixed/raw/t1/ragged.csv"]


def test_a_raw_object_that_its_contract_holds_is_released_and_published(mesh: MeshDriver) -> None:
    document = contract("cu-release", "t1", dict(COLUMNS))
    document["schema"][0]["properties"][1] |= {"logicalType": "integer", "logicalTypeOptions": {"maximum": 200}}
    mesh.put_contract("cu-release", document)
    assert mesh.wait_for_run("prepare-product", "cu-release").status == "SUCCEEDED"
    put_recipe(mesh, "cu-release")
    mesh.put_object("cu-release/raw/t1/a.csv", RAW)
    held_run(mesh, "cu-release")
    mesh.settled("cu-release")
    assert held(mesh, "cu-release")["cu-release/raw/t1/a.csv"]["releasable"] is True
    [batch] = [item for item in mesh.items("producer", "QUARANTINE") if item["sk"].startswith("cu-release#")]

    request = {
        "product": "cu-release",
        "run": json.loads(batch["body"])["run"],
        "decision": "release",
        "reason": "it is true",
        "by": "a steward",
    }
    entry = {"EventBusName": mesh.output("producer", "OwnBusName"), "Source": "meshwork",
             "DetailType": "QuarantineDecided", "Detail": json.dumps({"data": request})}  # fmt: skip
    assert mesh.client("producer", "events", "ProducerSteward").put_events(Entries=[entry])["FailedEntryCount"] == 0
    assert mesh.wait_for_notice("cu-release", "producer")["changes"][0]["rows"] == 2
    mesh.settled("cu-release")
    assert (mesh.items("producer", "HELD#cu-release"), mesh.pending("cu-release")) == ([], [])


def test_a_raw_object_with_a_duplicate_event_is_curated_once(mesh: MeshDriver) -> None:
    mesh.prepare("cu-twice")
    put_recipe(mesh, "cu-twice")
    mesh.inject("duplicate_event", "events", "Object Created", account="222222222222")
    mesh.put_object("cu-twice/raw/t1/a.csv", RAW)
    assert mesh.wait_for_notice("cu-twice", "producer")["changes"][0]["rows"] == 2
    mesh.settled("cu-twice")

    assert mesh.faults() == []
    rounds = [state for run in mesh.runs("onboard-upload", "cu-twice") for state in run.states]
    assert rounds.count("CurateBatch") == 1
    assert len(mesh.notices("cu-twice", "producer")) == 1


def test_a_function_that_crashes_once_is_called_again_and_publishes_once(mesh: MeshDriver) -> None:
    mesh.prepare("cu-crash")
    put_recipe(mesh, "cu-crash")
    crash(mesh, "producer", "CurateBatchFunction")
    mesh.put_object("cu-crash/raw/t1/a.csv", RAW)
    assert mesh.wait_for_notice("cu-crash", "producer")["changes"][0]["rows"] == 2
    mesh.settled("cu-crash")

    assert mesh.faults() == []
    assert len(mesh.notices("cu-crash", "producer")) == 1


def test_raw_data_that_break_the_curation_twice_are_held_and_can_be_released(mesh: MeshDriver) -> None:
    mesh.prepare("cu-broke")
    mesh.put_object("cu-broke/recipe.json", RECIPE)
    mesh.settled("cu-broke")
    crash(mesh, "producer", "CurateBatchFunction", times=ATTEMPTS)
    mesh.put_object("cu-broke/raw/t1/a.csv", RAW)
    run = mesh.wait_for_run("onboard-upload", "cu-broke")
    assert (run.status, run.outcome, run.output["held"]) == ("SUCCEEDED", "refused", 1)
    [(key, reason)] = [(key, item["reason"]) for key, item in held(mesh, "cu-broke").items()]
    assert (key, reason["code"], reason["where"]["step"]) == ("cu-broke/raw/t1/a.csv", "FunctionCrashed", "CurateBatch")
    assert (mesh.pending("cu-broke"), mesh.lease("cu-broke")) == ([], "")

    mesh_command(mesh, "release", f"cu-broke/{run.output['generation']:08d}", "--reason", "it was the function's fault")
    assert mesh.wait_for_notice("cu-broke", "producer")["changes"][0]["rows"] == 2
