"""SQL that is written by us: identifiers, literals, and predicates over one column. The dialect is DuckDB's."""

import re
from collections.abc import Iterable
from typing import Any, Final

from mesh.domain.hive_types import is_number

ROWS: Final = "mesh_rows"
"""The table of a batch's rows, as our own SQL calls it."""
_INTEGERS: Final = ("tinyint", "smallint", "int", "bigint")


def identifier(name: str) -> str:
    """A quoted name."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(value: object) -> str:
    """A quoted text."""
    return "'" + str(value).replace("'", "''") + "'"


def is_integer(type_: str) -> bool:
    """Whether the Hive type is one of whole numbers."""
    return type_ in _INTEGERS


def as_number(column: str, type_: str) -> str:
    """The column as a number; a text that is none becomes NULL."""
    name = identifier(column)
    return name if is_number(type_) else f"try_cast({name} AS DOUBLE)"


def as_text(column: str, type_: str) -> str:
    """The column as text."""
    return identifier(column) if type_ == "string" else f"CAST({identifier(column)} AS VARCHAR)"


def one_of(column: str, type_: str, values: Iterable[Any]) -> str:
    """Whether the value is in the list: as numbers where column and list are such, else as text. NULL gives NULL."""
    listed = [value for value in values if value is not None]
    if is_number(type_) and listed and all(map(_is_plain_number, listed)):
        return f"{identifier(column)} IN ({', '.join(_number_literal(value) for value in listed)})"
    texts = [str(value).lower() if isinstance(value, bool) else str(value) for value in listed]
    return f"{as_text(column, type_)} IN ({', '.join(map(text_literal, texts)) or 'NULL'})"


def matches(column: str, type_: str, pattern: str) -> str:
    """Whether the pattern is found in the value (as ECMA-262 and JSON Schema search: anchors are the pattern's own)."""
    return f"regexp_matches({as_text(column, type_)}, {text_literal(pattern)})"


def number_of(predicate: str) -> str:
    """Rows for which the predicate is true."""
    return f"count_if({predicate})"


def _is_plain_number(value: object) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return True
    return isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,18}(\.[0-9]{1,12})?", value.strip()) is not None


def _number_literal(value: object) -> str:
    return str(value).strip().removeprefix("+")
