"""What a Glue crawler writes is read by nobody through LF-Tags until central has tagged it.

Central is stopped where it matters: its CommitVersion function may not assign tags. So the run of `commit-version`
fails after the catalog has the column, and is started again when the permission is back.
"""

from collections.abc import Iterator

import pytest

from tests.access_driver import AccessDriver
from tests.consumer_accesses import COLUMNS, query
from tests.mesh_commands import mesh_command
from tests.mesh_conditions import start_again, without_permission
from tests.mesh_driver import MeshDriver, contract

PRODUCT = "veiled"
FIRST = "id,amount\n1,10\n2,20\n"
UNTAGGED = ("central", "CommitVersionFunctionRole", "lakeformation:AddLFTagsToResource")


def publish(mesh: MeshDriver, product: str) -> None:
    """A product whose table a Glue crawler fills, and that leaves columns open."""
    document = contract(product, "t1", COLUMNS)
    document["customProperties"].append({"property": "crawl", "value": "glue"})
    mesh.put_contract(product, document)
    assert mesh.wait_for_run("prepare-product", product).status == "SUCCEEDED"
    mesh.upload(product, {f"{product}/data/t1/a.csv": FIRST})
    mesh.wait_for_notice(product, "producer")


@pytest.fixture
def accesses(mesh: MeshDriver) -> Iterator[AccessDriver]:
    driver = AccessDriver(mesh)
    yield driver
    mesh.clear_faults()
    driver.end_all()


def reads(mesh: MeshDriver, product: str, column: str, table: str = "t1") -> bool:
    return query(mesh, f'SELECT {column} FROM "rl_{product}".{table}') == ""


def readable(mesh: MeshDriver, product: str, *columns: str) -> list[str]:
    return [column for column in columns if reads(mesh, product, column)]


def test_a_new_column_waits_for_its_tags(mesh: MeshDriver, accesses: AccessDriver) -> None:
    publish(mesh, PRODUCT)
    accesses.live(PRODUCT)
    assert readable(mesh, PRODUCT, "id", "amount") == ["id", "amount"]
    before = mesh.runs("commit-version", PRODUCT)

    with without_permission(mesh, *UNTAGGED):
        mesh.put_object(f"{PRODUCT}/data/t1/b.csv", "id,amount,note,email\n3,30,x,a@example.com\n")
        run = mesh.wait_for_run("commit-version", PRODUCT, after=before)
        assert (run.status, run.states[-2]) == ("FAILED", "CommitVersion"), run
        there = {column["Name"] for column in mesh.table(PRODUCT, "t1")["StorageDescriptor"]["Columns"]}
        assert there == {"id", "amount", "note", "email"}
        assert readable(mesh, PRODUCT, "id", "amount", "note", "email", "*") == ["id", "amount", "*"]
        assert [mesh.tags(PRODUCT, "t1")[name]["publication"] for name in ("id", "note")] == ["published", "pending"]
        code, found = mesh_command(mesh, "explain", f"{PRODUCT}.t1.note", "--role", "DataAnalyst")
        assert (code, found["missing"]) == (1, "NotPublished")
        assert "publication" not in str(found["tags"])
        code, seen = mesh_command(mesh, "preview", "--expression", f"product={PRODUCT}")
        assert [(table["table"], len(table["columns"])) for table in seen["tables"]] == [("t1", 2)]

    assert start_again(mesh, run).status == "SUCCEEDED"
    mesh.settled(PRODUCT)
    assert readable(mesh, PRODUCT, "id", "amount", "note", "email") == ["id", "amount", "note"]
    found = mesh.tags(PRODUCT, "t1")["email"]
    assert (found["publication"], found["pii"]) == ("published", "personal")
    code, found = mesh_command(mesh, "explain", f"{PRODUCT}.t1.note", "--role", "DataAnalyst")
    assert (code, found["can_read"]) == (0, True)
