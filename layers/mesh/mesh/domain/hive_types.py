"""Hive's type names: from a contract's types, and which type holds the values of both of two types.

Source of the names: the AWS Glue Data Catalog and Amazon Athena ("Data types in Amazon Athena").
"""

import re
from typing import Final

_NAMES: Final = {
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint", "float", "double", "boolean", "string", "binary"), ""),
    **{"date": "", "timestamp": ""},
    **{"integer": "int", "long": "bigint", "int64": "bigint", "int32": "int", "int16": "smallint", "int8": "tinyint"},
    **{"real": "float", "float32": "float", "float64": "double", "double precision": "double", "number": "double"},
    **{
        "bool": "boolean",
        "text": "string",
        "str": "string",
        "varchar": "string",
        "char": "string",
        "datetime": "timestamp",
    },
    **{"timestamp_ntz": "timestamp", "timestamptz": "timestamp", "timestamp with time zone": "timestamp"},
}
_LOGICAL: Final = {
    "string": "string",
    "date": "date",
    "timestamp": "timestamp",
    "time": "string",
    "number": "double",
    "integer": "bigint",
    "boolean": "boolean",
}
_DECIMAL: Final = re.compile(r"(?:decimal|numeric)\((\d{1,2})(?:,(\d{1,2}))?\)")
_SIZED_TEXT: Final = re.compile(r"(?:var)?char\(\d+\)")
_NESTED: Final = re.compile(r"(?:array|struct|map)<.+>")
_LEVELS: Final = 100
"""Of a nested type: what is deeper is not a type, and ends in a RecursionError somewhere."""
_INTEGERS: Final = ("tinyint", "smallint", "int", "bigint")
_FLOATS: Final = ("float", "double")


def hive_type(physical: str, logical: str) -> str:
    """A contract's type as a Hive type, the physical one first; "" where neither gives it (objects, arrays)."""
    spelt = re.sub(r" ?([(,)<>:]) ?", r"\1", " ".join(physical.lower().split()))
    return _from_physical(spelt) or _LOGICAL.get(logical, "")


def _from_physical(name: str) -> str:
    if name in _NAMES:
        return _NAMES[name] or name
    if _SIZED_TEXT.fullmatch(name):
        return "string"
    if _NESTED.fullmatch(name) and _is_whole(name, _LEVELS):
        return name
    precision, scale = _decimal(name) or (0, 0)
    return f"decimal({precision},{scale})" if 1 <= precision <= 38 and scale <= precision else ""


def _is_whole(type_: str, levels: int) -> bool:
    """Whether the type can be taken apart, down to names."""
    if not _NESTED.fullmatch(type_):
        return bool(type_) and not {"<", ">"} & set(type_)
    kind, _, inner = type_[:-1].partition("<")
    parts = _split(inner)
    if kind == "struct":
        fields = [part.partition(":") for part in parts]
        parts = [field for name, _, field in fields if name]
        whole = len(parts) == len(fields)
    else:
        whole = len(parts) == (1 if kind == "array" else 2)
    return whole and levels > 1 and all(_is_whole(part, levels - 1) for part in parts)


def is_number(type_: str) -> bool:
    """Whether the type is an integer, a float or a decimal."""
    return type_ in _INTEGERS or type_ in _FLOATS or type_.startswith("decimal(")


def wider(left: str, right: str) -> str | None:
    """The type that holds values of both, or `None`: integers widen, integer and float give double, structs merge.

    Decimals widen in precision; everything else has to be equal. A string never absorbs a number: readers of the
    table compute with it. An unknown type ("", also inside, as in `array<>`) becomes the other's.
    """
    if left == right or not right:
        return left
    if not left:
        return right
    if left in _INTEGERS and right in _INTEGERS:
        return max(left, right, key=_INTEGERS.index)
    if _decimal(left) and _decimal(right):
        return _wider_decimal(left, right)
    if is_number(left) and is_number(right):
        return None if _decimal(left) or _decimal(right) else "double"
    return _wider_nested(left, right)


def without_unknowns(type_: str) -> str:
    """The type with string for every unknown part; an object without any field is a string as a whole."""
    while "struct<>" in type_:
        type_ = type_.replace("struct<>", "string")
    return re.sub(r"(?<=[:<,])(?=[,>])", "string", type_) or "string"


def fits(inferred: str, declared: str) -> bool:
    """Whether data of the inferred type can be read as the declared one from a text file (CSV, JSON)."""
    if declared in {inferred, "string"}:
        return True
    if is_number(inferred) and is_number(declared):
        return declared not in _INTEGERS or inferred in _INTEGERS
    return wider(inferred, declared) == declared


def _decimal(type_: str) -> tuple[int, int] | None:
    match = _DECIMAL.fullmatch(type_)
    return (int(match[1]), int(match[2] or 0)) if match else None


def _wider_decimal(left: str, right: str) -> str | None:
    (left_precision, left_scale), (right_precision, right_scale) = _decimal(left) or (0, 0), _decimal(right) or (0, 0)
    scale = max(left_scale, right_scale)
    precision = max(left_precision - left_scale, right_precision - right_scale) + scale
    return f"decimal({precision},{scale})" if precision <= 38 else None


def _wider_nested(left: str, right: str) -> str | None:
    if left.startswith("array<") and right.startswith("array<"):
        inner = wider(left[6:-1], right[6:-1])
        return inner and f"array<{inner}>"
    if left.startswith("struct<") and right.startswith("struct<"):
        return _wider_struct(dict(struct_fields(left)), dict(struct_fields(right)))
    if left.startswith("map<") and right.startswith("map<"):
        (left_key, left_value), (right_key, right_value) = map_types(left), map_types(right)
        value = wider(left_value, right_value)
        return f"map<{left_key},{value}>" if value and left_key == right_key else None
    return None


def _wider_struct(left: dict[str, str], right: dict[str, str]) -> str | None:
    merged = dict(left)
    for name, type_ in right.items():
        both = wider(merged[name], type_) if name in merged else type_
        if both is None:
            return None
        merged[name] = both
    return f"struct<{','.join(f'{name}:{type_}' for name, type_ in merged.items())}>"


def struct_fields(type_: str) -> list[tuple[str, str]]:
    """`struct<a:int,b:array<string>>` → [("a", "int"), ("b", "array<string>")]."""
    pairs = (part.partition(":") for part in _split(type_[7:-1]))
    return [(name, inner) for name, _, inner in pairs if name]


def map_types(type_: str) -> tuple[str, str]:
    """`map<string,array<int>>` → ("string", "array<int>")."""
    key, value = _split(type_[4:-1])
    return key, value


def _split(inner: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for position, character in enumerate(inner):
        if character in "<(":
            depth += 1
        elif character in ">)":
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(inner[start:position])
            start = position + 1
    return [*parts, inner[start:]]
