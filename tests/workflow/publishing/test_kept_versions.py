"""Versions that are kept, and that end: second tables on their files, and what their owner's account deletes."""

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.app import app
from cli.output import CommandFailed
from local.accounts import ADMIN_ROLE
from tests.access_driver import AccessDriver
from tests.consumer_accesses import query as failure_of
from tests.mesh_commands import mesh_command
from tests.mesh_conditions import crash
from tests.mesh_driver import MeshDriver
from tests.publishing_driver import PublishingDriver, csv
from tests.staged_tables import Stager, role_of
from tests.workflow.governance.test_failures import dead_letters
from tests.workflow.publishing.test_commit_version import read
from tests.workflow.publishing.test_roll_back import ask_back, refusal, roll_back, two_versions


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


def tables(mesh: MeshDriver, product: str) -> set[str]:
    glue = mesh.client("central", "glue", "DataMeshOwner")
    return {table["Name"] for table in glue.get_tables(DatabaseName=product)["TableList"]}


def objects(mesh: MeshDriver, stager: Stager) -> set[str]:
    """Keys below the table's folder, of which any version is left."""
    s3 = mesh.client("producer", "s3", ADMIN_ROLE)
    prefix = f"{stager.product}/published/t1/iceberg/"
    found = s3.list_object_versions(Bucket=mesh.bucket, Prefix=prefix)
    return {each["Key"] for each in found.get("Versions", ())}


def withdraw(mesh: MeshDriver, product: str, *versions: int) -> str:
    return send(mesh, "WithdrawalRequested", "producer", product=product, versions=list(versions), reason="not ours")


def ended(mesh: MeshDriver, product: str, version: int) -> dict[str, Any]:
    key = {"pk": {"S": f"PRODUCT#{product}"}, "sk": {"S": f"VERSION#{version:08d}"}}
    item = mesh.item("central", key)
    return dict(json.loads(item["body"]["S"])["ended"] or {}) if item else {}


def notified(mesh: MeshDriver, product: str, kind: str, event: str, by: str = "consumer") -> dict[str, Any]:
    def look() -> list[dict[str, Any]]:
        found = mesh.notices(product, by, kind)
        return [detail["data"] for detail in found if detail["metadata"]["correlation_id"] == event]

    return dict(mesh.until(look, f"{kind} of {event}")[0])


def test_a_pin_is_read_beside_the_present_version_until_it_ends(mesh: MeshDriver) -> None:
    two_versions(mesh, "kep-pin")
    AccessDriver(mesh).live("kep-pin")
    event = ask(mesh, "kep-pin", 1, 40)
    assert notified(mesh, "kep-pin", "PinReady", event)["rows"] == 3
    assert read(mesh, 'SELECT count(*), sum(amount) FROM "rl_kep-pin"."t1__v1"') == [["3", "60"]]
    assert read(mesh, 'SELECT count(*) FROM "rl_kep-pin"."t1"') == [["4"]]
    event = send(mesh, "UnpinRequested", "consumer", product="kep-pin", version=1)
    mesh.until(lambda: not pins(mesh, "kep-pin"), "nothing is left of it")
    assert notified(mesh, "kep-pin", "PinEnded", event)["cause"] == "unpinned"


def test_a_pin_lives_beside_the_product_and_shows_no_more_than_it(mesh: MeshDriver) -> None:
    """Version 2 has an e-mail address, which the analyst may not read; of version 3 on there is none."""
    stager = two_versions(mesh, "kep-beside")
    AccessDriver(mesh).live("kep-beside")
    code, ready = mesh_command(mesh, "pin", "kep-beside", "2", "--days", "30", "--reason", "scorecard 7")
    assert (code, ready["status"], ready["rows"], ready["not_reached"]) == (0, "ready", 4, [])
    assert [each["table"] for each in ready["queries"]] == ["t1__v2"]
    _, again = mesh_command(mesh, "pin", "kep-beside", "2", "--days", "60", "--reason", "longer")
    assert again["pin"] == ready["pin"], "the same tables, for longer"
    pinned = 'SELECT count(*), sum(amount) FROM "rl_kep-beside"."t1__v2"'
    assert read(mesh, pinned) == [["4", "150"]]
    assert "email" in failure_of(mesh, 'SELECT email FROM "rl_kep-beside"."t1__v2"').lower()

    # The product moves on, and back, and neither disturbs the other; it is not a table of the product.
    roll_back(mesh, "kep-beside", 1)
    stager.publish(stager.stage("SELECT 5::BIGINT AS id, 50::BIGINT AS amount"))
    assert read(mesh, pinned) == [["4", "150"]]
    assert "email" in failure_of(mesh, 'SELECT email FROM "rl_kep-beside"."t1__v2"').lower()
    _, listed = mesh_command(mesh, "pins", "kep-beside")
    assert [(pin["tables"], pin["status"]) for pin in listed["pins"]] == [(["rl_kep-beside.t1__v2"], "ready")]
    port = mesh.endpoint.rpartition(":")[2]
    history = CliRunner().invoke(app, ["history", "kep-beside", "--port", port]).output
    assert "pinned for 333333333333" in " ".join(history.split())
    _, shown = mesh_command(mesh, "show", "kep-beside")
    assert [table["table"] for table in shown["tables"]] == ["t1"]
    drift = CliRunner().invoke(app, ["reconcile", "--dry-run", "--port", port, "--json"])
    assert "kep-beside" not in drift.stdout, "nothing that differs is about it"

    code, over = mesh_command(mesh, "unpin", "kep-beside", "2")
    assert (code, over["cause"], tables(mesh, "kep-beside")) == (0, "unpinned", {"t1"})
    assert failure_of(mesh, pinned)


def test_it_is_made_although_the_function_dies_once(mesh: MeshDriver) -> None:
    two_versions(mesh, "kep-crash")
    AccessDriver(mesh).live("kep-crash")
    crash(mesh, "central", "SettlePinFunction")
    event = ask(mesh, "kep-crash", 1, 3600)
    assert notified(mesh, "kep-crash", "PinReady", event)["version"] == 1
    assert read(mesh, 'SELECT count(*) FROM "rl_kep-crash"."t1__v1"') == [["3"]]


def test_it_is_kept_until_its_last_holder_ends(mesh: MeshDriver) -> None:
    two_versions(mesh, "kep-last")
    AccessDriver(mesh).live("kep-last")
    first = ask(mesh, "kep-last", 1, 20)
    mesh.until(lambda: status(mesh, "kep-last", 1) == "ready", "ready")
    ask(mesh, "kep-last", 1, 40, by="central")
    mesh.until(lambda: len(pins(mesh, "kep-last")[0]["holders"]) == 2, "two want it")

    assert notified(mesh, "kep-last", "PinEnded", first)["cause"] == "expired"
    mesh.until(lambda: len(pins(mesh, "kep-last")[0]["holders"]) == 1, "one wants it")
    assert read(mesh, 'SELECT count(*) FROM "rl_kep-last"."t1__v1"') == [["3"]]

    mesh.until(lambda: not pins(mesh, "kep-last"), "it ended by itself")
    assert tables(mesh, "kep-last") == {"t1"}


def test_a_pin_that_is_not_allowed_is_rejected_and_reported(mesh: MeshDriver) -> None:
    def code(product: str, event: str) -> str:
        return str(notified(mesh, product, "PinRefused", event)["reason"]["code"])

    two_versions(mesh, "kep-not")
    month = 30 * 86_400.0
    assert code("kep-not", ask(mesh, "kep-not", 1, month)) == "NoLiveAccess"
    AccessDriver(mesh).live("kep-not")
    assert code("kep-not", ask(mesh, "kep-not", 99, month)) == "UnknownVersion"
    assert code("kep-not", ask(mesh, "kep-not", 1, 400 * 86_400.0)) == "PinTooLong"
    assert code("kep-not", ask(mesh, "kep-not", 1, -60)) == "UntilInThePast"
    assert code("kep-not", send(mesh, "UnpinRequested", product="kep-not", version=1)) == "NotPinned"
    assert tables(mesh, "kep-not") == {"t1"}


def test_hive_tables_keep_no_versions(mesh: MeshDriver) -> None:
    glue = [{"property": "crawl", "value": "glue"}, {"property": "lfTags", "value": {"confidentiality": "internal"}}]
    product = PublishingDriver(mesh, "kep-hive", customProperties=glue)
    product.upload("a.csv", csv((1, 10)))
    product.upload("b.csv", csv((2, 20)))
    mesh.until(lambda: product.versions() == 2, "two versions")

    reason = refusal(mesh, ask_back(mesh, "kep-hive", 1))
    assert (reason["code"], reason["where"]) == ("NeedsExpress", {"product": "kep-hive", "version": 1})
    assert "crawl: express" in reason["remedy"]
    with pytest.raises(CommandFailed) as refused:
        mesh_command(mesh, "pin", "kep-hive", "1", "--days", "1", "--reason", "x", "--account", "central")
    assert refused.value.code == "NeedsExpress"
    _, history = mesh_command(mesh, "history", "kep-hive")
    assert [version["version"] for version in history["versions"]] == [2, 1]
    _, diff = mesh_command(mesh, "diff", "kep-hive", "1", "2")
    assert diff["tables"][0]["rows"] == [1, 2]
    assert tables(mesh, "kep-hive") == {"t1"}


def test_withdrawn_versions_lose_their_pins_and_their_files(mesh: MeshDriver) -> None:
    stager = two_versions(mesh, "kep-gone")
    second = stager.pointer().partition(f"{mesh.bucket}/")[2]
    roll_back(mesh, "kep-gone", 1)
    before = objects(mesh, stager)
    ask(mesh, "kep-gone", 2, 40, by="producer")
    mesh.until(lambda: status(mesh, "kep-gone", 2) == "ready", "the pin")

    withdraw(mesh, "kep-gone", 2)

    mesh.until(lambda: second not in objects(mesh, stager), "its metadata file is deleted")
    gone = before - objects(mesh, stager)
    assert len([key for key in gone if "/data/" in key]) == 1, "the one file that it alone had"
    assert pins(mesh, "kep-gone") == []
    mesh.until(lambda: ended(mesh, "kep-gone", 2).get("released"), "recorded")
    AccessDriver(mesh).live("kep-gone")
    assert read(mesh, 'SELECT count(*) FROM "rl_kep-gone"."t1"') == [["3"]]
    event = ask(mesh, "kep-gone", 2, 40, by="producer")
    assert notified(mesh, "kep-gone", "PinRefused", event, by="producer")["reason"]["code"] == "VersionEnded"


def test_what_consumers_read_now_is_not_withdrawn(mesh: MeshDriver) -> None:
    stager = two_versions(mesh, "kep-now")
    before = objects(mesh, stager)
    event = withdraw(mesh, "kep-now", 2)
    assert notified(mesh, "kep-now", "WithdrawalRefused", event, by="producer")["reason"]["code"] == "PresentVersion"
    assert objects(mesh, stager) == before


def test_files_that_somebody_deleted_are_found_within_a_day_and_can_be_brought_back(mesh: MeshDriver) -> None:
    """As a lifecycle rule of the company's may, whatever the bucket's policy says."""
    stager = two_versions(mesh, "kep-lost")
    s3 = mesh.client("producer", "s3", role_of(mesh, "ReleaseFiles"))
    [first, *_] = sorted(key for key in objects(mesh, stager) if "/data/" in key)
    marker = s3.delete_object(Bucket=mesh.bucket, Key=first)["VersionId"]

    check_retention(mesh)

    failure, *_ = mesh.until(lambda: dead_letters(mesh, "kep-lost", "producer"), "it is told")
    assert first.rpartition("/")[2] in failure["cause"]
    s3.delete_object(Bucket=mesh.bucket, Key=first, VersionId=marker)
    mesh.until(lambda: replayed(mesh, "kep-lost"), "all is there")
    assert first in objects(mesh, stager)


def replayed(mesh: MeshDriver, product: str) -> bool:
    """Whether nothing is left to replay: an event that comes twice may fail twice."""
    left = dead_letters(mesh, product, "producer")
    for failure in left:
        with contextlib.suppress(CommandFailed):  # it may have been replayed a moment ago
            mesh_command(mesh, "dlq", "replay", failure["id"][:8])
    return not left and mesh.at_rest()


def check_retention(mesh: MeshDriver) -> None:
    """As its schedule does."""
    function = mesh.physical_id("central", "WithdrawVersionsFunction")
    answer = mesh.client("central", "lambda").invoke(FunctionName=function, Payload=json.dumps({"retention": True}))
    assert "FunctionError" not in answer
