"""A product goes back to an earlier version: what consumers read, what is told, and what a rollback must not do."""

import json
import uuid
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import query
from cli.main import app
from local.accounts import ACCOUNTS, REGION
from tests.consumer_accesses import COLUMNS, Granted, accept, by_tags, grant
from tests.mesh_conditions import crash, lease_held, start_again
from tests.mesh_driver import MeshDriver, Run, contract

pytestmark = pytest.mark.timeout(300)
STEWARDS = {"producer": "ProducerSteward", "central": "DataMeshOwner"}
HAPPY = (
    "StartRestore", "TakeRestore", "CheckLease", "RestoreObjects", "CheckObjects", "RestoreCatalog", "AnnounceCrawl",
    "ReleaseLease", "RecordLineage", "CheckMore", "Restored",
)  # fmt: skip
FIRST = "id,amount\n1,10\n2,20\n"
SECONDS = 90.0


def publish(mesh: MeshDriver, product: str, version: int, files: dict[str, str]) -> dict[str, Any]:
    """Upload as one batch; the notice of the version that it becomes."""
    with lease_held(mesh, product):
        for name, body in files.items():
            mesh.put_object(f"{product}/data/t1/{name}", body)
        mesh.until(lambda: len(mesh.pending(product)) == len(files), f"{len(files)} objects wait")
    mesh.put_object(f"{product}/data/t1/_SUCCESS", "")
    start(mesh, product)
    notice = mesh.wait_for_notice(product, "producer", version=version)
    mesh.settled(product)
    return notice


def start(mesh: MeshDriver, product: str) -> None:
    arn = mesh.output("producer", "OnboardUploadArn")
    given = {"product": product, "correlation_id": str(uuid.uuid4())}
    mesh.client("producer", "stepfunctions").start_execution(stateMachineArn=arn, input=json.dumps(given))


def prepare(mesh: MeshDriver, product: str) -> None:
    """A product with two versions: one file of two rows; then another partition-less file, and the first replaced."""
    mesh.put_contract(product, contract(product, "t1", COLUMNS))
    assert mesh.wait_for_run("prepare-product", product, seconds=SECONDS).status == "SUCCEEDED"
    mesh.subscribe(product)
    publish(mesh, product, 1, {"a.csv": FIRST})


def ask_back(mesh: MeshDriver, product: str, version: int, by: str = "producer", event: str = "") -> str:
    """RollbackRequested by the account's steward; the event's id."""
    event = event or str(uuid.uuid4())
    detail = {
        "metadata": {"id": event, "correlation_id": event},
        "data": {"product": product, "version": version, "reason": "labels were flipped"},
    }
    entry = {
        "EventBusName": f"arn:aws:events:{REGION}:{ACCOUNTS['central']}:event-bus/mesh",
        "Source": "meshwork",
        "DetailType": "RollbackRequested",
        "Detail": json.dumps(detail),
    }
    answer = mesh.client(by, "events", STEWARDS.get(by, "ConsumerAdmin")).put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 0, answer
    return event


def refusal(mesh: MeshDriver, product: str, account: str, *events: str) -> dict[str, Any]:
    """Why the account was told that nothing came of it, of one of them at least."""

    def look() -> list[dict[str, Any]]:
        told = mesh.notices(product, account, "RollbackRefused")
        return [detail["data"] for detail in told if detail["data"]["request"] in events]

    return dict(mesh.until(look, f"refusal of {' or '.join(events)}")[0]["reason"])


def rows(mesh: MeshDriver, product: str) -> list[list[str | None]]:
    """All of the table, as the consumer's analyst reads it."""
    athena = mesh.client("consumer", "athena", "DataAnalyst")
    sql = f'SELECT * FROM "rl_{product}"."t1" ORDER BY 1, 2'
    found = query.run(athena, sql, workgroup="consumer-workgroup", database="default", limit=0, role="DataAnalyst")
    return [[column.name for column in found.columns], *found.rows]


def back(
    mesh: MeshDriver, product: str, version: int, becomes: int, by: str = "producer"
) -> tuple[Run, dict[str, Any]]:
    """The rollback's run in the owner's account, and the consumer's notice."""
    before = mesh.runs("restore-version", product)
    ask_back(mesh, product, version, by)
    run = mesh.wait_for_run("restore-version", product, after=before, seconds=SECONDS)
    assert run.status == "SUCCEEDED", run
    notice = mesh.wait_for_notice(product, version=becomes)
    mesh.settled(product)
    return run, notice


def test_consumers_read_the_earlier_rows_exactly_and_are_told_why(mesh: MeshDriver) -> None:
    product = "back-rows"
    prepare(mesh, product)
    granted = Granted(product, by_tags(product))
    grant(mesh, granted)
    assert accept(mesh, granted).status == "SUCCEEDED"
    first = rows(mesh, product)
    assert first == [["id", "amount"], ["1", "10"], ["2", "20"]]

    publish(mesh, product, 2, {"a.csv": "id,amount,note\n1,99,x\n2,98,y\n3,97,z\n", "b.csv": "id,amount,note\n9,9,w\n"})
    second = rows(mesh, product)
    assert second[0] == ["id", "amount", "note"]
    assert len(second) == 5

    run, notice = back(mesh, product, 1, becomes=3)
    assert run.states == HAPPY
    assert rows(mesh, product) == first
    assert notice["rollback"] == {
        "version": 1, "request": notice["rollback"]["request"], "requested_by": ACCOUNTS["producer"],
        "reason": "labels were flipped",
    }  # fmt: skip
    assert (notice["severity"], notice["follows"]) == ("breaking", 2)
    [change] = notice["changes"]
    assert (change["rows_total"], change["rows_delta"], change["removed_columns"]) == (2, -2, ["note"])

    # What was restored is no upload: nothing waits, and no further version comes of it.
    assert mesh.pending(product) == []
    versions = [item["sk"] for item in mesh.items("central", f"PRODUCT#{product}") if item["sk"].startswith("VERSION#")]
    assert len(versions) == 3

    # And forward again, to what was rolled back; then an upload on top of it counts as ever.
    port = mesh.endpoint.rpartition(":")[2]
    asked = ["rollback", product, "2", "--reason", "the labels were right", "--account", "central"]
    found = CliRunner().invoke(app, [*asked, "--port", port, "--json"])
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["published_as"] == 4
    assert mesh.wait_for_notice(product, version=4)["rollback"]["requested_by"] == ACCOUNTS["central"]
    assert rows(mesh, product) == second
    told = CliRunner().invoke(app, ["history", product, "--port", port, "--json"])
    assert [version["version"] for version in json.loads(told.stdout)["versions"]] == [4, 3, 2, 1]
    told = CliRunner().invoke(app, ["history", product, "--port", port])
    assert "labels were flipped" in " ".join(told.output.split())
    told = CliRunner().invoke(app, ["diff", product, "1", "2", "--port", port])
    assert "t1.note: added (string)" in told.output
    assert "rows 2 → 4 (+2)" in told.output
    mesh.settled(product)
    last = publish(mesh, product, 5, {"c.csv": "id,amount,note\n7,7,v\n"})
    assert last["changes"][0]["rows_total"] == 5
    assert len(rows(mesh, product)) == 6


def test_bad_input_changes_nothing(mesh: MeshDriver) -> None:
    product = "back-bad"
    prepare(mesh, product)
    publish(mesh, product, 2, {"b.csv": "id,amount\n3,30\n"})
    before = sorted(mesh.keys(f"{product}/data/"))

    assert refusal(mesh, product, "producer", ask_back(mesh, product, 7))["code"] == "UnknownVersion"
    assert refusal(mesh, product, "producer", ask_back(mesh, product, 2))["code"] == "AlreadyThere"
    with pytest.raises(AssertionError, match="AccessDenied"):  # by the bus: only stewards decide
        ask_back(mesh, product, 1, by="consumer")
    assert sorted(mesh.keys(f"{product}/data/")) == before
    assert mesh.runs("restore-version", product) == []


def test_a_version_whose_objects_are_gone_is_refused_and_nothing_is_changed(mesh: MeshDriver) -> None:
    product = "back-gone"
    prepare(mesh, product)
    publish(mesh, product, 2, {"a.csv": "id,amount\n5,50\n"})
    s3, key = mesh.client("producer", "s3"), f"{product}/data/t1/a.csv"
    listed = s3.list_object_versions(Bucket=mesh.bucket, Prefix=key)["Versions"]
    oldest = next(item for item in listed if not item["IsLatest"])
    s3.delete_object(Bucket=mesh.bucket, Key=key, VersionId=oldest["VersionId"])

    event = ask_back(mesh, product, 1)
    run = mesh.wait_for_run("restore-version", product, seconds=SECONDS)
    assert (run.status, run.outcome) == ("SUCCEEDED", "refused")
    assert run.output["reason"]["code"] == "VersionGone"
    assert run.output["reason"]["where"]["missing"] == [key]
    assert mesh.read(key) == b"id,amount\n5,50\n"
    assert mesh.lease(product) == ""
    key_of_order = {"pk": {"S": f"PRODUCT#{product}"}, "sk": {"S": f"ROLLBACK#{event}"}}

    def over() -> bool:
        item = mesh.item("central", key_of_order)
        return item is not None and json.loads(item["body"]["S"])["status"] == "refused"

    mesh.until(over, "central knows")


def test_of_two_rollbacks_at_once_one_is_refused_and_the_other_waits_for_the_lease(mesh: MeshDriver) -> None:
    product = "back-twice"
    prepare(mesh, product)
    publish(mesh, product, 2, {"a.csv": "id,amount\n5,50\n"})
    with lease_held(mesh, product):
        mesh.put_object(f"{product}/data/t1/late.csv", "id,amount\n8,80\n")
        mesh.until(lambda: mesh.pending(product), "the late upload waits")
        # Events keep no order: either may be the first to arrive.
        asked = [ask_back(mesh, product, 1), ask_back(mesh, product, 1)]
        assert refusal(mesh, product, "producer", *asked)["code"] == "RollbackInProgress"
    run = mesh.wait_for_run("restore-version", product, seconds=SECONDS)
    assert run.status == "SUCCEEDED"
    assert run.states.count("TakeRestore") > 1
    assert run.states[-2:] == ("StartOnboarding", "Restored")
    notice = mesh.wait_for_notice(product, version=4)
    assert notice["changes"][0]["rows_total"] == 3
    assert mesh.read(f"{product}/data/t1/a.csv").decode() == FIRST


def test_partitions_and_tables_that_came_later_are_empty(mesh: MeshDriver) -> None:
    product = "back-parts"
    mesh.put_contract(product, contract(product, "t1", COLUMNS))
    assert mesh.wait_for_run("prepare-product", product, seconds=SECONDS).status == "SUCCEEDED"
    mesh.subscribe(product)
    publish(mesh, product, 1, {"dt=1/a.csv": FIRST})
    granted = Granted(product, by_tags(product))
    grant(mesh, granted)
    assert accept(mesh, granted).status == "SUCCEEDED"
    first = rows(mesh, product)
    mesh.upload(product, {
        f"{product}/data/t1/dt=2/b.csv": "id,amount\n3,30\n", f"{product}/data/t2/x.csv": "a,b\n1,2\n",
    })  # fmt: skip
    mesh.wait_for_notice(product, version=2)
    latest = max(detail["data"]["version"] for detail in mesh.notices(product))

    _, notice = back(mesh, product, 1, becomes=latest + 1)

    assert rows(mesh, product) == first == [["id", "amount", "dt"], ["1", "10", "1"], ["2", "20", "1"]]
    totals = {change["table"]: change["rows_total"] for change in notice["changes"]}
    assert totals == {"t1": 2, "t2": 0}


def test_a_crash_changes_nothing_for_good_and_the_same_run_again_completes(mesh: MeshDriver) -> None:
    product = "back-crash"
    prepare(mesh, product)
    publish(mesh, product, 2, {"a.csv": "id,amount\n5,50\n", "b.csv": "id,amount\n6,60\n"})
    crash(mesh, "producer", "RestoreCatalogFunction", times=3)
    ask_back(mesh, product, 1)
    run = mesh.wait_for_run("restore-version", product, seconds=SECONDS)
    assert (run.status, run.error) == ("FAILED", "Runtime.ExitError")
    assert run.states[-2:] == ("ReleaseAfterFailure", "RestoreFailed")
    assert mesh.lease(product) == ""

    again = start_again(mesh, run)

    assert (again.status, again.states) == ("SUCCEEDED", HAPPY)
    assert mesh.wait_for_notice(product, version=3)["changes"][0]["rows_total"] == 2
    assert mesh.read(f"{product}/data/t1/a.csv").decode() == FIRST
    assert not mesh.exists(f"{product}/data/t1/b.csv")
    mesh.settled(product)
    versions = mesh.client("producer", "s3").list_object_versions(
        Bucket=mesh.bucket, Prefix=f"{product}/data/t1/a.csv"
    )["Versions"]
    assert len(versions) == 3, "one copy, however often it was tried"
