"""Lineage of what machines did: complete, by OpenLineage's rules, and in nobody's way."""

import json
from functools import partial
from typing import Any

import pytest

from local.accounts import ACCOUNTS, REGION
from tests import lineage_oracle
from tests.consumer_accesses import Granted, accept, by_tags, grant
from tests.mesh_conditions import without_permission
from tests.mesh_driver import MeshDriver
from tests.publishing_driver import PublishingDriver, csv
from tests.workflow.onboarding.test_curate_upload import RAW, RECIPE
from tests.workflow.publishing.test_roll_back import roll_back, two_versions

pytestmark = pytest.mark.timeout(300)
GLUE = f"arn:aws:glue:{REGION}:{ACCOUNTS['central']}"


def events(mesh: MeshDriver, account: str, product: str) -> list[dict[str, Any]]:
    return [json.loads(item["body"]) for item in mesh.items(account, f"LINEAGE#{product}")]


def ended(mesh: MeshDriver, account: str, product: str, job: str, outcome: str = "COMPLETE") -> dict[str, Any]:
    """The last end of that job; each event on the way there is judged by the library."""

    def look() -> list[dict[str, Any]]:
        found = [one for one in events(mesh, account, product) if one["job"]["name"] == f"{product}.{job}"]
        return [one for one in found if one["eventType"] == outcome]

    found = mesh.until(look, f"{outcome} of {job} for {product}")[-1]
    for one in events(mesh, account, product):
        lineage_oracle.check(one)
    return found


def parameters(event: dict[str, Any]) -> dict[str, str]:
    return {one["key"]: one["value"] for one in event["run"]["facets"]["executionParameters"]["parameters"]}


def test_lineage_of_a_curated_upload_leads_from_the_raw_version_to_the_published_table(mesh: MeshDriver) -> None:
    product = "li-good"
    mesh.prepare(product)
    mesh.put_object(f"{product}/recipe.json", RECIPE)
    mesh.put_object(f"{product}/raw/t1/a.csv", RAW)
    mesh.wait_for_notice(product, "producer")
    mesh.settled(product)

    s3 = mesh.client("producer", "s3")
    raw = s3.head_object(Bucket=mesh.bucket, Key=f"{product}/raw/t1/a.csv")
    promote = ended(mesh, "producer", product, "promote")
    [source], [table] = promote["inputs"], promote["outputs"]
    assert (source["namespace"], source["name"]) == (f"s3://{mesh.bucket}", f"{product}/raw/t1/a.csv")
    assert source["facets"]["version"]["datasetVersion"] == raw["VersionId"]
    assert parameters(promote)["recipe.sha256"]
    [status] = table["facets"]["columnLineage"]["fields"]["status"]["inputFields"]
    assert (status["name"], status["field"]) == (source["name"], "laufkont")
    assert [one["description"] for one in status["transformations"]] == ["step 1 CATEGORICAL_MAPPING"]
    assert (table["namespace"], table["name"]) == (GLUE, f"table/{product}/t1")
    assert [one["name"] for one in table["facets"]["schema"]["fields"]] == ["status", "amount"]
    assert table["outputFacets"]["outputStatistics"]["rowCount"] == 2

    check = ended(mesh, "producer", product, "check")
    assert check["inputs"][0]["inputFacets"]["dataQualityMetrics"]["rowCount"] == 2
    publish_ = ended(mesh, "central", product, "publish")
    assert [one["name"] for one in publish_["outputs"]] == [table["name"]]
    assert publish_["outputs"][0]["facets"]["version"]["datasetVersion"] == "1"


def test_an_upload_is_published_without_lineage_and_its_trace_records_that(mesh: MeshDriver) -> None:
    product = "li-denied"
    mesh.prepare(product)
    mesh.settled(product)
    with without_permission(mesh, "producer", "OnboardUploadRole", "sqs:SendMessage"):
        run = mesh.upload(product, {f"{product}/data/t1/a.csv": "id,amount\n1,10\n"})
        assert (run.status, run.outcome) == ("SUCCEEDED", "published")
        assert mesh.wait_for_notice(product, "producer")["version"] == 1
    assert run.states[-4:] == ("RecordLineage", "RecordLoss", "CheckMore", "Settled")
    [lost] = [one for one in mesh.items("producer", f"TRACE#{run.input['correlation_id']}") if "lost" in one["what"]]
    assert json.loads(lost["facts"])["product"] == product
    assert events(mesh, "producer", product) == []
    assert ended(mesh, "central", product, "publish")["inputs"]


def test_an_owner_who_cannot_be_notified_keeps_nothing_from_being_published(mesh: MeshDriver) -> None:
    product = "li-unsent"
    driver = PublishingDriver(mesh, product)
    with without_permission(mesh, "producer", "OnboardUploadRole", "events:PutEvents"):
        run = driver.together(
            partial(driver.put, "a.csv", csv((1, 10))), partial(driver.put, "b.csv", "id,amount\n1\n")
        )
        assert (run.status, run.outcome, run.output["held"]) == ("SUCCEEDED", "published", 1)
    ending = ("SettleBatch", "CheckHeld", "NotifyOwner", "RecordUnsent", "RecordLineage", "CheckMore", "Settled")
    assert run.states[-7:] == ending
    trace = mesh.items("producer", f"TRACE#{run.input['correlation_id']}")
    assert [json.loads(one["facts"])["product"] for one in trace if one["what"] == "owner not notified"] == [product]
    assert ended(mesh, "producer", product, "promote")["inputs"]


def test_what_is_held_back_is_a_check_that_failed(mesh: MeshDriver) -> None:
    product = "li-held"
    mesh.prepare(product)
    run = mesh.upload(product, {f"{product}/data/t1/a.csv": "id,amount\n1,10\n1\n"})
    assert (run.outcome, run.output["held"]) == ("nothing", 1)
    failed = ended(mesh, "producer", product, "check", "FAIL")
    assert parameters(failed)["codes"] == "RaggedRows"
    assert "RaggedRows" in failed["run"]["facets"]["errorMessage"]["message"]
    assert [one["name"] for one in failed["inputs"]] == [f"{product}/data/t1/a.csv"]


def test_a_consumers_verification_and_a_rollback_are_recorded(mesh: MeshDriver) -> None:
    product = "li-back"
    two_versions(mesh, product)
    granted = Granted(product, by_tags(product))
    grant(mesh, granted)
    assert accept(mesh, granted).status == "SUCCEEDED"
    proof = ended(mesh, "consumer", product, "prove-query")
    [link] = proof["inputs"]
    assert link["name"] == f"table/rl_{product}/t1"
    [original] = link["facets"]["symlinks"]["identifiers"]
    assert (original["namespace"], original["name"]) == (GLUE, f"table/{product}/t1")
    assert parameters(proof)["proved_as"]
    assert proof["run"]["facets"]["externalQuery"]["externalQueryId"]

    assert roll_back(mesh, product, 1).status == "SUCCEEDED"

    def rolled_back() -> list[dict[str, Any]]:
        found = [one for one in events(mesh, "central", product) if one["eventType"] == "COMPLETE"]
        return [one for one in found if "rollback.version" in parameters(one)]

    [rollback] = mesh.until(rolled_back, "the rollback's lineage")
    lineage_oracle.check(rollback)
    assert rollback["outputs"][0]["facets"]["lifecycleStateChange"]["lifecycleStateChange"] == "OVERWRITE"
    assert (parameters(rollback)["rollback.version"], parameters(rollback)["rollback.reason"]) == (
        "1", "labels were flipped",
    )  # fmt: skip
