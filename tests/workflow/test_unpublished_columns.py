"""What a crawl writes is read by nobody through LF-Tags until central has tagged it: new columns, new tables.

Central is stopped where it matters: its TagTables function may not assign tags. So the run of `publish-version` fails
after the catalog has the column, and is started again when the permission is back.
"""

from collections.abc import Iterator

import pytest

from tests.access_driver import AccessDriver
from tests.consumer_accesses import COLUMNS, query
from tests.mesh_commands import mesh_command
from tests.mesh_conditions import drop_column, start_again, without_permission
from tests.mesh_driver import MeshDriver, Run, contract

PRODUCT, HELD, LATE = "veiled", "veiled-held", "veiled-late"
FIRST = "id,amount\n1,10\n2,20\n"
UNTAGGED = ("central", "TagTablesFunctionRole", "lakeformation:AddLFTagsToResource")
UNSEEN = ("central", "DiffVersionFunctionRole", "glue:GetTable")


def publish(mesh: MeshDriver, product: str) -> None:
    """A product whose guard lets columns go, so that what is held back is held back by central."""
    shape = contract(product, "t1", COLUMNS)["schema"][0]
    shape["customProperties"] = [{"property": "guard", "value": {"off": ["ColumnGone"]}}]
    mesh.prepare(product, schema=[shape])
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


def stopped(mesh: MeshDriver, product: str, files: dict[str, str], state: str = "TagTables") -> Run:
    """The run of `publish-version` for these files, which central cannot tag, or not even look at."""
    before = mesh.runs("publish-version", product)
    mesh.upload(product, files)
    run = mesh.wait_for_run("publish-version", product, after=before)
    assert (run.status, run.states[-2]) == ("FAILED", state), run
    return run


def test_a_new_column_and_a_new_table_wait_for_their_tags(mesh: MeshDriver, accesses: AccessDriver) -> None:
    publish(mesh, PRODUCT)
    accesses.live(PRODUCT)
    assert readable(mesh, PRODUCT, "id", "amount") == ["id", "amount"]
    wider = {
        f"{PRODUCT}/data/t1/b.csv": "id,amount,note,email\n3,30,x,a@example.com\n",
        f"{PRODUCT}/data/t2/dt=2026-11-21/b.csv": "code,label\n1,x\n",
    }

    before = mesh.runs("publish-version", PRODUCT)
    with without_permission(mesh, *UNTAGGED):
        stopped(mesh, PRODUCT, wider)
        there = {column["Name"] for column in mesh.table(PRODUCT, "t1")["StorageDescriptor"]["Columns"]}
        assert there == {"id", "amount", "note", "email"}
        assert readable(mesh, PRODUCT, "id", "amount", "note", "email", "*") == ["id", "amount", "*"]
        assert not reads(mesh, PRODUCT, "*", "t2")
        assert [mesh.tags(PRODUCT, "t1")[name]["publication"] for name in ("id", "note")] == ["published", "pending"]
        code, found = mesh_command(mesh, "explain", f"{PRODUCT}.t1.note", "--role", "DataAnalyst")
        assert (code, found["missing"]) == (1, "NotPublished")
        assert "publication" not in str(found["tags"])
        code, seen = mesh_command(mesh, "preview", "--expression", f"product={PRODUCT}")
        assert [(table["table"], len(table["columns"])) for table in seen["tables"]] == [("t1", 2)]

    # Two files may have come as two batches.
    for run in mesh.runs("publish-version", PRODUCT)[len(before) :]:
        assert start_again(mesh, run).status == "SUCCEEDED"
    assert readable(mesh, PRODUCT, "id", "amount", "note", "email") == ["id", "amount", "note"]
    assert reads(mesh, PRODUCT, "code, label, dt", "t2 WHERE dt = '2026-11-21'")
    glue = mesh.client("consumer", "glue", "DataAnalyst")
    [partition] = glue.get_partitions(DatabaseName=f"rl_{PRODUCT}", TableName="t2")["Partitions"]
    assert partition["Values"] == ["2026-11-21"]
    code, found = mesh_command(mesh, "explain", f"{PRODUCT}.t1.note", "--role", "DataAnalyst")
    assert (code, found["can_read"]) == (0, True)


def test_what_is_held_back_stays_unread(mesh: MeshDriver, accesses: AccessDriver) -> None:
    publish(mesh, HELD)
    accesses.live(HELD)
    drop_column(mesh, HELD, "amount")
    before = mesh.runs("publish-version", HELD)

    mesh.upload(HELD, {f"{HELD}/data/t1/b.csv": "id,fresh\n3,x\n"})

    run = mesh.wait_for_run("publish-version", HELD, after=before)
    assert (run.outcome, run.states[-2:]) == ("rejected", ("HoldVersion", "Rejected"))
    assert mesh.tags(HELD, "t1")["fresh"]["publication"] == "pending"
    assert readable(mesh, HELD, "id", "fresh") == ["id"]


def test_a_column_waits_for_the_crawl_that_can_tell_what_is_in_it(mesh: MeshDriver, accesses: AccessDriver) -> None:
    """Two crawls before central has worked on either: the first must not publish what the second found personal."""
    publish(mesh, LATE)
    accesses.live(LATE)
    with without_permission(mesh, *UNSEEN):
        first = stopped(mesh, LATE, {f"{LATE}/data/t1/b.csv": "id,amount,note\n3,30,x\n"}, "DiffVersion")
        wider = "id,amount,note,contact\n4,40,y,a@example.com\n5,50,z,b@example.com\n"
        second = stopped(mesh, LATE, {f"{LATE}/data/t1/c.csv": wider}, "DiffVersion")

    assert start_again(mesh, first).status == "SUCCEEDED"
    assert mesh.tags(LATE, "t1")["contact"]["publication"] == "pending"
    assert readable(mesh, LATE, "note", "contact") == ["note"]

    assert start_again(mesh, second).status == "SUCCEEDED"
    found = mesh.tags(LATE, "t1")["contact"]
    assert (found["publication"], found["pii"]) == ("published", "personal")
    assert readable(mesh, LATE, "note", "contact") == ["note"]
