"""Parquet → staged values of the types that a table can have; never an exception for a column."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mesh.adapters.duckdb.engine import duck_of
from mesh.adapters.duckdb.measuring.faults import corrupt, first_line
from mesh.adapters.duckdb.measuring.fetching import Unreadable
from mesh.adapters.duckdb.reading.csv_files import MAX_NAME
from mesh.adapters.duckdb.reading.faults import check_width
from mesh.domain.onboarding.quality.sql_text import identifier, text_literal
from mesh.domain.onboarding.reading.duck_types import hive_of
from mesh.domain.onboarding.reading.types import is_nested, mapped
from mesh.domain.schema import column_names

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_NANOSECONDS: Final = ("TIMESTAMP_NS", "TIMESTAMPTZ_NS")
_TIMES: Final = ("TIME", "TIME_NS")
_MAX_PRECISION: Final = 38


@dataclass(frozen=True, slots=True)
class ParquetColumn:
    """`name` as the table has it, `source` as the engine calls it, `duck` its type there, `hive` the table's."""

    name: str
    source: str
    duck: str
    hive: str
    note: tuple[str, str] | None = None

    @property
    def value(self) -> str:
        """The value in the table's type. Of an unknown type nothing but NULL can be there."""
        column = identifier(self.source)
        if not self.hive:
            return f"CAST({column} AS VARCHAR)"
        if self.hive == "string" and self.duck != "VARCHAR":
            return _as_text(column, self.duck)
        duck = duck_of(self.hive)
        if self.duck == duck:
            return column
        return f"CAST({_without_nanoseconds(column, self.duck)} AS {duck})"


class ParquetFile:
    """One object. Raises `Unreadable` (CorruptParquet), and as `column_names` does."""

    def __init__(self, db: "DuckDBPyConnection", file: Path, key: str) -> None:
        import duckdb  # noqa: PLC0415 - as in `database`

        self._db, self._source = db, f"read_parquet({text_literal(file)}, hive_partitioning = false)"
        self._error, self._no_room = duckdb.Error, duckdb.OutOfMemoryException
        try:
            schema = db.execute(
                "SELECT name, coalesce(num_children, 0), coalesce(precision, 0) "
                f"FROM parquet_schema({text_literal(file)})"
            ).fetchall()
            check_width(int(schema[0][1]) if schema else 0, len(schema) - 1)
            described = db.execute(f"DESCRIBE SELECT * FROM {self._source}").fetchall()
            (counts,) = db.execute(f"SELECT sum(num_rows) FROM parquet_file_metadata({text_literal(file)})").fetchall()
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            raise corrupt(first_line(error)) from error
        self.rows = int(counts[0] or 0)
        nodes = _top_level(schema)
        names = column_names([node.name for node in nodes], key=key)
        if long := next((name for name in names if len(name.encode()) > MAX_NAME), None):
            what = f"the column {long[:40]!r}… has a name of {len(long.encode())} bytes"
            raise Unreadable("ColumnNameTooLong", what, f"Shorten it to {MAX_NAME} bytes.")
        if len(names) != len(described):
            raise corrupt(f"the footer has {len(names)} columns, the engine finds {len(described)}")
        self.columns = tuple(
            _column(name, str(row[0]), str(row[1]), node)
            for name, row, node in zip(names, described, nodes, strict=True)
        )

    def nanoseconds(self) -> dict[str, int]:
        """Column → values with a part below the microsecond, which a table cannot keep."""
        named = [column for column in self.columns if column.duck in _NANOSECONDS]
        if not named:
            return {}
        wanted = ", ".join(f"count_if(epoch_ns({identifier(column.source)}) % 1000 <> 0)" for column in named)
        (row,) = self._db.execute(f"SELECT {wanted} FROM {self._source}").fetchall()
        return {column.name: int(count) for column, count in zip(named, row, strict=True) if count}

    @property
    def source(self) -> str:
        """The rows, as columns c0, c1, …"""
        values = ", ".join(f"{column.value} AS c{index}" for index, column in enumerate(self.columns))
        return f"(SELECT {values} FROM {self._source})"

    def count(self, sql: str) -> int:
        """Run a query that begins with a number of rows: added to a table, or read."""
        try:
            (found,) = self._db.execute(sql).fetchall()
        except self._no_room:
            raise
        except self._error as error:
            raise corrupt(f"{self._culprit()}{first_line(error)}") from error
        return int(found[0])

    def hold_to(self, rows: int) -> None:
        """Raises `Unreadable` where there are not as many rows as the footer says."""
        if rows != self.rows:
            raise corrupt(f"the footer promises {self.rows} rows, there are {rows}")

    def _culprit(self) -> str:
        """The first column that cannot be read by itself, named; "" where each can."""
        for column in self.columns:
            try:
                self._db.execute(f"SELECT bit_xor(hash({column.value})) FROM {self._source}")
            except self._error:
                return f"column {column.name}: "
        return ""


@dataclass
class _Node:
    name: str
    clash: tuple[str, str] | None
    precise: bool


def _top_level(schema: Sequence[tuple[str, int, int]]) -> list[_Node]:
    """The root's children, with what is below them: names that differ in case alone, and decimals that are too wide."""
    nodes: list[_Node] = []
    position = 1

    def walk() -> tuple[str, tuple[str, str] | None, bool]:
        nonlocal position
        name, children, precision = schema[position]
        position += 1
        seen: dict[str, str] = {}
        clash, precise = None, precision <= _MAX_PRECISION
        for _ in range(children):
            inner, below, fits = walk()
            clash = clash or below or ((seen[inner.lower()], inner) if inner.lower() in seen else None)
            precise = precise and fits
            seen[inner.lower()] = inner
        return str(name), clash, precise

    while position < len(schema):
        nodes.append(_Node(*walk()))
    return nodes


def _column(name: str, source: str, duck: str, node: _Node) -> ParquetColumn:
    if node.clash:
        what = f"the struct keys {node.clash[0]!r} and {node.clash[1]!r} differ in case alone"
        return ParquetColumn(name, source, duck, "string", ("StructKeysCollide", what))
    note = None if node.precise else ("PrecisionLost", "decimals of more than 38 digits are read as doubles")
    hive = hive_of(duck)
    return ParquetColumn(
        name, source, duck, mapped(hive, lambda leaf: leaf or "string") if is_nested(hive) else hive, note
    )


def _as_text(column: str, duck: str) -> str:
    if duck in _TIMES:
        return f"strftime(DATE '1970-01-01' + CAST({column} AS TIME), '%H:%M:%S.%f')"
    if duck.endswith("]") or duck.startswith(("STRUCT(", "MAP(", "UNION(")):
        return f"CAST(to_json({column}) AS VARCHAR)"
    return f"CAST({column} AS VARCHAR)"


def _without_nanoseconds(column: str, duck: str) -> str:
    """Nanoseconds with a zone, nested ones too, have no cast but to microseconds with a zone."""
    if "TIMESTAMPTZ_NS" not in duck:
        return column
    return f"CAST({column} AS {duck.replace('TIMESTAMPTZ_NS', 'TIMESTAMPTZ')})"
