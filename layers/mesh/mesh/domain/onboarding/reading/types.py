"""Which Hive type holds all values of a column: of one object, of several, of the published table.

"" is the type of a column of which no value is known; it gives way to any other. Types that have nothing in common are
held by string, nested ones as JSON text.
"""

from collections.abc import Callable, Iterable
from functools import reduce
from typing import Final

from mesh.domain.hive_types import is_number, map_types, struct_fields

UNKNOWN: Final = ""
_INTEGERS: Final = ("int", "bigint")
_NARROW: Final = {"tinyint": "int", "smallint": "int"}
_MAX_PRECISION: Final = 38
_DIGITS: Final = {"int": 10, "bigint": 19}


def published(type_: str) -> str:
    """The type as the table has it: Iceberg has no integer below int, and a column has a type."""
    return mapped(type_, lambda leaf: _NARROW.get(leaf, leaf) or "string")


def mapped(type_: str, leaf: Callable[[str], str]) -> str:
    """The type with each of its leaves replaced. A struct without fields is a string."""
    if type_.startswith("array<"):
        return f"array<{mapped(type_[6:-1], leaf)}>"
    if type_.startswith("map<"):
        key, value = map_types(type_)
        return f"map<{mapped(key, leaf)},{mapped(value, leaf)}>"
    if type_.startswith("struct<"):
        fields = struct_fields(type_)
        return f"struct<{','.join(f'{n}:{mapped(t, leaf)}' for n, t in fields)}>" if fields else leaf("string")
    return leaf(type_)


def is_nested(type_: str) -> bool:
    """Whether it is an array, a map or a struct."""
    return type_.startswith(("array<", "map<", "struct<"))


def joined(types: Iterable[str]) -> str:
    """The type that holds values of all of them."""
    return reduce(join, types, UNKNOWN)


def join(left: str, right: str) -> str:
    """The narrowest type that holds values of both; never none, since everything can be a string."""
    left, right = _NARROW.get(left, left), _NARROW.get(right, right)
    if left == right or not right:
        return left
    if not left:
        return right
    if is_number(left) and is_number(right):
        return _numbers(left, right)
    if {left, right} == {"date", "timestamp"}:
        return "timestamp"
    return _nested(left, right) or "string"


def _numbers(left: str, right: str) -> str:
    if left in _INTEGERS and right in _INTEGERS:
        return "bigint"
    if "double" in {left, right} or "float" in {left, right}:
        return "double"
    (whole, scale), (other, other_scale) = _digits(left), _digits(right)
    scale = max(scale, other_scale)
    precision = max(whole, other) + scale
    return f"decimal({precision},{scale})" if precision <= _MAX_PRECISION else "string"


def _digits(type_: str) -> tuple[int, int]:
    """(digits before the point, digits after it)."""
    if type_ in _DIGITS:
        return _DIGITS[type_], 0
    precision, _, scale = type_.removeprefix("decimal(").removesuffix(")").partition(",")
    return int(precision) - int(scale or 0), int(scale or 0)


def _nested(left: str, right: str) -> str:
    """ "" where they are not nested alike."""
    if left.startswith("array<") and right.startswith("array<"):
        return f"array<{join(left[6:-1], right[6:-1])}>"
    if left.startswith("map<") and right.startswith("map<"):
        (key, value), (other_key, other_value) = map_types(left), map_types(right)
        return f"map<{join(key, other_key)},{join(value, other_value)}>"
    if left.startswith("struct<") and right.startswith("struct<"):
        fields = dict(struct_fields(left))
        for name, type_ in struct_fields(right):
            fields[name] = join(fields.get(name, UNKNOWN), type_)
        return f"struct<{','.join(f'{name}:{type_}' for name, type_ in fields.items())}>"
    return ""
