"""Columns of a table in the Glue Data Catalog."""

from collections.abc import Mapping, Sequence
from typing import Any

from mesh.domain.schema import Column, TableSchema


def schema_from_table(table: Mapping[str, Any]) -> TableSchema:
    """The schema of a table as `GetTable` gives it."""
    return TableSchema(
        columns=_columns_from(table.get("StorageDescriptor", {}).get("Columns", ())),
        partition_keys=_columns_from(table.get("PartitionKeys", ())),
    )


def _columns_from(columns: Sequence[Mapping[str, str]]) -> tuple[Column, ...]:
    return tuple(Column(name=c["Name"], type=c.get("Type", ""), comment=c.get("Comment", "")) for c in columns)
