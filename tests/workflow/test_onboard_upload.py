"""Each path of `onboard-upload`."""

from typing import Any

import pytest

from tests.mesh_conditions import crash, lease_held, start_again, start_onboarding, without_permission
from tests.mesh_driver import MeshDriver, contract

TAKEN = ("TakeBatch", "RouteBatch", "InspectBatch", "CheckBatch", "CheckRejections")
CRAWLED = ("SummariseCrawl", "AnnounceCrawl", "ReleaseBatch", "RecordLineage", "CheckMore")
EXPRESS = (*TAKEN, "CheckAccepted", "WriteCatalog", *CRAWLED)
GLUE = (*TAKEN, "CheckAccepted", "StartCrawler", "AwaitCrawl", "GetCrawler", "CheckCrawl", *CRAWLED)
PRODUCER = "222222222222"
CSV = "a,b\n1,2\n"


def glue_contract(product: str) -> dict[str, Any]:
    properties = [{"property": "crawlerPrefix", "value": product}, {"property": "crawl", "value": "glue"}]
    return contract(product, customProperties=properties)


def assert_nothing_came_of_it(mesh: MeshDriver, product: str, *keys: str) -> None:
    """Compensation: nobody holds the lease, the objects wait, central heard nothing."""
    mesh.settled(product)
    assert mesh.lease(product) == ""
    assert mesh.pending(product) == list(keys)
    assert mesh.runs("publish-version", product) == []


def assert_all_is_done(mesh: MeshDriver, product: str, rows: int) -> None:
    mesh.until(lambda: _rows(mesh, product) >= rows, f"{rows} rows of {product} published")
    mesh.settled(product)
    assert _rows(mesh, product) == rows
    assert (mesh.lease(product), mesh.pending(product)) == ("", [])


def _rows(mesh: MeshDriver, product: str) -> int:
    told = [detail["data"]["changes"] for detail in mesh.notices(product, "producer")]
    return sum(change["rows"] for changes in told for change in changes)


@pytest.mark.parametrize(("mode", "path"), [("express", EXPRESS), ("glue", GLUE)])
def test_onboarded(mesh: MeshDriver, mode: str, path: tuple[str, ...]) -> None:
    product = f"on-{mode}"
    mesh.put_contract(product, glue_contract(product) if mode == "glue" else None)
    assert mesh.wait_for_run("prepare-product", product).status == "SUCCEEDED"
    mesh.settled(product)
    run = mesh.upload(product, {f"{product}/data/t1/a.csv": CSV})
    assert (run.status, run.outcome, run.states) == ("SUCCEEDED", "onboarded", (*path, "Onboarded"))
    assert (run.output["accepted"], run.output["rejected"]) == (1, 0)
    assert_all_is_done(mesh, product, rows=1)


def test_nothing_to_do(mesh: MeshDriver) -> None:
    mesh.prepare("on-empty")
    run = mesh.wait_for_run("onboard-upload", "on-empty", idle=True)
    assert (run.status, run.outcome) == ("SUCCEEDED", "empty")
    assert run.states == ("TakeBatch", "RouteBatch", "NothingToDo")


def test_busy_while_another_run_has_the_lease(mesh: MeshDriver) -> None:
    mesh.prepare("on-busy")
    mesh.settled("on-busy")
    before = mesh.runs("onboard-upload", "on-busy")
    with lease_held(mesh, "on-busy"):
        mesh.put_object("on-busy/data/t1/a.csv", CSV)
        mesh.until(lambda: mesh.pending("on-busy"), "the upload recorded")
        mesh.settled("on-busy")
        assert mesh.runs("onboard-upload", "on-busy") == before  # the lease's holder will take it
        run = start_onboarding(mesh, "on-busy")
        assert (run.status, run.outcome) == ("SUCCEEDED", "busy")
        assert run.states == ("TakeBatch", "RouteBatch", "NothingToDo")
        assert mesh.lease("on-busy") == "another-run"
        assert mesh.pending("on-busy") == ["on-busy/data/t1/a.csv"]
    run = mesh.upload("on-busy", {"on-busy/data/t1/b.csv": CSV})
    assert run.output["accepted"] == 2
    assert_all_is_done(mesh, "on-busy", rows=2)


def test_what_arrives_meanwhile_is_taken_by_the_same_run(mesh: MeshDriver) -> None:
    mesh.prepare("on-more")
    mesh.settled("on-more")
    before = mesh.runs("onboard-upload", "on-more")
    mesh.inject("delay", "glue", "CreateTable", account=PRODUCER, seconds=2)
    mesh.put_object("on-more/data/t1/a.csv", CSV)
    mesh.until(lambda: mesh.faults() == [], "the crawl of the first file")
    mesh.put_object("on-more/data/t1/b.csv", CSV)
    run = mesh.wait_for_run("onboard-upload", "on-more", after=before)
    assert (run.status, run.outcome) == ("SUCCEEDED", "onboarded")
    assert run.states == (*EXPRESS, *EXPRESS, "Onboarded")
    assert_all_is_done(mesh, "on-more", rows=2)


def test_data_waits_for_a_registration_that_is_under_way(mesh: MeshDriver) -> None:
    """Here the first contract is refused by central: declared, and not registered until a good one comes."""
    mesh.put_contract("on-waiting", contract("on-waiting", domain="payments"))
    assert mesh.wait_for_run("register-product", "on-waiting").outcome == "rejected"
    mesh.put_object("on-waiting/data/t1/a.csv", CSV)
    mesh.until(lambda: mesh.pending("on-waiting"), "the upload recorded")
    run = start_onboarding(mesh, "on-waiting")
    assert (run.status, run.outcome) == ("SUCCEEDED", "waiting")
    assert run.states == ("TakeBatch", "RouteBatch", "AwaitRegistration")
    assert_nothing_came_of_it(mesh, "on-waiting", "on-waiting/data/t1/a.csv")
    mesh.put_contract("on-waiting")
    assert_all_is_done(mesh, "on-waiting", rows=1)


def test_the_good_are_crawled_after_the_bad_were_set_aside(mesh: MeshDriver) -> None:
    mesh.prepare("on-mixed")
    mesh.settled("on-mixed")
    with lease_held(mesh, "on-mixed"):
        for name, body in [("bad", ""), ("good", CSV)]:
            mesh.put_object(f"on-mixed/data/t1/{name}.csv", body)
        mesh.until(lambda: len(mesh.pending("on-mixed")) == 2, "both files pending")
        mesh.settled("on-mixed")
    run = mesh.upload("on-mixed", {"on-mixed/data/t1/third.csv": CSV})
    assert run.states == (
        *TAKEN, "QuarantineObjects", "TellOwner", "CheckAccepted", "WriteCatalog", *CRAWLED, "Onboarded",
    )  # fmt: skip
    assert (run.output["accepted"], run.output["rejected"]) == (2, 1)
    assert_all_is_done(mesh, "on-mixed", rows=2)


def test_a_crawler_that_is_gone_fails_the_run_and_comes_back_with_the_contract(mesh: MeshDriver) -> None:
    mesh.prepare("on-gone", customProperties=glue_contract("on-gone")["customProperties"])
    mesh.settled("on-gone")
    mesh.client("producer", "glue").delete_crawler(Name=f"on-goneCrawler-{PRODUCER}")
    run = mesh.upload("on-gone", {"on-gone/data/t1/a.csv": CSV})
    assert run.status == "FAILED"
    assert "EntityNotFound" in run.error
    assert run.states == (*TAKEN, "CheckAccepted", "StartCrawler", "ReleaseAfterFailure", "OnboardFailed")
    assert_nothing_came_of_it(mesh, "on-gone", "on-gone/data/t1/a.csv")
    mesh.put_contract("on-gone", glue_contract("on-gone"))
    assert_all_is_done(mesh, "on-gone", rows=1)


def test_a_crawl_that_fails_fails_the_run_with_glues_own_words(mesh: MeshDriver) -> None:
    mesh.prepare("on-failing", customProperties=glue_contract("on-failing")["customProperties"])
    mesh.settled("on-failing")
    with without_permission(mesh, "producer", "CrawlerRole", "glue:CreateTable"):
        run = mesh.upload("on-failing", {"on-failing/data/t1/a.csv": CSV})
    assert run.status == "FAILED"
    assert run.states[-4:] == ("CheckCrawl", "ReportCrawlFailure", "ReleaseAfterFailure", "OnboardFailed")
    assert "glue:CreateTable" in run.cause
    assert_nothing_came_of_it(mesh, "on-failing", "on-failing/data/t1/a.csv")
    run = mesh.upload("on-failing", {"on-failing/data/t1/b.csv": CSV})
    assert (run.status, run.output["accepted"]) == ("SUCCEEDED", 2)
    assert_all_is_done(mesh, "on-failing", rows=2)


def test_an_announcement_that_fails_leaves_the_objects_pending(mesh: MeshDriver) -> None:
    mesh.prepare("on-silent")
    mesh.settled("on-silent")
    mesh.inject("throttle", "events", "PutEvents", account=PRODUCER, code="ThrottlingException", count=1000)
    run = mesh.upload("on-silent", {"on-silent/data/t1/a.csv": CSV})
    assert (run.status, run.error) == ("FAILED", "EventBridge.ThrottlingException")
    assert run.states[-3:] == ("AnnounceCrawl", "ReleaseAfterFailure", "OnboardFailed")
    assert_nothing_came_of_it(mesh, "on-silent", "on-silent/data/t1/a.csv")
    mesh.clear_faults()
    run = mesh.upload("on-silent", {"on-silent/data/t1/b.csv": CSV})
    assert run.output["accepted"] == 2
    assert_all_is_done(mesh, "on-silent", rows=2)


def test_a_short_throttling_of_the_announcement_is_retried(mesh: MeshDriver) -> None:
    mesh.prepare("on-patient")
    mesh.settled("on-patient")
    mesh.inject("throttle", "events", "PutEvents", account=PRODUCER, code="ThrottlingException", count=2)
    run = mesh.upload("on-patient", {"on-patient/data/t1/a.csv": CSV})
    assert (run.status, run.states) == ("SUCCEEDED", (*EXPRESS, "Onboarded"))
    assert mesh.faults() == []
    assert_all_is_done(mesh, "on-patient", rows=1)


def test_throttling_that_outlasts_the_client_is_retried_by_the_machine(mesh: MeshDriver) -> None:
    mesh.prepare("on-throttled")
    mesh.settled("on-throttled")
    mesh.inject("throttle", "glue", "CreateTable", account=PRODUCER, count=4)
    run = mesh.upload("on-throttled", {"on-throttled/data/t1/a.csv": CSV})
    assert (run.status, run.states) == ("SUCCEEDED", (*EXPRESS, "Onboarded"))
    assert mesh.faults() == []
    assert_all_is_done(mesh, "on-throttled", rows=1)


def test_an_effect_whose_answer_was_an_error_is_not_done_twice(mesh: MeshDriver) -> None:
    mesh.prepare("on-doubtful")
    mesh.settled("on-doubtful")
    mesh.inject("error_after_effect", "glue", "CreateTable", account=PRODUCER, code="InternalServiceException")
    run = mesh.upload("on-doubtful", {"on-doubtful/data/t1/a.csv": CSV})
    assert (run.status, run.states) == ("SUCCEEDED", (*EXPRESS, "Onboarded"))
    assert_all_is_done(mesh, "on-doubtful", rows=1)


@pytest.mark.parametrize("function", ["TakeBatch", "InspectBatch", "WriteCatalog", "SummariseCrawl", "ReleaseBatch"])
def test_a_function_that_crashes_once_is_called_again(mesh: MeshDriver, function: str) -> None:
    product = f"on-crash-{function.lower()}"
    mesh.prepare(product)
    mesh.settled(product)
    crash(mesh, "producer", f"{function}Function")
    run = mesh.upload(product, {f"{product}/data/t1/a.csv": CSV})
    assert (run.status, run.states) == ("SUCCEEDED", (*EXPRESS, "Onboarded"))
    assert mesh.faults() == []
    assert_all_is_done(mesh, product, rows=1)


def test_crash_after_crash_fails_and_the_next_upload_completes(mesh: MeshDriver) -> None:
    mesh.prepare("on-down")
    mesh.settled("on-down")
    kept = mesh.dead_letters()["producer/FailedRunsQueue"]
    crash(mesh, "producer", "WriteCatalogFunction", times=3)
    run = mesh.upload("on-down", {"on-down/data/t1/a.csv": CSV})
    assert (run.status, run.error) == ("FAILED", "Runtime.ExitError")
    assert run.states == (*TAKEN, "CheckAccepted", "WriteCatalog", "ReleaseAfterFailure", "OnboardFailed")
    assert_nothing_came_of_it(mesh, "on-down", "on-down/data/t1/a.csv")
    mesh.until(lambda: mesh.dead_letters()["producer/FailedRunsQueue"] == kept + 1, "the failed run in its queue")
    run = mesh.upload("on-down", {"on-down/data/t1/b.csv": CSV})
    assert (run.status, run.output["accepted"]) == ("SUCCEEDED", 2)
    assert_all_is_done(mesh, "on-down", rows=2)


def test_a_failed_run_started_again_completes(mesh: MeshDriver) -> None:
    mesh.prepare("on-again")
    mesh.settled("on-again")
    crash(mesh, "producer", "SummariseCrawlFunction", times=3)
    run = mesh.upload("on-again", {"on-again/data/t1/a.csv": CSV})
    assert (run.status, run.states[-3]) == ("FAILED", "SummariseCrawl")
    again = start_again(mesh, run)
    assert (again.status, again.states) == ("SUCCEEDED", (*EXPRESS, "Onboarded"))
    assert_all_is_done(mesh, "on-again", rows=1)


def test_an_upload_that_s3_tells_of_twice_is_crawled_once(mesh: MeshDriver) -> None:
    mesh.prepare("on-twice")
    mesh.settled("on-twice")
    mesh.inject("duplicate_event", "events", "Object Created", account=PRODUCER)
    mesh.upload("on-twice", {"on-twice/data/t1/a.csv": CSV})
    assert mesh.faults() == []
    assert_all_is_done(mesh, "on-twice", rows=1)
    assert len(mesh.notices("on-twice", "producer")) == 1
