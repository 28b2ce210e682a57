"""Versions that are kept, and that end: second tables on their files, and what their owner's account deletes."""

import json
from typing import Any

from local.accounts import ADMIN_ROLE
from tests.access_driver import AccessDriver
from tests.mesh_driver import MeshDriver
from tests.staged_tables import Stager
from tests.workflow.test_commit_version import read
from tests.workflow.test_pin_version import ask, pins, send, status
from tests.workflow.test_roll_back import roll_back, two_versions


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


def told(mesh: MeshDriver, product: str, kind: str, event: str, by: str = "consumer") -> dict[str, Any]:
    def look() -> list[dict[str, Any]]:
        found = mesh.notices(product, by, kind)
        return [detail["data"] for detail in found if detail["metadata"]["correlation_id"] == event]

    return dict(mesh.until(look, f"{kind} of {event}")[0])


def test_a_pin_is_read_beside_the_present_version_until_it_ends(mesh: MeshDriver) -> None:
    two_versions(mesh, "kep-pin")
    AccessDriver(mesh).live("kep-pin")
    event = ask(mesh, "kep-pin", 1, 40)
    assert told(mesh, "kep-pin", "PinReady", event)["rows"] == 3
    assert read(mesh, 'SELECT count(*), sum(amount) FROM "rl_kep-pin"."t1__v1"') == [["3", "60"]]
    assert read(mesh, 'SELECT count(*) FROM "rl_kep-pin"."t1"') == [["4"]]
    event = send(mesh, "UnpinRequested", "consumer", product="kep-pin", version=1)
    mesh.until(lambda: not pins(mesh, "kep-pin"), "nothing is left of it")
    assert told(mesh, "kep-pin", "PinEnded", event)["cause"] == "unpinned"


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
    assert told(mesh, "kep-gone", "PinRefused", event, by="producer")["reason"]["code"] == "VersionEnded"


def test_what_consumers_read_now_is_not_withdrawn(mesh: MeshDriver) -> None:
    stager = two_versions(mesh, "kep-now")
    before = objects(mesh, stager)
    event = withdraw(mesh, "kep-now", 2)
    assert told(mesh, "kep-now", "WithdrawalRefused", event, by="producer")["reason"]["code"] == "PresentVersion"
    assert objects(mesh, stager) == before
