"""SQL that reads an Iceberg table's columns from a Parquet file by their field ids, whatever the file calls them.

A field that the file does not have is null: it was added later. The rules of https://iceberg.apache.org/spec/#column-projection
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
)

from local.athena.columns import literal, quoted
from local.athena.errors import REJECTED, QueryError

_ID = b"PARQUET:field_id"
_SIMPLE: Mapping[type[IcebergType], str] = {
    BooleanType: "BOOLEAN",
    IntegerType: "INTEGER",
    LongType: "BIGINT",
    FloatType: "FLOAT",
    DoubleType: "DOUBLE",
    DateType: "DATE",
    TimestampType: "TIMESTAMP",
    TimestamptzType: "TIMESTAMP WITH TIME ZONE",
    StringType: "VARCHAR",
    BinaryType: "BLOB",
    FixedType: "BLOB",
}
_FROM_NUMBER: Mapping[type[IcebergType], str] = {
    DateType: "DATE '1970-01-01' + {}",
    TimestampType: "make_timestamp({})",
    TimestamptzType: "make_timestamptz({})",
}


def duckdb_type(kind: IcebergType) -> str:
    """DuckDB's name of the type. Raises `QueryError` for one that Athena, or this emulation, has none of."""
    match kind:
        case StructType():
            return f"STRUCT({', '.join(f'{quoted(f.name)} {duckdb_type(f.field_type)}' for f in kind.fields)})"
        case ListType():
            return f"{duckdb_type(kind.element_type)}[]"
        case MapType():
            return f"MAP({duckdb_type(kind.key_type)}, {duckdb_type(kind.value_type)})"
        case DecimalType():
            return f"DECIMAL({kind.precision}, {kind.scale})"
    simple = _SIMPLE.get(type(kind))
    if simple is None:
        raise QueryError(f"NOT_SUPPORTED: Unsupported Iceberg type: {kind}", REJECTED)
    return simple


def constant(kind: IcebergType, value: Any) -> str:  # noqa: ANN401 - whatever a partition is by
    """SQL of a value as manifests keep it: dates in days, timestamps in microseconds since 1970."""
    if value is None:
        return f"CAST(NULL AS {duckdb_type(kind)})"
    if type(kind) in _FROM_NUMBER and isinstance(value, int):
        return _FROM_NUMBER[type(kind)].format(int(value))
    if isinstance(value, bytes):
        return f"unhex({literal(value.hex())})"
    return f"CAST({literal(str(value))} AS {duckdb_type(kind)})"


def by_id(fields: Iterable[pa.Field]) -> dict[int, pa.Field]:
    """Field id → field, of those that have one."""
    return {int(f.metadata[_ID]): f for f in fields if f.metadata and _ID in f.metadata}


def column(wanted: NestedField, stored: pa.Field | None, source: str) -> str:
    """The column's value: `stored` is what the file has under its id, `source` SQL that names it."""
    if stored is None:
        return f"CAST(NULL AS {duckdb_type(wanted.field_type)})"
    return _value(wanted.field_type, stored.type, source)


def _value(kind: IcebergType, stored: pa.DataType, source: str, depth: int = 0) -> str:
    if _is_plain(kind) or _is_same(kind, stored):
        return f"CAST({source} AS {duckdb_type(kind)})"
    item = f"e{depth}"
    if isinstance(kind, StructType) and pa.types.is_struct(stored):
        parts = ", ".join(f"{quoted(f.name)} := {_member(f, stored, source, depth)}" for f in kind.fields)
        return f"CASE WHEN {source} IS NULL THEN NULL ELSE struct_pack({parts}) END"
    if isinstance(kind, ListType) and pa.types.is_list(stored):
        return (
            f"list_transform({source}, lambda {item}: {_value(kind.element_type, stored.value_type, item, depth + 1)})"
        )
    if isinstance(kind, MapType) and pa.types.is_map(stored):
        key = _value(kind.key_type, stored.key_type, f"{item}.key", depth + 1)
        value = _value(kind.value_type, stored.item_type, f"{item}.value", depth + 1)
        pair = f"struct_pack(k := {key}, v := {value})"
        entries = f"list_transform(map_entries({source}), lambda {item}: {pair})"
        return f"CASE WHEN {source} IS NULL THEN NULL ELSE map_from_entries({entries}) END"
    raise QueryError(f"ICEBERG_BAD_DATA: a field of type {kind} is stored as {stored}", REJECTED)


def _member(wanted: NestedField, stored: pa.DataType, source: str, depth: int) -> str:
    found = by_id(stored.fields).get(wanted.field_id)
    if found is None:
        return f"CAST(NULL AS {duckdb_type(wanted.field_type)})"
    return _value(wanted.field_type, found.type, f"({source}).{quoted(found.name)}", depth)


def _is_plain(kind: IcebergType) -> bool:
    return not isinstance(kind, StructType | ListType | MapType)


def _is_same(kind: IcebergType, stored: pa.DataType) -> bool:
    """Whether the nested names and ids are the table's: the value can be taken as it is."""
    if isinstance(kind, StructType) and pa.types.is_struct(stored):
        found = by_id(stored.fields)
        return [(f.field_id, f.name) for f in kind.fields] == [(number, f.name) for number, f in found.items()] and all(
            _is_same(f.field_type, found[f.field_id].type) for f in kind.fields
        )
    if isinstance(kind, ListType) and pa.types.is_list(stored):
        return _is_same(kind.element_type, stored.value_type)
    if isinstance(kind, MapType) and pa.types.is_map(stored):
        return _is_same(kind.key_type, stored.key_type) and _is_same(kind.value_type, stored.item_type)
    return _is_plain(kind)
