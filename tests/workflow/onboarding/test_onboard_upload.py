"""What `onboard-upload` does before there is anything to publish, and when a call does not answer as it should."""

from typing import Any

import pytest

from tests.mesh_conditions import ATTEMPTS, crash, lease_held, start_onboarding, started_again, with_definition
from tests.mesh_driver import MeshDriver, contract
from tests.workflow.onboarding.test_publish_upload import PROPOSED, PUBLISHED

PRODUCER, CENTRAL = "222222222222", "111111111111"
CSV = "a,b\n1,2\n"
OTHER = "a,b\n3,4\n"


def assert_nothing_came_of_it(mesh: MeshDriver, product: str, *keys: str) -> None:
    """Compensation: the lease is free, the objects are pending, central got no event."""
    mesh.settled(product)
    assert mesh.lease(product) == ""
    assert mesh.pending(product) == list(keys)
    assert mesh.runs("commit-version", product) == []


def assert_all_is_done(mesh: MeshDriver, product: str, rows: int) -> None:
    mesh.until(lambda: _rows(mesh, product) >= rows, f"{rows} rows of {product} published")
    mesh.settled(product)
    assert _rows(mesh, product) == rows
    assert (mesh.lease(product), mesh.pending(product)) == ("", [])


def _rows(mesh: MeshDriver, product: str) -> int:
    notices = [detail["data"]["changes"] for detail in mesh.notices(product, "producer")]
    return sum(change["rows"] for changes in notices for change in changes)


def test_nothing_to_do(mesh: MeshDriver) -> None:
    mesh.prepare("on-empty")
    run = mesh.wait_for_run("onboard-upload", "on-empty", idle=True)
    assert (run.status, run.outcome) == ("SUCCEEDED", "empty")
    assert run.path == ("TakeBatch", "RouteBatch", "NothingToDo")


def test_busy_while_another_run_has_the_lease(mesh: MeshDriver) -> None:
    mesh.prepare("on-busy")
    mesh.settled("on-busy")
    before = mesh.runs("onboard-upload", "on-busy")
    with lease_held(mesh, "on-busy"):
        mesh.put_object("on-busy/data/t1/a.csv", CSV)
        mesh.until(lambda: mesh.pending("on-busy"), "the upload recorded")
        mesh.settled("on-busy")
        others = mesh.runs("onboard-upload", "on-busy")[len(before) :]
        assert {run.outcome for run in others} <= {"empty", "busy"}, "the lease's holder will take it"
        run = start_onboarding(mesh, "on-busy")
        assert (run.status, run.outcome) == ("SUCCEEDED", "busy")
        assert run.path == ("TakeBatch", "RouteBatch", "NothingToDo")
        assert mesh.lease("on-busy") == "another-run"
        assert mesh.pending("on-busy") == ["on-busy/data/t1/a.csv"]
    mesh.upload("on-busy", {"on-busy/data/t1/b.csv": OTHER})
    assert_all_is_done(mesh, "on-busy", rows=2)


def judged_by(mesh: MeshDriver, product: str, version: int = 1) -> str:
    """The revision of the contract that the notice of a version names."""
    return str(mesh.wait_for_notice(product, "producer", version=version)["contract_version"])


def test_data_are_judged_by_the_revision_that_came_with_them(mesh: MeshDriver) -> None:
    columns = {"a": "bigint", "b": "bigint"}
    mesh.prepare("on-revised", columns=columns)
    mesh.inject("delay", "glue", "UpdateDatabase", account=CENTRAL, seconds=2)
    mesh.put_contract("on-revised", columns={**columns, "c": "string"}, version="1.1.0")
    mesh.put_object("on-revised/data/t1/a.csv", "a,b,c\n1,2,x\n")
    assert judged_by(mesh, "on-revised") == "1.1.0"
    assert_all_is_done(mesh, "on-revised", rows=1)


REFUSED = {
    "by-central": contract("on-by-central", columns={"a": "bigint"}),  # a column less, and the version of before
    "here": "name: [",
}


@pytest.mark.parametrize("where", REFUSED)
def test_data_are_judged_by_the_last_good_revision_when_the_newest_is_refused(mesh: MeshDriver, where: str) -> None:
    product = f"on-{where}"
    mesh.prepare(product, columns={"a": "bigint", "b": "bigint"})
    mesh.put_contract(product, REFUSED[where])
    mesh.put_object(f"{product}/data/t1/a.csv", CSV)
    assert judged_by(mesh, product) == "1.0.0"
    assert_all_is_done(mesh, product, rows=1)


def test_data_waits_for_a_registration_that_is_under_way(mesh: MeshDriver) -> None:
    """Here the first contract is refused by central: declared, and not registered until a good one comes."""
    mesh.put_contract("on-waiting", contract("on-waiting", domain="payments"))
    assert mesh.wait_for_run("register-product", "on-waiting").outcome == "rejected"
    mesh.put_object("on-waiting/data/t1/a.csv", CSV)
    mesh.until(lambda: mesh.pending("on-waiting"), "the upload recorded")
    run = start_onboarding(mesh, "on-waiting")
    assert (run.status, run.outcome) == ("SUCCEEDED", "waiting")
    assert run.path == ("TakeBatch", "RouteBatch", "NothingToDo")
    assert_nothing_came_of_it(mesh, "on-waiting", "on-waiting/data/t1/a.csv")
    mesh.put_contract("on-waiting")
    assert_all_is_done(mesh, "on-waiting", rows=1)


def test_a_proposal_that_cannot_be_sent_leaves_the_objects_pending(mesh: MeshDriver) -> None:
    mesh.prepare("on-silent")
    mesh.settled("on-silent")
    mesh.inject("throttle", "events", "PutEvents", account=PRODUCER, code="ThrottlingException", count=1000)
    run = mesh.upload("on-silent", {"on-silent/data/t1/a.csv": CSV})
    assert run.status == "FAILED"
    assert run.path == (*PROPOSED, "ReleaseAfterFailure", "OnboardFailed")
    assert_nothing_came_of_it(mesh, "on-silent", "on-silent/data/t1/a.csv")
    mesh.clear_faults()
    mesh.upload("on-silent", {"on-silent/data/t1/b.csv": OTHER})
    assert_all_is_done(mesh, "on-silent", rows=2)


@pytest.mark.parametrize(
    ("product", "fault"),
    [
        (
            "on-patient",
            {"kind": "throttle", "service": "events", "action": "PutEvents", "account": PRODUCER, "count": 2}
            | {"code": "ThrottlingException"},
        ),
        (
            "on-throttled",
            {"kind": "throttle", "service": "glue", "action": "CreateTable", "account": CENTRAL, "count": 4},
        ),
        (
            "on-doubtful",
            {"kind": "error_after_effect", "service": "glue", "action": "CreateTable", "account": CENTRAL}
            | {"code": "InternalServiceException"},
        ),
    ],
)
def test_what_is_throttled_or_answers_with_an_error_is_tried_again(
    mesh: MeshDriver, product: str, fault: dict[str, Any]
) -> None:
    """Also where it outlasts the client's own retries, and where the effect was there before the error."""
    mesh.prepare(product)
    mesh.settled(product)
    mesh.inject(**fault)
    run = mesh.upload(product, {f"{product}/data/t1/a.csv": CSV})
    assert (run.status, run.path) == ("SUCCEEDED", PUBLISHED)
    assert mesh.faults() == []
    assert_all_is_done(mesh, product, rows=1)


def test_a_failed_run_completes_when_it_is_started_again(mesh: MeshDriver) -> None:
    mesh.prepare("on-again")
    mesh.settled("on-again")
    crash(mesh, "producer", "TakeBatchFunction", times=ATTEMPTS)
    mesh.put_object("on-again/data/t1/a.csv", CSV)
    run = mesh.wait_for_run("onboard-upload", "on-again")
    assert (run.status, run.path) == ("FAILED", ("TakeBatch", "OnboardFailed"))
    again = started_again(mesh, run)
    assert (again.status, again.path) == ("SUCCEEDED", PUBLISHED)
    assert_all_is_done(mesh, "on-again", rows=1)


@pytest.mark.ordered_delivery("the subject is which run takes which upload")
def test_uploads_that_go_on_are_another_runs_before_the_history_of_the_first_is_full(mesh: MeshDriver) -> None:
    """After no time here, for half an hour; the sweep of every five minutes is called."""
    mesh.prepare("on-long")
    mesh.settled("on-long")
    before = mesh.runs("onboard-upload", "on-long")
    with with_definition(mesh, "producer", "OnboardUpload", "< 1800000", "< 0"):
        mesh.inject("delay", "glue", "CreateTable", account=CENTRAL, seconds=3)
        mesh.put_object("on-long/data/t1/a.csv", CSV)
        mesh.until(lambda: mesh.runs("commit-version", "on-long"), "the first upload proposed")
        mesh.put_object("on-long/data/t1/b.csv", OTHER)
        first = mesh.wait_for_run("onboard-upload", "on-long", after=before)
        # An event of the second upload that comes late may have started the next run by now, as the sweep would.
        assert (first.outcome, first.output["accepted"], first.path[-1]) == ("published", 1, "Settled")
        sweep = mesh.physical_id("producer", "CollectUploadsFunction")
        mesh.client("producer", "lambda").invoke(FunctionName=sweep, Payload='{"Records": []}')
    assert_all_is_done(mesh, "on-long", rows=2)


def test_an_upload_with_a_duplicate_event_is_published_once(mesh: MeshDriver) -> None:
    mesh.prepare("on-twice")
    mesh.settled("on-twice")
    mesh.inject("duplicate_event", "events", "Object Created", account=PRODUCER)
    mesh.upload("on-twice", {"on-twice/data/t1/a.csv": CSV})
    assert mesh.faults() == []
    assert_all_is_done(mesh, "on-twice", rows=1)
    assert len(mesh.notices("on-twice", "producer")) == 1
