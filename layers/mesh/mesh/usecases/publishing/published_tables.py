"""Published tables as central's catalog has them."""

from collections.abc import Mapping
from typing import Any

from mesh.domain.contracts.product import TableSnapshot
from mesh.domain.events import ColumnRef
from mesh.domain.governance.publication_tag import is_published
from mesh.ports import LakeFormation

MAX_LISTED = 100
"""A notice lists at most this many columns or partitions of a table; counts are always whole."""


def columns_of(columns: list[Mapping[str, Any]]) -> tuple[ColumnRef, ...]:
    """Glue's column list as ours."""
    return tuple(ColumnRef(name=column["Name"], type=column["Type"]) for column in columns)


def table_faults(
    database: str, snapshot: TableSnapshot, table: Mapping[str, Any] | None, lake: LakeFormation
) -> list[str]:
    """What keeps a table from being read as this version has it; [] for nothing."""
    if table is None:
        return ["it is not in the catalog"]
    found = {column.name for column in columns_of(table["StorageDescriptor"]["Columns"])}
    missing = [column.name for column in snapshot.columns if column.name not in found]
    tags, by_column = lake.table_tags(database, snapshot.table)
    hidden = [column.name for column in snapshot.columns if not is_published(by_column.get(column.name, {}))]
    faults = [f"columns are missing: {', '.join(missing[:10])}"] * bool(missing)
    faults += [f"columns are not published: {', '.join(hidden[:10])}"] * bool(hidden)
    if tags.get("product") != database:
        faults.append(f"its LF-Tag product is {tags.get('product')}, and not {database}")
    return faults
