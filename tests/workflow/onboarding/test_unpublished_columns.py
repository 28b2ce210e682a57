"""New columns and tables are read by nobody before they have all of their tags, whatever happens on the way there.

Central is stopped where it matters: its CommitVersion function may not assign tags. So the run of `commit-version`
fails after the catalog has the column, and is started again when the permission is back.
"""

from collections.abc import Iterator

import pytest

from tests.access_driver import AccessDriver
from tests.consumer_accesses import COLUMNS, query
from tests.mesh_commands import mesh_command
from tests.mesh_conditions import started_again, without_permission
from tests.mesh_driver import MeshDriver, contract
from tests.publishing_driver import PublishingDriver, csv

CRAWLED = "veiled-crawled"
FIRST = "id,amount\n1,10\n2,20\n"
UNTAGGED = ("central", "CommitVersionFunctionRole", "lakeformation:AddLFTagsToResource")


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


def test_a_new_column_and_a_new_table_wait_for_their_tags(mesh: MeshDriver, accesses: AccessDriver) -> None:
    product = PublishingDriver(mesh, "veiled")
    product.upload("a.csv", csv((1, 10), (2, 20)))
    accesses.live(product.name)
    assert readable(mesh, product.name, "id", "amount") == ["id", "amount"]

    before = mesh.runs("commit-version", product.name)
    with without_permission(mesh, *UNTAGGED):
        product.put("b.csv", "id,amount,note,email\n3,30,x,a@example.com\n")
        stopped = mesh.wait_for_run("commit-version", product.name, after=before)
        assert (stopped.status, stopped.states[-2]) == ("FAILED", "CommitVersion")
        there = {column["Name"] for column in mesh.table(product.name, "t1")["StorageDescriptor"]["Columns"]}
        assert there == {"id", "amount", "note", "email"}
        assert readable(mesh, product.name, "id", "amount", "note", "email", "*") == ["id", "amount", "*"]
        assert [mesh.tags(product.name, "t1")[name]["publication"] for name in ("id", "note")] == [
            "published", "pending",
        ]  # fmt: skip
        code, found = mesh_command(mesh, "explain", f"{product.name}.t1.note", "--role", "DataAnalyst")
        assert (code, found["missing"]) == (1, "NotPublished")
        assert "publication" not in str(found["tags"])
        code, seen = mesh_command(mesh, "preview", "--expression", f"product={product.name}")
        assert [(table["table"], len(table["columns"])) for table in seen["tables"]] == [("t1", 2)]

    assert started_again(mesh, stopped).status == "SUCCEEDED"
    mesh.settled(product.name)
    assert readable(mesh, product.name, "id", "amount", "note", "email") == ["id", "amount", "note"]
    code, found = mesh_command(mesh, "explain", f"{product.name}.t1.note", "--role", "DataAnalyst")
    assert (code, found["can_read"]) == (0, True)


def test_nobody_can_read_a_new_table_before_it_is_tagged(mesh: MeshDriver, accesses: AccessDriver) -> None:
    product = PublishingDriver(mesh, "veiled-table")
    product.upload("a.csv", csv((1, 10)))
    accesses.live(product.name)

    before = mesh.runs("commit-version", product.name)
    with without_permission(mesh, *UNTAGGED):
        product.put("dt=2026-11-21/b.csv", "code,label\n1,x\n", table="t2")
        stopped = mesh.wait_for_run("commit-version", product.name, after=before)
        assert stopped.status == "FAILED"
        assert not reads(mesh, product.name, "*", "t2")

    assert started_again(mesh, stopped).status == "SUCCEEDED"
    mesh.settled(product.name)
    assert reads(mesh, product.name, "code, label, dt", "t2 WHERE dt = '2026-11-21'")


def publish(mesh: MeshDriver, product: str) -> None:
    """A product whose table a Glue crawler fills, and that leaves columns open."""
    document = contract(product, "t1", COLUMNS)
    document["customProperties"].append({"property": "crawl", "value": "glue"})
    mesh.put_contract(product, document)
    assert mesh.wait_for_run("prepare-product", product).status == "SUCCEEDED"
    mesh.upload(product, {f"{product}/data/t1/a.csv": FIRST})
    mesh.wait_for_notice(product, "producer")


def test_what_a_crawler_wrote_waits_for_its_tags(mesh: MeshDriver, accesses: AccessDriver) -> None:
    publish(mesh, CRAWLED)
    accesses.live(CRAWLED)
    assert readable(mesh, CRAWLED, "id", "amount") == ["id", "amount"]
    before = mesh.runs("commit-version", CRAWLED)

    with without_permission(mesh, *UNTAGGED):
        mesh.put_object(f"{CRAWLED}/data/t1/b.csv", "id,amount,note,email\n3,30,x,a@example.com\n")
        announced = mesh.wait_for_run("commit-version", CRAWLED, after=before)
        assert (announced.status, announced.states[2]) == ("SUCCEEDED", "TagFindings"), "no present column is touched"
        run = mesh.wait_for_run("commit-version", CRAWLED, after=[*before, announced])
        assert (run.status, run.states[-2]) == ("FAILED", "CommitVersion"), run
        there = {column["Name"] for column in mesh.table(CRAWLED, "t1")["StorageDescriptor"]["Columns"]}
        assert there == {"id", "amount", "note", "email"}
        assert readable(mesh, CRAWLED, "id", "amount", "note", "email", "*") == ["id", "amount", "*"]
        assert [mesh.tags(CRAWLED, "t1")[name]["publication"] for name in ("id", "note")] == ["published", "pending"]
        code, found = mesh_command(mesh, "explain", f"{CRAWLED}.t1.note", "--role", "DataAnalyst")
        assert (code, found["missing"]) == (1, "NotPublished")
        assert "publication" not in str(found["tags"])
        code, seen = mesh_command(mesh, "preview", "--expression", f"product={CRAWLED}")
        assert [(table["table"], len(table["columns"])) for table in seen["tables"]] == [("t1", 2)]

    assert started_again(mesh, run).status == "SUCCEEDED"
    mesh.settled(CRAWLED)
    assert readable(mesh, CRAWLED, "id", "amount", "note", "email") == ["id", "amount", "note"]
    found = mesh.tags(CRAWLED, "t1")["email"]
    assert (found["publication"], found["pii"]) == ("published", "personal")
    code, found = mesh_command(mesh, "explain", f"{CRAWLED}.t1.note", "--role", "DataAnalyst")
    assert (code, found["can_read"]) == (0, True)
