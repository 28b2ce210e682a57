"""Each path of `prepare-product`."""

from typing import Any

import pytest

from tests.mesh_conditions import ATTEMPTS, crash, started_again
from tests.mesh_driver import MeshDriver, contract

HAPPY = ("PrepareProduct", "StartOnboarding", "Prepared")
PRODUCER = "222222222222"


def glue_contract(product: str) -> dict[str, Any]:
    """Only a product of crawl: glue has a crawler."""
    properties = [{"property": "crawlerPrefix", "value": product}, {"property": "crawl", "value": "glue"}]
    return contract(product, customProperties=properties)


def test_without_a_crawler(mesh: MeshDriver) -> None:
    mesh.put_contract("prep-express")
    run = mesh.wait_for_run("prepare-product", "prep-express")
    assert (run.status, run.states) == ("SUCCEEDED", HAPPY)
    names = mesh.client("producer", "glue").list_crawlers()["CrawlerNames"]
    assert f"prep-expressCrawler-{PRODUCER}" not in names


def test_prepared(mesh: MeshDriver) -> None:
    mesh.put_contract("prep-happy", glue_contract("prep-happy"))
    run = mesh.wait_for_run("prepare-product", "prep-happy")
    assert (run.status, run.states) == ("SUCCEEDED", HAPPY)
    glue = mesh.client("producer", "glue")
    link = glue.get_database(Name="rl_prep-happy")["Database"]["TargetDatabase"]
    assert (link["CatalogId"], link["DatabaseName"]) == ("111111111111", "prep-happy")
    crawler = glue.get_crawler(Name=f"prep-happyCrawler-{PRODUCER}")["Crawler"]
    assert crawler["DatabaseName"] == "rl_prep-happy"
    assert crawler["LakeFormationConfiguration"]["UseLakeFormationCredentials"] is True
    first = mesh.wait_for_run("onboard-upload", "prep-happy", idle=True)
    assert (first.status, first.outcome) == ("SUCCEEDED", "empty")


def test_the_same_contract_again_prepares_again(mesh: MeshDriver) -> None:
    mesh.prepare("prep-again")
    first = mesh.runs("prepare-product", "prep-again")
    mesh.put_contract("prep-again")
    run = mesh.wait_for_run("prepare-product", "prep-again", after=first)
    assert (run.status, run.states) == ("SUCCEEDED", HAPPY)


def test_throttling_is_retried(mesh: MeshDriver) -> None:
    mesh.inject("throttle", "glue", "CreateCrawler", account=PRODUCER, count=4)
    mesh.put_contract("prep-throttled", glue_contract("prep-throttled"))
    run = mesh.wait_for_run("prepare-product", "prep-throttled")
    assert (run.status, run.states) == ("SUCCEEDED", HAPPY)
    assert mesh.faults() == []


def test_a_crash_is_retried(mesh: MeshDriver) -> None:
    crash(mesh, "producer", "PrepareProductFunction")
    mesh.put_contract("prep-crashed")
    run = mesh.wait_for_run("prepare-product", "prep-crashed")
    assert (run.status, run.states) == ("SUCCEEDED", HAPPY)
    assert mesh.faults() == []


@pytest.mark.ordered_delivery("as many crashes as one run has attempts")
def test_a_failed_run_completes_when_it_is_started_again(mesh: MeshDriver) -> None:
    crash(mesh, "producer", "PrepareProductFunction", times=ATTEMPTS)
    mesh.put_contract("prep-down", glue_contract("prep-down"))
    run = mesh.wait_for_run("prepare-product", "prep-down")
    assert (run.status, run.error) == ("FAILED", "Runtime.ExitError")
    assert run.states == ("PrepareProduct", "PreparationFailed")
    assert started_again(mesh, run).states == HAPPY
    run = mesh.upload("prep-down", {"prep-down/data/t1/a.csv": "a,b\n1,2\n"})
    assert run.outcome == "published"


def test_a_registration_that_comes_again_after_a_newer_one_changes_nothing(mesh: MeshDriver) -> None:
    """EventBridge may deliver ProductRegistered of version 1.0.0 once more when 1.1.0 is in force."""
    mesh.prepare("prep-late", columns={"a": "bigint"})
    first = mesh.runs("prepare-product", "prep-late")[0]
    before = mesh.runs("prepare-product", "prep-late")
    mesh.put_contract("prep-late", columns={"a": "bigint", "b": "bigint"}, version="1.1.0")
    assert mesh.wait_for_run("prepare-product", "prep-late", after=before).states == HAPPY
    machine = mesh.output("producer", "PrepareProductArn")
    assert mesh.start("producer", machine, first.input).status == "SUCCEEDED"
    run = mesh.upload("prep-late", {"prep-late/data/t1/a.csv": "a,b\n1,2\n"})
    assert run.outcome == "published"
    assert mesh.wait_for_notice("prep-late", "producer")["contract_version"] == "1.1.0"
