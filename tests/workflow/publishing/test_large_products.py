"""Products as large as they may be, through everything that has a limit: contract, batch, version, notice, access."""

import json
from collections.abc import Mapping
from typing import Any, Final

import pytest
from mesh.domain.contracts.product import ProductVersion

from tests.mesh_conditions import lease_held
from tests.mesh_driver import MeshDriver, contract

pytestmark = pytest.mark.ordered_delivery("what is large, and not what comes twice")
PATIENCE: Final = 500.0
"""Seconds: thousands of columns are read, tagged and proved one by one."""


def contract_of(product: str, tables: Mapping[str, int], **more: Any) -> dict[str, Any]:
    document = contract(product, **more)
    shape = {"logicalType": "object", "physicalType": "table"}
    document["schema"] = [
        {"name": table, **shape, "properties": [{"name": f"c{n}", "physicalType": "bigint"} for n in range(columns)]}
        for table, columns in tables.items()
    ]
    return document


def rows_of(columns: int) -> str:
    return ",".join(f"c{n}" for n in range(columns)) + "\n" + 2 * (",".join("1" for _ in range(columns)) + "\n")


def registered(mesh: MeshDriver, product: str, tables: Mapping[str, int]) -> None:
    mesh.put_contract(product, contract_of(product, tables))
    mesh.until(lambda: mesh.runs("prepare-product", product), f"{product} registered", PATIENCE)
    mesh.subscribe(product)
    mesh.settled(product, PATIENCE)


def published(mesh: MeshDriver, product: str, tables: Mapping[str, int]) -> None:
    """All tables in one batch."""
    with lease_held(mesh, product):
        for table, columns in tables.items():
            mesh.put_object(f"{product}/data/{table}/a.csv", rows_of(columns))
        mesh.until(lambda: len(mesh.pending(product)) == len(tables), "all of it pending", PATIENCE)
        mesh.settled(product, PATIENCE)
    given = json.dumps({"product": product, "correlation_id": product})
    machine = mesh.output("producer", "OnboardUploadArn")
    mesh.client("producer", "stepfunctions").start_execution(stateMachineArn=machine, input=given)
    mesh.until(lambda: mesh.notices(product), "the consumer's notice", PATIENCE)
    mesh.settled(product, PATIENCE)


def version(mesh: MeshDriver, product: str) -> ProductVersion:
    [item] = [each for each in mesh.items("central", f"PRODUCT#{product}") if each["sk"].startswith("VERSION#")]
    return ProductVersion.model_validate_json(item["body"])


LARGE = {
    "large-tables": {f"table_{n}": 20 for n in range(100)},
    "large-columns": {"wide": 1_000},
}


@pytest.mark.parametrize("product", LARGE)
def test_it_is_registered_published_and_announced(mesh: MeshDriver, product: str) -> None:
    tables, dead = LARGE[product], mesh.dead_letters()
    registered(mesh, product, tables)
    published(mesh, product, tables)
    found = version(mesh, product)
    assert {table.table: (len(table.columns), table.rows) for table in found.tables} == {
        table: (columns, 2) for table, columns in tables.items()
    }
    [notice] = mesh.notices(product)
    told = notice["data"]
    assert (told["version"], told["tables"], len(told["changes"])) == (1, len(tables), len(tables))
    assert {change["table"]: (change["columns"], change["rows"]) for change in told["changes"]} == {
        table: (columns, 2) for table, columns in tables.items()
    }
    assert len(json.dumps(notice)) < 262_144
    assert mesh.dead_letters_since(dead) == {}
