"""A value of an LF-Tag that products, pins and live accesses have gets another name: whoever reads goes on reading at
every moment, what could not be read before cannot be read at any, and nothing has the old name in the end."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from mesh.domain.access.record import Access

from local.accounts import ACCOUNTS
from tests import mesh_fixtures
from tests.access_driver import AccessDriver
from tests.consumer_accesses import COLUMNS, SLOW_SECONDS
from tests.mesh_commands import mesh_command
from tests.mesh_deployments import deploy, governed_by
from tests.mesh_driver import MeshDriver, contract

pytestmark = [pytest.mark.mesh, pytest.mark.timeout(900)]

PRODUCT: Final = "loans"
OLD, NEW = "internal", "company-wide"
READABLE, CLOSED = f'SELECT id, amount FROM "rl_{PRODUCT}".t1', f'SELECT iban FROM "rl_{PRODUCT}".t1'
RENAMED: Final = {
    "ontology": (f"      {OLD}: ", f"      {NEW}:\n        renamed_from: {{{OLD}: 2099-12-31}}\n        meaning: "),
    "policies": ("confidentiality: [internal]", f"confidentiality: [{NEW}]"),
}  # fmt: skip


def old_contract() -> dict[str, Any]:
    """It says the old name in each place where a contract can, and has a column that the reader may not see."""
    document = contract(PRODUCT, "t1", COLUMNS)
    [shape] = document["schema"]
    lf_tags = [{"property": "lfTags", "value": {"confidentiality": OLD}}]
    shape |= {"customProperties": lf_tags}
    shape["properties"][0]["classification"] = OLD
    shape["properties"] += [{"name": "iban", "physicalType": "string", "classification": "restricted"}]
    return document


@pytest.fixture(scope="module")
def mesh() -> Iterator[MeshDriver]:
    with mesh_fixtures.tested_mesh() as driver:
        driver.put_contract(PRODUCT, old_contract())
        assert driver.wait_for_run("prepare-product", PRODUCT, seconds=SLOW_SECONDS).status == "SUCCEEDED"
        driver.put_object(f"{PRODUCT}/data/t1/a.csv", "id,amount,iban\n1,10,x\n2,20,y\n")
        assert driver.wait_for_run("commit-version", PRODUCT, seconds=SLOW_SECONDS).status == "SUCCEEDED"
        yield driver


class Reader:
    """The analyst, who asks for what may be read and for what may not, without pause."""

    def __init__(self, mesh: MeshDriver) -> None:
        self._athena = mesh.client("consumer", "athena", "DataAnalyst")
        self._mesh = mesh
        self.read: list[bool] = []
        self.leaked: list[bool] = []

    def can(self, query: str) -> bool:
        athena = self._athena
        started = athena.start_query_execution(QueryString=query, WorkGroup="consumer-workgroup")["QueryExecutionId"]

        def state() -> str | None:
            found = athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]["Status"]["State"]
            return found if found in {"SUCCEEDED", "FAILED"} else None

        return bool(self._mesh.until(state, "the query") == "SUCCEEDED")

    @contextmanager
    def asking(self) -> Iterator[None]:
        over = threading.Event()

        def ask() -> None:
            while not over.is_set():
                self.read.append(self.can(READABLE))
                self.leaked.append(self.can(CLOSED))

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def tags(mesh: MeshDriver) -> list[dict[str, Any]]:
    """What database, table, columns and pinned tables have themselves."""
    lake, glue = mesh.client("central", "lakeformation"), mesh.client("central", "glue")
    places: list[dict[str, Any]] = [{"Database": {"Name": PRODUCT}}]
    names = [table["Name"] for table in glue.get_tables(DatabaseName=PRODUCT)["TableList"]]
    places += [{"Table": {"DatabaseName": PRODUCT, "Name": name}} for name in names]
    return [lake.get_resource_lf_tags(Resource=place, ShowAssignedLFTags=True) for place in places]


def grants(mesh: MeshDriver, account: str) -> list[dict[str, Any]]:
    lake, found, more = mesh.client(account, "lakeformation"), list[dict[str, Any]](), dict[str, str]()
    while True:
        answer = lake.list_permissions(CatalogId=ACCOUNTS["central"], **more)
        found += answer["PrincipalResourcePermissions"]
        if not answer.get("NextToken"):
            return found
        more = {"NextToken": answer["NextToken"]}


def said(record: Access) -> str:
    """What an access says of LF-Tags; the names of rules are others."""
    decided = record.decided
    return f"{record.request.expression} {decided and (decided.entries, decided.exposure)}"


def test_a_value_in_use_gets_another_name(mesh: MeshDriver, tmp_path: Path) -> None:
    access, reader = AccessDriver(mesh), Reader(mesh)
    live = access.live(PRODUCT)
    assert mesh_command(mesh, "pin", PRODUCT, "1", "--days", "30", "--reason", "training")[0] == 0
    assert OLD in str(tags(mesh)) and OLD in str(access.record(live).decided)
    assert (reader.can(READABLE), reader.can(CLOSED)) == (True, False)

    with governed_by(tmp_path / "layer", **RENAMED) as template, reader.asking():
        folder = str(tmp_path / "layer" / "python")
        _, checked = mesh_command(mesh, "governance", "check", folder)
        _, diff = mesh_command(mesh, "governance", "diff", folder)
        deploy(mesh, "central", template)
        # Before it is carried out, and by a contract that says the old name.
        before = mesh.runs("register-product", PRODUCT)
        mesh.put_contract(PRODUCT, old_contract())
        registered = mesh.wait_for_run("register-product", PRODUCT, after=before)
        assert mesh.upload(PRODUCT, {f"{PRODUCT}/data/t1/b.csv": "id,amount,iban\n3,30,z\n"}).outcome == "published"
        assert NEW not in str(tags(mesh))
        code, reconciled = mesh_command(mesh, "reconcile")

    assert (checked["refused"], [each["kind"] for each in checked["impacts"]]) == (False, ["rename"])
    assert [(each["before"], each["after"]) for each in diff["renames"]] == [(OLD, NEW)]
    assert registered.status == "SUCCEEDED"
    assert (code, reconciled["left"]) == (0, []), reconciled
    assert len(reader.read) > 3 and all(reader.read)
    assert not any(reader.leaked)

    assert OLD not in str(tags(mesh)) and NEW in str(tags(mesh))
    assert OLD not in mesh.client("central", "lakeformation").get_lf_tag(TagKey="confidentiality")["TagValues"]
    assert OLD not in str([*grants(mesh, "central"), *grants(mesh, "consumer")])
    record = access.record(live)
    assert (record.status, OLD in said(record)) == ("live", False)
    _, explained = mesh_command(mesh, "explain", f"{PRODUCT}.t1.amount", "--role", "DataAnalyst")
    assert explained["tags"]["confidentiality"] == NEW
    assert reader.can(READABLE) and not reader.can(CLOSED)
    assert mesh_command(mesh, "reconcile")[1]["outcome"] == "in order"

    again = mesh.runs("register-product", PRODUCT)
    mesh.put_contract(PRODUCT, old_contract())
    assert mesh.wait_for_run("register-product", PRODUCT, after=again).status == "SUCCEEDED"
    assert mesh.upload(PRODUCT, {f"{PRODUCT}/data/t1/c.csv": "id,amount,iban\n4,40,z\n"}).outcome == "published"
    assert OLD not in str(tags(mesh))
    other = access.live(PRODUCT, purpose="research")
    assert OLD not in said(access.record(other))
    assert reader.can(READABLE) and not reader.can(CLOSED)
