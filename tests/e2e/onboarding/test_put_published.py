"""`mesh put --wait` and what comes after it, of a product whose tables are Iceberg: published, held, nothing new."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.mesh_commands import mesh_command
from tests.mesh_driver import MeshDriver
from tests.publishing_driver import csv, one_table_contract

PRODUCT = "put-published"
STEPS = ("CheckObjects", "ProposeVersion", "VerifyProposal", "CommitVersion", "SettleBatch")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A product's folder: contract and one file of data."""
    made = tmp_path_factory.mktemp("put") / PRODUCT
    (made / "data/t1").mkdir(parents=True)
    (made / "contract.yaml").write_text(yaml.safe_dump(one_table_contract(PRODUCT)))
    (made / "data/t1/a.csv").write_text(csv((1, 10), (2, 20)))
    return made


@pytest.fixture(scope="module")
def first(deployed_mesh: MeshDriver, folder: Path) -> dict[str, Any]:
    """What the first `mesh put --wait` answered."""
    deployed_mesh.clear_faults()
    code, answer = mesh_command(deployed_mesh, "put", str(folder), "--wait")
    assert code == 0, answer
    return answer


def test_a_published_version_is_announced_with_its_number(first: dict[str, Any]) -> None:
    assert first["outcome"] == "published"
    assert [version["version"] for version in first["versions"]] == [1]
    assert (first["held"], first["rejections"], first["failures"]) == ([], [], [])


def test_show_history_and_trace_include_the_version(mesh: MeshDriver, first: dict[str, Any]) -> None:
    _, shown = mesh_command(mesh, "show", PRODUCT)
    assert shown["location"] == f"s3://{mesh.bucket}/{PRODUCT}/published/"
    _, history = mesh_command(mesh, "history", PRODUCT)
    assert [version["version"] for version in history["versions"]] == [1]
    _, trace = mesh_command(mesh, "trace", first["versions"][0]["correlation_id"])
    notices = [step["what"] for step in trace["steps"]]
    positions = [notices.index(step) for step in STEPS]
    assert positions == sorted(positions)
    assert {"batch taken", "batch checked", "version proposed", "committed", "batch settled"} <= set(notices)


def test_the_same_bytes_again_are_nothing_new(mesh: MeshDriver, folder: Path, first: dict[str, Any]) -> None:
    code, answer = mesh_command(mesh, "put", str(folder), "--wait")
    assert (code, answer["outcome"], answer["versions"]) == (0, "unchanged", [])


def test_held_objects_are_not_success_and_are_shown_with_their_reason(
    mesh: MeshDriver, folder: Path, first: dict[str, Any]
) -> None:
    (folder / "data/t1/a.csv").write_text(csv((1, "many")))
    code, answer = mesh_command(mesh, "put", str(folder), "--wait")
    assert (code, answer["outcome"], answer["versions"]) == (1, "held", [])
    [held] = answer["held"]
    assert (held["key"], held["reason"]["code"]) == (f"{PRODUCT}/data/t1/a.csv", "ValueNotOfType")
    _, batch = mesh_command(mesh, "quarantine", held["batch"])
    assert [item["key"] for item in batch["listed"]] == [held["key"]]
