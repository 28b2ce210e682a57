"""A version is kept for readers: exactly its rows, closed until it is whole, to nobody more than the present table."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import query
from cli.main import app
from cli.output import CommandFailed
from local.accounts import ACCOUNTS
from tests.access_driver import AccessDriver
from tests.consumer_accesses import query as failure_of
from tests.mesh_conditions import crash, start_again
from tests.mesh_driver import MeshDriver, contract
from tests.workflow.test_restore_version import ask_back, publish

pytestmark = pytest.mark.timeout(600)
PRODUCT = "kept-rows"
COLUMNS = {"id": "bigint", "amount": "bigint", "email": "string"}
FIRST = {"dt=1/a.csv": "id,amount,email\n1,10,a@example.com\n2,20,b@example.com\n"}
SECOND = {
    "dt=1/a.csv": "id,amount,email,note\n1,99,c@example.com,x\n",
    "dt=2/b.csv": "id,amount,email,note\n7,70,d@example.com,y\n",
}
ROWS = [["id", "amount", "dt"], ["1", "10", "1"], ["2", "20", "1"]]
"""Of the first version, as an analyst reads them: the column of personal data is not shown."""
PREPARED = ("ChooseStep", "PreparePin", "ReportStep", "CheckFilled", "StepDone")
SECONDS = 120.0


@pytest.fixture(scope="module")
def product(deployed_mesh: MeshDriver) -> str:
    """Two versions, and a consumer who reads by LF-Tags."""
    mesh = deployed_mesh
    mesh.put_contract(PRODUCT, contract(PRODUCT, "t1", COLUMNS))
    assert mesh.wait_for_run("prepare-product", PRODUCT, seconds=SECONDS).status == "SUCCEEDED"
    publish(mesh, PRODUCT, 1, FIRST)
    AccessDriver(mesh).live(PRODUCT)
    publish(mesh, PRODUCT, 2, SECOND)
    return PRODUCT


@pytest.fixture(autouse=True)
def nothing_left(mesh: MeshDriver, product: str) -> Iterator[None]:
    """Each test ends its pins, so that the next one makes its own."""
    yield
    mesh.clear_faults()
    for pin in pins(mesh, product):
        for holder in pin["holders"]:
            account = next(name for name, number in ACCOUNTS.items() if number == holder["account"])
            send(mesh, "UnpinRequested", account, product=product, version=pin["version"])
    mesh.until(lambda: not pins(mesh, product), "no pin left")


def command(mesh: MeshDriver, *arguments: str) -> Any:
    return CliRunner().invoke(app, [*arguments, "--port", mesh.endpoint.rpartition(":")[2]])


def send(mesh: MeshDriver, kind: str, by: str = "consumer", **data: Any) -> str:
    return AccessDriver(mesh).send(kind, data, by=by)


def ask(mesh: MeshDriver, product: str, version: int, seconds: float, by: str = "consumer") -> str:
    until = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    return send(mesh, "PinRequested", by, product=product, version=version, until=until, reason="scorecard 7")


def pins(mesh: MeshDriver, product: str) -> list[dict[str, Any]]:
    found = [item for item in mesh.items("central", f"PRODUCT#{product}") if item["sk"] == "PINS"]
    return list(json.loads(found[0]["body"])["pins"]) if found else []


def status(mesh: MeshDriver, product: str, version: int) -> str:
    return next((str(pin["status"]) for pin in pins(mesh, product) if pin["version"] == version), "")


def told(mesh: MeshDriver, product: str, kind: str, event: str) -> dict[str, Any]:
    def look() -> list[dict[str, Any]]:
        found = mesh.notices(product, "consumer", kind)
        return [detail["data"] for detail in found if detail["metadata"]["correlation_id"] == event]

    return dict(mesh.until(look, f"{kind} of {event}")[0])


def rows(mesh: MeshDriver, product: str, table: str) -> list[list[str | None]]:
    """All of a table, as the consumer's analyst reads it."""
    athena = mesh.client("consumer", "athena", "DataAnalyst")
    sql = f'SELECT * FROM "rl_{product}"."{table}" ORDER BY 1, 2'
    found = query.run(athena, sql, workgroup="consumer-workgroup", database="default", limit=0, role="DataAnalyst")
    return [[column.name for column in found.columns], *found.rows]


def tables(mesh: MeshDriver, product: str) -> set[str]:
    glue = mesh.client("central", "glue", "DataMeshOwner")
    return {table["Name"] for table in glue.get_tables(DatabaseName=product)["TableList"]}


def copies(mesh: MeshDriver, product: str) -> list[str]:
    """Of all pins, with versions and markers."""
    found = mesh.client("producer", "s3").list_object_versions(Bucket=mesh.bucket, Prefix=f"{product}/pinned/")
    return [item["Key"] for item in (*found.get("Versions", []), *found.get("DeleteMarkers", []))]


def test_exactly_the_old_rows_beside_the_new_ones_until_it_is_unpinned(mesh: MeshDriver, product: str) -> None:
    present = rows(mesh, product, "t1")

    pinned = command(mesh, "pin", product, "1", "--days", "30", "--reason", "scorecard 7", "--json")
    assert pinned.exit_code == 0, pinned.output
    ready = json.loads(pinned.stdout)
    assert (ready["status"], ready["rows"], ready["not_reached"]) == ("ready", 2, [])
    assert [each["table"] for each in ready["queries"]] == ["t1__v1"]

    assert rows(mesh, product, "t1__v1") == ROWS
    assert rows(mesh, product, "t1") == present != ROWS
    assert "email" in failure_of(mesh, f'SELECT email FROM "rl_{product}"."t1__v1"').lower()
    again = command(mesh, "pin", product, "1", "--days", "60", "--reason", "longer", "--json")
    assert json.loads(again.stdout)["pin"] == ready["pin"]
    assert len(copies(mesh, product)) == 1, "one copy, however often it is asked for"

    # The product moves on, and back, and neither disturbs the other; the copy is no upload, and no new table.
    ask_back(mesh, product, 1)
    notice = mesh.wait_for_notice(product, version=3)
    assert [change["table"] for change in notice["changes"]] == ["t1"]
    mesh.settled(product)
    publish(mesh, product, 4, {"dt=3/c.csv": "id,amount,email\n8,80,e@example.com\n"})
    assert rows(mesh, product, "t1__v1") == ROWS
    assert mesh.pending(product) == []
    listed = command(mesh, "pins", product, "--json")
    [pin] = json.loads(listed.stdout)["pins"]
    assert (pin["tables"], pin["status"]) == ([f"rl_{product}.t1__v1"], "ready")
    assert "pinned for 333333333333" in " ".join(command(mesh, "history", product).output.split())
    shown = json.loads(command(mesh, "show", product, "--json").stdout)
    assert [table["table"] for table in shown["tables"]] == ["t1"]
    lineage = command(mesh, "lineage", product, "--table", "t1__v1").output
    assert "version 1, kept" in lineage, lineage
    assert f"{product}/data/t1/dt=1/a.csv" in lineage
    drift = command(mesh, "reconcile", "--dry-run", "--json")
    assert product not in drift.stdout, "nothing that differs is about it"

    ended = command(mesh, "unpin", product, "1", "--json")
    assert (ended.exit_code, json.loads(ended.stdout)["cause"]) == (0, "unpinned"), ended.output
    assert tables(mesh, product) == {"t1"}
    assert failure_of(mesh, f'SELECT * FROM "rl_{product}"."t1__v1"')
    mesh.until(lambda: not copies(mesh, product), "the copies are gone, with their versions")


def test_what_is_not_whole_is_closed_and_the_same_run_again_completes_it(mesh: MeshDriver, product: str) -> None:
    before = mesh.runs("pin-version", product)
    crash(mesh, "producer", "FillPinFunction", times=3)
    event = ask(mesh, product, 1, 3600)
    mesh.until(lambda: status(mesh, product, 1) == "filling", "central has closed the tables")
    failed = mesh.wait_for_run("pin-version", product, after=before, seconds=SECONDS)
    while failed.input["detail"]["data"]["step"] != "fill":
        assert failed.states == PREPARED
        before = [*before, failed]
        failed = mesh.wait_for_run("pin-version", product, after=before, seconds=SECONDS)
    assert (failed.status, failed.states[-1]) == ("FAILED", "PinFailed")
    assert failure_of(mesh, f'SELECT id FROM "rl_{product}"."t1__v1"'), "closed while it is empty"

    assert start_again(mesh, failed).status == "SUCCEEDED"

    assert told(mesh, product, "PinReady", event)["version"] == 1
    assert rows(mesh, product, "t1__v1") == ROWS


def test_it_is_kept_until_the_last_who_wants_it(mesh: MeshDriver, product: str) -> None:
    first = ask(mesh, product, 1, 40)
    mesh.until(lambda: status(mesh, product, 1) == "ready", "ready")
    ask(mesh, product, 1, 75, by="central")
    mesh.until(lambda: len(pins(mesh, product)[0]["holders"]) == 2, "two want it")

    assert told(mesh, product, "PinEnded", first)["cause"] == "expired"
    mesh.until(lambda: len(pins(mesh, product)[0]["holders"]) == 1, "one wants it")
    assert rows(mesh, product, "t1__v1") == ROWS

    mesh.until(lambda: not pins(mesh, product), "it ended by itself")
    assert tables(mesh, product) == {"t1"}
    assert copies(mesh, product) == []


def test_what_cannot_be_kept_is_refused_and_told(mesh: MeshDriver, product: str) -> None:
    def refusal(event: str) -> str:
        return str(told(mesh, product, "PinRefused", event)["reason"]["code"])

    month = 30 * 86_400.0
    assert refusal(ask(mesh, product, 99, month)) == "UnknownVersion"
    assert refusal(ask(mesh, product, 1, 400 * 86_400.0)) == "PinTooLong"
    assert refusal(ask(mesh, product, 1, -60)) == "UntilInThePast"
    assert refusal(send(mesh, "UnpinRequested", product=product, version=1)) == "NotPinned"
    other = "kept-nobodys"
    mesh.put_contract(other, contract(other, "t1", COLUMNS))
    assert mesh.wait_for_run("prepare-product", other, seconds=SECONDS).status == "SUCCEEDED"
    publish(mesh, other, 1, FIRST)
    assert told(mesh, other, "PinRefused", ask(mesh, other, 1, month))["reason"]["code"] == "NoLiveAccess"

    # Gone before anything is made of it: an object version that somebody deleted for good.
    publish(mesh, other, 2, SECOND)
    s3, key = mesh.client("producer", "s3"), f"{other}/data/t1/dt=1/a.csv"
    listed = s3.list_object_versions(Bucket=mesh.bucket, Prefix=key)["Versions"]
    oldest = next(item for item in listed if not item["IsLatest"])
    s3.delete_object(Bucket=mesh.bucket, Key=key, VersionId=oldest["VersionId"])
    shown = command(mesh, "pin", other, "1", "--days", "1", "--reason", "x", "--account", "central", "--json")
    assert isinstance(shown.exception, CommandFailed), shown.output
    assert (shown.exception.code, shown.exception.where["missing"]) == ("VersionGone", [key])
    assert tables(mesh, other) == {"t1"}
    mesh.until(lambda: not pins(mesh, other), "nothing of it is left")


def test_nobody_adds_to_what_is_kept(mesh: MeshDriver, product: str) -> None:
    """Not even the owner's steward, whose bucket it is."""
    steward = mesh.client("producer", "s3", "ProducerSteward")
    key = f"{product}/pinned/1/pin-000000000000/t1/{uuid.uuid4()}.csv"
    with pytest.raises(Exception, match="AccessDenied"):
        steward.put_object(Bucket=mesh.bucket, Key=key, Body=b"1,2\n")
