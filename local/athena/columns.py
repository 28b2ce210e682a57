"""SQL for DuckDB of columns and values as the catalog and the SerDes have them."""

from sqlglot import exp

from local.athena import errors, formats
from local.athena.formats import Layout
from local.athena.tables import Column

_INTEGERS = ("TINYINT", "SMALLINT", "INT", "BIGINT")
_DEFAULT_PARTITION = "__HIVE_DEFAULT_PARTITION__"


def duckdb_type(hive: str) -> str:
    """DuckDB's name of a Hive type. Raises `QueryError` for a type that there is none of."""
    try:
        return exp.DataType.build(hive, dialect="hive").sql("duckdb")
    except ValueError as error:
        raise errors.QueryError(f"NOT_SUPPORTED: Unsupported Hive type: {hive}", errors.DATA) from error


def typed(column: Column, form: Layout, source: str) -> str:
    """The column's value of its text. LazySimpleSerDe makes null of what does not parse, OpenCSVSerDe fails on it."""
    kind = duckdb_type(column.type)
    if kind.startswith(("TEXT", "VARCHAR")):
        return source
    if kind.startswith(("STRUCT", "MAP")) or kind.endswith("[]"):
        return f"CAST(CAST({source} AS JSON) AS {kind})"
    if form.library == formats.OPEN_CSV:
        return f"CAST(nullif({source}, '') AS {kind})"
    if kind in _INTEGERS:
        # DuckDB would round '3.7'.
        return f"TRY_CAST(CASE WHEN regexp_full_match({source}, '[+-]?[0-9]+') THEN {source} END AS {kind})"
    return f"TRY_CAST({source} AS {kind})"


def partition_value(column: Column, values: dict[str, str]) -> str:
    value = values[column.name]
    return "NULL" if value == _DEFAULT_PARTITION else f"TRY_CAST({literal(value)} AS {duckdb_type(column.type)})"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
