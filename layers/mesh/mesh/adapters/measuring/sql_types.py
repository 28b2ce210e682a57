"""Hive's types in DuckDB, and how a text becomes a value of one as strictly as Athena reads it."""

from typing import Final

from mesh.domain.quality.sql_text import is_integer

_TYPES: Final = {
    "tinyint": "TINYINT", "smallint": "SMALLINT", "int": "INTEGER", "bigint": "BIGINT", "float": "FLOAT",
    "double": "DOUBLE", "boolean": "BOOLEAN", "string": "VARCHAR", "date": "DATE", "timestamp": "TIMESTAMP",
    "binary": "BLOB",
}  # fmt: skip
EXACT: Final = 2**53
"""Doubles below it hold every whole number."""


def duck_type(hive: str) -> str:
    """The type of the column in the table of rows; nested types are kept as JSON text."""
    return hive.upper() if hive.startswith("decimal(") else _TYPES.get(hive, "VARCHAR")


def reading_type(hive: str) -> str:
    """As what a text file is read at first. Whole numbers as doubles: the reader would round 1.5 to 2 unseen."""
    if is_integer(hive):
        return "DOUBLE"
    return "VARCHAR" if hive == "binary" else duck_type(hive)


def no_whole_number(name: str) -> str:
    """Predicate on a column that was read as DOUBLE: no whole number, or too large to be sure."""
    return f"{name} <> trunc({name}) OR abs({name}) >= {EXACT}"


def from_text(name: str, hive: str) -> str:
    """The value of a text column, NULL where it is none of the type."""
    if is_integer(hive):
        whole = f"regexp_full_match(trim({name}), '[+-]?[0-9]+')"
        return f"CASE WHEN {whole} THEN try_cast({name} AS {duck_type(hive)}) END"
    if hive == "boolean":
        return f"CASE lower(trim({name})) WHEN 'true' THEN true WHEN 'false' THEN false END"
    return name if duck_type(hive) == "VARCHAR" else f"try_cast({name} AS {duck_type(hive)})"
