"""Hive's types in DuckDB, and how a text becomes a value of one as strictly as Athena reads it."""

from typing import Final

from mesh.domain.onboarding.quality.sql_text import is_integer

_TYPES: Final = {
    "tinyint": "TINYINT", "smallint": "SMALLINT", "int": "INTEGER", "bigint": "BIGINT", "float": "FLOAT",
    "double": "DOUBLE", "boolean": "BOOLEAN", "string": "VARCHAR", "date": "DATE", "timestamp": "TIMESTAMP",
    "binary": "BLOB",
}  # fmt: skip


def duck_type(hive: str) -> str:
    """The type of the column in the table of rows; nested types are kept as JSON text."""
    return hive.upper() if hive.startswith("decimal(") else _TYPES.get(hive, "VARCHAR")


def from_text(name: str, hive: str) -> str:
    """The value of a text column, NULL where it is none of the type."""
    if is_integer(hive):
        whole = f"regexp_full_match(trim({name}), '[+-]?[0-9]+')"
        return f"CASE WHEN {whole} THEN try_cast({name} AS {duck_type(hive)}) END"
    if hive == "boolean":
        return f"CASE lower(trim({name})) WHEN 'true' THEN true WHEN 'false' THEN false END"
    return name if duck_type(hive) == "VARCHAR" else f"try_cast({name} AS {duck_type(hive)})"
