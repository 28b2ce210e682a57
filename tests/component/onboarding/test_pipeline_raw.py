"""Raw objects from landing to readers, in the same run: their recipe, what it refuses, replaced, deleted, released."""

import json

import pytest
from mesh.domain.lineage.model import Place
from mesh.domain.lineage.orders import PromoteOrder
from mesh.domain.onboarding.quarantine import HeldObjects
from mesh.usecases.onboarding.batches import read_checked
from mesh.usecases.onboarding.curation import read_curation
from mesh.usecases.onboarding.round_lineage import promotion_runs

from tests.builders import BUCKET, PRODUCER, PRODUCT, REGION
from tests.fakes import NOON
from tests.pipeline import WORK, Pipeline, contract_of
from tests.unit.onboarding.curation.recipes import step

RAW = "laufkont,hoehe\n1,100\n4,250\n2,\n"
CODES = step(
    "CATEGORICAL_MAPPING", sourceColumn="laufkont", targetColumn="status",
    categoryMap=json.dumps({"1": "none", "2": "low", "4": "high"}),
)  # fmt: skip
STEPS = [
    CODES, step("DELETE", sourceColumn="laufkont"), step("RENAME", sourceColumn="hoehe", targetColumn="amount"),
    step("REMOVE_MISSING", sourceColumn="amount"),
]  # fmt: skip
COLUMNS = {"status": "string", "amount": "bigint"}


@pytest.fixture
def pipeline(aws):
    """A product with a recipe and a contract of what it makes."""
    found = Pipeline(aws("s3", region_name=REGION), contract_of(COLUMNS))
    found.recipe(*STEPS)
    return found


def amounts(pipeline, tmp_path):
    return sorted(row["amount"] for row in pipeline.rows(tmp_path))


def work_keys(pipeline):
    return [item["Key"] for item in pipeline.s3.list_objects_v2(Bucket=WORK).get("Contents", [])]


def landing_keys(pipeline):
    return [item["Key"] for item in pipeline.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{PRODUCT}/data/").get(
        "Contents", [])]  # fmt: skip


def test_raw_rows_are_published_as_their_recipe_makes_them(pipeline, tmp_path):
    ref = pipeline.put_raw("a.csv", RAW)

    settled = pipeline.run()

    assert (settled.outcome, settled.accepted, settled.held) == ("published", 1, 0)
    assert pipeline.types() == COLUMNS
    assert pipeline.rows(tmp_path) == [{"status": "none", "amount": 100}, {"status": "high", "amount": 250}]
    [table] = read_checked(pipeline.work, pipeline.round.work).tables
    [source] = table.sources
    assert (source.key, source.version_id, source.size) == (ref.key, ref.version_id, ref.size)
    assert source.etag.startswith(f"{ref.etag}+")
    assert landing_keys(pipeline) == []
    [content] = work_keys(pipeline)
    assert content.startswith(f"runs/{PRODUCT}/00000001/curated/")
    assert content.endswith(".csv")
    assert not pipeline.uploads.has_pending(PRODUCT)


def test_partitions_come_from_the_folders_of_raw_objects(aws, tmp_path):
    pipeline = Pipeline(aws("s3", region_name=REGION))
    pipeline.recipe(*STEPS)
    pipeline.put_raw("dt=2026-11-01/a.csv", RAW)
    pipeline.put_raw("dt=2026-11-02/b.jsonl", '{"laufkont": "1", "hoehe": 7}\n')
    pipeline.run()

    assert {row["amount"]: row["dt"] for row in pipeline.rows(tmp_path)} == {
        100: "2026-11-01", 250: "2026-11-01", 7: "2026-11-02",
    }  # fmt: skip


def test_the_same_raw_bytes_again_change_nothing(pipeline):
    pipeline.put_raw("a.csv", RAW)
    pipeline.run()
    pipeline.put_raw("a.csv", RAW)

    settled = pipeline.run()

    assert (settled.outcome, settled.same, settled.held, pipeline.version().version) == ("nothing", 1, 0, 1)


def test_the_same_raw_bytes_through_another_recipe_are_news(pipeline, tmp_path):
    pipeline.put_raw("a.csv", RAW)
    pipeline.run()
    pipeline.recipe(*STEPS, step("MULTIPLY", sourceColumn1="amount", value2="2", targetColumn="twice"),
                    step("DELETE", sourceColumn="amount"),
                    step("RENAME", sourceColumn="twice", targetColumn="amount"))  # fmt: skip
    assert not pipeline.uploads.has_pending(PRODUCT), "a new recipe leaves alone what is published"
    pipeline.put_raw("a.csv", RAW)

    assert pipeline.run().outcome == "published"
    assert (amounts(pipeline, tmp_path), pipeline.version().version) == ([200, 500], 2)


def test_an_overwritten_raw_object_replaces_its_rows(pipeline, tmp_path):
    pipeline.put_raw("a.csv", RAW)
    pipeline.put_raw("b.csv", "laufkont,hoehe\n1,7\n")
    pipeline.run()
    pipeline.put_raw("a.csv", "laufkont,hoehe\n1,8\n")
    pipeline.run()

    assert amounts(pipeline, tmp_path) == [7, 8]


def test_a_deleted_raw_object_takes_its_rows_along(pipeline, tmp_path):
    pipeline.put_raw("a.csv", RAW)
    pipeline.put_raw("b.csv", "laufkont,hoehe\n1,7\n")
    pipeline.run()
    pipeline.delete("a.csv", folder="raw")

    assert pipeline.run().outcome == "published"
    assert (amounts(pipeline, tmp_path), pipeline.version().version) == ([7], 2)


def test_a_late_deletion_event_uses_the_raw_object_that_is_there_now(pipeline, tmp_path):
    pipeline.put_raw("a.csv", RAW)
    pipeline.run()
    deletion = pipeline.delete("a.csv", folder="raw")
    pipeline.put_raw("a.csv", "laufkont,hoehe\n1,8\n")
    pipeline.landed = [deletion]  # the upload's own event is still on its way
    pipeline.run()

    assert amounts(pipeline, tmp_path) == [8]


def test_a_deleted_raw_object_is_not_an_error(pipeline, tmp_path):
    pipeline.put_raw("a.csv", RAW)
    gone = pipeline.put_raw("b.csv", RAW)
    pipeline.s3.delete_object(Bucket=gone.bucket, Key=gone.key)

    settled = pipeline.run()

    assert (settled.outcome, settled.held, amounts(pipeline, tmp_path)) == ("published", 0, [100, 250])


def test_what_is_broken_is_held_in_place_and_the_rest_published(pipeline, tmp_path):
    pipeline.put_raw("a.csv", RAW)
    broken = pipeline.put_raw("ragged.csv", "laufkont,hoehe\n1,2\n1\n")

    settled = pipeline.run()

    assert (settled.outcome, settled.held, amounts(pipeline, tmp_path)) == ("published", 1, [100, 250])
    assert pipeline.held() == {"ragged.csv": "RaggedRows"}
    batch = pipeline.quarantine.batch(PRODUCT, "00000001")
    assert not batch.releasable
    body = pipeline.s3.get_object(Bucket=BUCKET, Key=batch.listing)["Body"].read()
    [listed] = HeldObjects.validate_json(body)
    assert (listed.key, listed.ref.version_id) == (broken.key, broken.version_id)
    assert not pipeline.raw.held.get(PRODUCT), "no recipe fixes it"
    assert not pipeline.uploads.has_pending(PRODUCT)


def test_raw_objects_wait_for_their_recipe(aws, tmp_path):
    pipeline = Pipeline(aws("s3", region_name=REGION), contract_of(COLUMNS))
    pipeline.put_raw("a.csv", RAW)

    settled = pipeline.run()

    assert (settled.outcome, settled.held, settled.news) == ("nothing", 0, None)
    assert (list(pipeline.quarantine.batches()), pipeline.uploads.has_pending(PRODUCT)) == ([], False)
    pipeline.recipe(*STEPS)
    assert pipeline.run().outcome == "published"
    assert amounts(pipeline, tmp_path) == [100, 250]


def test_what_a_recipe_does_not_fit_is_held_until_the_next_one(pipeline, tmp_path):
    pipeline.put_raw("a.csv", "laufkont,betrag\n1,100\n")

    assert pipeline.run().held == 1
    assert pipeline.held() == {"a.csv": "RecipeColumnMissing"}
    [held] = read_checked(pipeline.work, pipeline.round.work).held
    assert held.reason.remedy.endswith("The object is curated again with the next recipe.")
    assert not pipeline.uploads.has_pending(PRODUCT)

    pipeline.recipe(*STEPS, step("UPPER_CASE", sourceColumn="status"))
    assert pipeline.run().held == 1
    assert pipeline.quarantine.batch(PRODUCT, "00000001").status == "superseded"

    pipeline.recipe(CODES, step("DELETE", sourceColumn="laufkont"),
                    step("RENAME", sourceColumn="betrag", targetColumn="amount"))  # fmt: skip
    assert pipeline.run().outcome == "published"
    assert (amounts(pipeline, tmp_path), list(pipeline.quarantine.undecided(PRODUCT))) == ([100], [])


def test_a_recipe_that_arrives_while_objects_are_set_aside_is_not_missed(pipeline):
    pipeline.put_raw("a.csv", "laufkont,betrag\n1,100\n")
    pipeline.check()
    pipeline.recipe(CODES)  # nothing waits for it yet

    assert pipeline.settle(None).more is True


def test_a_held_raw_object_is_released_as_that_version_and_not_taken_up_again(pipeline, tmp_path):
    pipeline.put_raw("a.csv", RAW)
    pipeline.run()
    contract = contract_of(COLUMNS, version="1.2.0").replace(
        "physicalType: 'bigint'}", "physicalType: 'bigint', logicalTypeOptions: {maximum: 200}}"
    )
    pipeline.revise(contract)
    high = pipeline.put_raw("b.csv", "laufkont,hoehe\n1,300\n")
    assert pipeline.run().held == 1
    assert list(pipeline.raw.held[PRODUCT]) == [high.key], "another recipe may do"

    pipeline.release(high)
    assert pipeline.run().outcome == "published"
    assert amounts(pipeline, tmp_path) == [100, 250, 300]
    pipeline.recipe(*STEPS, step("UPPER_CASE", sourceColumn="status"))
    assert not pipeline.uploads.has_pending(PRODUCT), "it is published"


def test_a_recipe_that_makes_the_contract_s_values_frees_what_the_contract_held(pipeline, tmp_path):
    contract = contract_of(COLUMNS, version="1.2.0").replace(
        "physicalType: 'bigint'}", "physicalType: 'bigint', logicalTypeOptions: {maximum: 200}}"
    )
    pipeline.revise(contract)
    pipeline.put_raw("a.csv", RAW)
    assert pipeline.run().held == 1
    [held] = read_checked(pipeline.work, pipeline.round.work).held
    assert held.reason.remedy.endswith("Or correct the recipe: the object is curated again with the next one.")

    too_much = [{"Condition": "GREATER_THAN", "Value": "200", "TargetColumn": "amount"}]
    pipeline.recipe(*STEPS, step("REMOVE_VALUES", too_much, sourceColumn="amount"))
    assert pipeline.run().outcome == "published"
    assert (amounts(pipeline, tmp_path), list(pipeline.quarantine.undecided(PRODUCT))) == ([100], [])


def test_lineage_leads_from_raw_columns_through_the_recipe_to_the_table(pipeline):
    ref = pipeline.put_raw("a.csv", RAW)
    pipeline.put_raw("ragged.csv", "laufkont,hoehe\n1,2\n1\n")
    pipeline.run()
    order = PromoteOrder(
        kind="promote", product=PRODUCT, generation=1, work=pipeline.round.work, correlation_id="c-1", began=NOON,
        ended=NOON, execution="arn:run", published=True,
    )  # fmt: skip

    runs = promotion_runs(order, place=Place(PRODUCER, REGION), facts=pipeline.facts, work=pipeline.work)
    promoted, _, failed = runs

    [source], [table] = promoted.inputs, promoted.outputs
    assert (source.name, source.facets["version"]["datasetVersion"]) == (ref.key, ref.version_id)
    assert [one["name"] for one in source.facets["schema"]["fields"]] == ["laufkont", "hoehe"]
    fields = table.facets["columnLineage"]["fields"]
    [status] = fields["status"]["inputFields"]
    assert (status["name"], status["field"]) == (ref.key, "laufkont")
    assert [step["description"] for step in status["transformations"]] == ["step 1 CATEGORICAL_MAPPING"]
    [amount] = fields["amount"]["inputFields"]
    assert (amount["field"], amount["transformations"][0]["description"]) == ("hoehe", "step 3 RENAME")
    assert promoted.parameters["recipe.sha256"] == read_curation(pipeline.work, order.work).recipe_sha256
    assert promoted.job_facets["sourceCodeLocation"]["path"] == f"{PRODUCT}/recipe.json"
    assert ([one.name for one in failed.inputs], failed.outcome) == ([f"{PRODUCT}/raw/t/ragged.csv"], "FAIL")
