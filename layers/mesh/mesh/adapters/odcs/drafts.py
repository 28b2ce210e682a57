"""A draft contract for data that came without one, from what the data itself shows."""

import re
from collections.abc import Mapping
from typing import Any, Final

import yaml

from mesh.domain.contracts.contract import CrawlMode
from mesh.domain.schema import Column, TableSchema

DRAFT_API_VERSION: Final = "v3.2.0"
_LOGICAL: Final = (
    (("tinyint", "smallint", "int", "bigint"), "integer"),
    (("float", "double", "decimal"), "number"),
    (("boolean",), "boolean"),
    (("date",), "date"),
    (("timestamp",), "timestamp"),
    (("array",), "array"),
    (("struct", "map"), "object"),
)


def draft_contract(
    product: str, tables: Mapping[str, TableSchema], *, domain: str = "", crawl: CrawlMode = "auto"
) -> str:
    """A draft contract in YAML for data that came without one: names and types from the data, all else for the owner.

    `tables` is table name → its schema; `crawl` is said where it is not the default. The result passes `read_contract`.
    """
    document: dict[str, Any] = {
        "apiVersion": DRAFT_API_VERSION,
        "kind": "DataContract",
        "id": f"{product}-draft",
        "name": product,
        "version": "0.0.1",
        "status": "draft",
        **({"domain": domain} if domain else {}),
        "description": {"purpose": "Inferred from the data. Describe it, then set status: active."},
        **({} if crawl == "auto" else {"customProperties": [{"property": "crawl", "value": crawl}]}),
        "schema": [_draft_table(name, schema) for name, schema in tables.items()],
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def _draft_table(name: str, schema: TableSchema) -> dict[str, Any]:
    keys = [
        {**_draft_column(column), "partitioned": True, "partitionKeyPosition": position}
        for position, column in enumerate(schema.partition_keys, start=1)
    ]
    columns = [_draft_column(column) for column in schema.columns]
    return {"name": name, "physicalType": "table", "logicalType": "object", "properties": columns + keys}


def _draft_column(column: Column) -> dict[str, Any]:
    base = re.split(r"[(<]", column.type)[0]
    logical = next((logical for bases, logical in _LOGICAL if base in bases), "string")
    return {"name": column.name, "logicalType": logical, "physicalType": column.type or "string"}
