"""`"table$snapshots"` and its like: what a table's metadata says, as rows.

https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-table-metadata.html
"""

from typing import Any, Final

import pyarrow as pa
from pyiceberg.conversions import from_bytes
from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema
from pyiceberg.table.snapshots import ancestors_of
from pyiceberg.types import PrimitiveType

from local.athena.errors import REJECTED, QueryError
from local.athena.iceberg.planning import IcebergTable

RESTRICTED: Final = ("files", "manifests", "partitions", "snapshots")
"""Refused to whoever may not read all columns and rows, as
https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg.html says; the others are not."""
KNOWN: Final = (*RESTRICTED, "history", "refs")

_TIME = pa.timestamp("ms", "UTC")
_COUNTS = pa.map_(pa.int32(), pa.int64())
_BOUNDS = pa.map_(pa.int32(), pa.string())


def rows_of(table: IcebergTable, kind: str) -> pa.Table:
    """The metadata table's rows. Raises `QueryError` for one that is not emulated."""
    match kind:
        case "snapshots":
            return _snapshots(table)
        case "history":
            return _history(table)
        case "files":
            return _files(table)
        case "refs":
            return _refs(table)
    raise QueryError(f"NOT_SUPPORTED: the metadata table ${kind} is not emulated", REJECTED)


def _snapshots(table: IcebergTable) -> pa.Table:
    schema = pa.schema(
        {
            "committed_at": _TIME,
            "snapshot_id": pa.int64(),
            "parent_id": pa.int64(),
            "operation": pa.string(),
            "manifest_list": pa.string(),
            "summary": pa.map_(pa.string(), pa.string()),
        }
    )
    rows = [
        {
            "committed_at": each.timestamp_ms,
            "snapshot_id": each.snapshot_id,
            "parent_id": each.parent_snapshot_id,
            "operation": each.summary.operation.value if each.summary else None,
            "manifest_list": each.manifest_list,
            "summary": list(each.summary.additional_properties.items()) if each.summary else None,
        }
        for each in table.metadata.snapshots
    ]
    return pa.Table.from_pylist(rows, schema)


def _history(table: IcebergTable) -> pa.Table:
    schema = pa.schema(
        {
            "made_current_at": _TIME,
            "snapshot_id": pa.int64(),
            "parent_id": pa.int64(),
            "is_current_ancestor": pa.bool_(),
        }
    )
    parents = {each.snapshot_id: each.parent_snapshot_id for each in table.metadata.snapshots}
    line = {each.snapshot_id for each in ancestors_of(table.metadata.current_snapshot(), table.metadata)}
    rows = [
        {
            "made_current_at": entry.timestamp_ms,
            "snapshot_id": entry.snapshot_id,
            "parent_id": parents.get(entry.snapshot_id),
            "is_current_ancestor": entry.snapshot_id in line,
        }
        for entry in table.metadata.snapshot_log
    ]
    return pa.Table.from_pylist(rows, schema)


def _refs(table: IcebergTable) -> pa.Table:
    schema = pa.schema({"name": pa.string(), "type": pa.string(), "snapshot_id": pa.int64()})
    rows = [
        {"name": name, "type": ref.snapshot_ref_type.value.upper(), "snapshot_id": ref.snapshot_id}
        for name, ref in table.metadata.refs.items()
    ]
    return pa.Table.from_pylist(rows, schema)


def _files(table: IcebergTable) -> pa.Table:
    counts = ("column_sizes", "value_counts", "null_value_counts", "nan_value_counts")
    schema = pa.schema(
        {
            "content": pa.int32(),
            "file_path": pa.string(),
            "file_format": pa.string(),
            "record_count": pa.int64(),
            "file_size_in_bytes": pa.int64(),
            **dict.fromkeys(counts, _COUNTS),
            "lower_bounds": _BOUNDS,
            "upper_bounds": _BOUNDS,
        }
    )
    rows = []
    for planned in table.files(table.metadata.current_snapshot()):
        file = planned.file
        row: dict[str, Any] = {
            "content": int(file.content),
            "file_path": file.file_path,
            "file_format": file.file_format.value,
            "record_count": file.record_count,
            "file_size_in_bytes": file.file_size_in_bytes,
        }
        row |= {name: list((getattr(file, name) or {}).items()) for name in counts}
        row |= {name: _bounds(file, name, table.metadata.schema()) for name in ("lower_bounds", "upper_bounds")}
        rows.append(row)
    return pa.Table.from_pylist(rows, schema)


def _bounds(file: DataFile, member: str, schema: Schema) -> list[tuple[int, str]]:
    kept = getattr(file, member) or {}
    types = {number: schema.find_type(number) for number in kept if number in schema.field_ids}
    return [
        (number, str(from_bytes(kind, kept[number])))
        for number, kind in types.items()
        if isinstance(kind, PrimitiveType)
    ]
