"""Hive types as a Glue crawler infers them, and how two become one."""

import re
from collections.abc import Iterable, Mapping

import pyarrow as pa

_INTEGER = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_WIDTH = ("tinyint", "smallint", "int", "bigint", "float", "double")


def text_type(values: Iterable[str]) -> str:
    """The type of a CSV column: integers bigint, decimals double, true and false boolean, the rest string.

    Empty fields say nothing; a column of only those is a string, as are integers that 64 bits do not hold.
    """
    distinct = {value.strip() for value in values} - {""}
    if distinct and all(_INTEGER.fullmatch(value) for value in distinct):
        return "bigint" if all(-(2**63) <= int(value) < 2**63 for value in distinct) else "string"
    if distinct and all(_NUMBER.fullmatch(value) for value in distinct):
        return "double"
    if distinct and all(value.lower() in ("true", "false") for value in distinct):
        return "boolean"
    return "string"


def json_type(value: object) -> str:
    """The type of a JSON value; "" for null, which fits any type, also as a part (`array<>`, `struct<a:>`)."""
    match value:
        case None:
            return ""
        case bool():
            return "boolean"
        case int():
            return "int" if -(2**31) <= value < 2**31 else "bigint" if -(2**63) <= value < 2**63 else "string"
        case float():
            return "double"
        case list():
            return f"array<{merged(json_type(item) for item in value)}>"
        case dict():
            return f"struct<{','.join(f'{name.lower()}:{json_type(item)}' for name, item in value.items())}>"
    return "string"


def merged(kinds: Iterable[str]) -> str:
    """One type for all of them: wider numbers, fields of structs together; what does not fit is a string."""
    result = ""
    for kind in kinds:
        result = _merge(result, kind)
    return result


def settled(kind: str) -> str:
    """The type with unknown parts as string; Hive has no struct without fields."""
    if kind in ("", "struct<>"):
        return "string"
    if kind.startswith("array<"):
        return f"array<{settled(kind[6:-1])}>"
    if kind.startswith("struct<"):
        return f"struct<{','.join(f'{name}:{settled(field)}' for name, field in struct_fields(kind).items())}>"
    return kind


def _merge(left: str, right: str) -> str:
    if left == right or not left or not right:
        return left or right
    if left in _WIDTH and right in _WIDTH:
        wider = max(left, right, key=_WIDTH.index)
        return "double" if wider == "float" else wider
    if left.startswith("array<") and right.startswith("array<"):
        return f"array<{_merge(left[6:-1], right[6:-1])}>"
    if left.startswith("struct<") and right.startswith("struct<"):
        fields = struct_fields(left)
        for name, kind in struct_fields(right).items():
            fields[name] = _merge(fields.get(name, ""), kind)
        return f"struct<{','.join(f'{name}:{kind}' for name, kind in fields.items())}>"
    return "string"


def struct_fields(kind: str) -> dict[str, str]:
    """`struct<a:int,b:array<string>>` as `{a: int, b: array<string>}`."""
    fields: dict[str, str] = {}
    depth, start, inner = 0, 0, kind.removeprefix("struct<").removesuffix(">")
    for position, character in enumerate(inner + ","):
        depth += (character in "<(") - (character in ">)")
        if character == "," and depth == 0 and position > start:
            name, _, field = inner[start:position].partition(":")
            fields[name] = field
            start = position + 1
    return fields


def parquet_type(kind: pa.DataType) -> str:
    """The Hive type of an Arrow type in a Parquet or ORC file. Hive has no unsigned types: the wider one is it."""
    if (simple := _SIMPLE.get(str(kind))) is not None:
        return simple
    if pa.types.is_timestamp(kind):
        return "timestamp"
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"array<{parquet_type(kind.value_type)}>"
    if pa.types.is_map(kind):
        return f"map<{parquet_type(kind.key_type)},{parquet_type(kind.item_type)}>"
    if pa.types.is_struct(kind):
        fields = (f"{field.name.lower()}:{parquet_type(field.type)}" for field in kind)
        return f"struct<{','.join(fields)}>"
    return "binary" if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind) else "string"


_SIMPLE: Mapping[str, str] = {
    "bool": "boolean",
    "int8": "tinyint",
    "int16": "smallint",
    "int32": "int",
    "int64": "bigint",
    "uint8": "smallint",
    "uint16": "int",
    "uint32": "bigint",
    "uint64": "decimal(20,0)",
    "float": "float",
    "halffloat": "float",
    "double": "double",
    "date32[day]": "date",
    "string": "string",
    "large_string": "string",
}
