"""Queries on DuckDB: load what the caller may read, then lock the database, then run the query.

The database holds nothing but permitted columns, so that no way of asking reaches another; and the query runs without
access to files, the network, extensions or settings.
"""

import re
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
from sqlglot import exp

from local.athena import columns, errors, hive, loading, pruning, tables
from local.athena.iceberg import is_iceberg, metadata_tables, reading
from local.athena.statement import UNNAMED, Query, TableName
from local.athena.tables import Column, Readable
from local.lakeformation.identity import Identity


@dataclass
class Result:
    """Names, DuckDB types, and rows of Python values."""

    names: list[str]
    types: list[str]
    rows: list[tuple[Any, ...]]


@dataclass
class Session:
    """One query's database. `scanned` counts bytes as Athena does: objects as stored, of Parquet the columns read."""

    caller: Identity
    limit: int | None = None
    scanned: int = 0
    connection: duckdb.DuckDBPyConnection = field(default_factory=duckdb.connect)
    cancelled: threading.Event = field(default_factory=threading.Event)
    _tables: dict[TableName, Readable] = field(default_factory=dict)
    _sources: dict[TableName, reading.Source] = field(default_factory=dict)

    def run(self, query: Query) -> Result:
        """Load what the query reads and the caller may, then run it.

        Raises:
            QueryError: as Athena words it.
            CancelledError: more bytes than the work group's limit were scanned.
        """
        with tempfile.TemporaryDirectory(prefix="athena-") as folder:
            self.connection.execute("SET temp_directory = ?", [folder])
            self.connection.execute("SET integer_division = true")
            self.connection.execute("SET TimeZone = 'UTC'")
            self.connection.execute("SET autoinstall_known_extensions = false")
            # Else a name that is not a table could mean a variable of this program.
            self.connection.execute("SET python_enable_replacements = false")
            for position, (name, node) in enumerate(query.tables):
                self._read(f"scan_{position}", name, query, node, Path(folder))
                query.read_from(node, f"scan_{position}")
            self.connection.execute("SET enable_external_access = false")
            self.connection.execute("SET lock_configuration = true")
            return self._result(query)

    def _read(self, relation: str, name: TableName, query: Query, node: exp.Table, folder: Path) -> None:
        """Make `relation` of what the query reads of the table that it names."""
        base, _, metadata_table = name.name.partition("$")
        table = self._readable(replace(name, name=base) if metadata_table in metadata_tables.KNOWN else name)
        if not table.columns:
            raise errors.no_columns(query.place_of_projection())
        if not is_iceberg(table.record):
            if metadata_table:
                raise errors.table_not_found(name.at, name.database, name.name)
            if node.args.get("version"):
                raise errors.QueryError("NOT_SUPPORTED: This connector does not support versioned tables")
            self._load(relation, table, query, lambda into, wanted: self._fill(into, table, wanted, node, folder))
            return
        source = self._sources.setdefault(replace(table.name, at=""), reading.Source(self, table))
        if metadata_table:
            source.load_metadata(relation, metadata_table, name, node)
            return
        scan = source.scan(query, node)
        if not scan.table.columns:
            raise errors.no_columns(query.place_of_projection())
        self._load(relation, scan.table, query, scan.fill)

    def _readable(self, name: TableName) -> Readable:
        """What a query names twice is the same to it, whatever a commit does in between."""
        key = replace(name, at="")
        if key not in self._tables:
            self._tables[key] = tables.readable(self.caller, name)
        return self._tables[key]

    def _result(self, query: Query) -> Result:
        sql = query.sql()
        try:
            relation = self.connection.execute(sql)
            described = relation.description or []
            rows = relation.fetchall()
        except duckdb.Error as error:
            raise explained(error, query) from error
        nameless = isinstance(query.root, exp.Values)
        names = [
            f"_col{at}" if nameless or name.startswith(UNNAMED) else name for at, (name, *_) in enumerate(described)
        ]
        return Result(names, [str(kind) for _, kind, *_ in described], rows)

    def _load(self, relation: str, table: Readable, query: Query, fill: Callable[[str, list[Column]], None]) -> None:
        """Make `relation` of the permitted columns that the query mentions, in the permitted rows.

        `fill` makes a relation of these columns in all rows.
        """
        names = query.names()
        wanted = [c for c in table.columns if query.takes_all() or c.name in names] or list(table.columns[:1])
        if not table.cells.is_restricted:
            fill(relation, wanted)
            return
        fill(f"{relation}_raw", wanted + table.hidden(wanted))
        try:
            self.connection.execute(table.cells.select(f"{relation}_raw", relation, [c.name for c in wanted]))
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            reason = f"GENERIC_USER_ERROR: Row filter of {table.name.name}: {loading.first_line(error)}"
            raise errors.QueryError(reason, errors.DATA) from error
        self.connection.execute(f"DROP TABLE {relation}_raw")

    def _fill(self, relation: str, table: Readable, wanted: list[Column], node: exp.Table, folder: Path) -> None:
        """Make `relation` of these columns of the table, with all rows that the query's partitions have."""
        definition = ", ".join(f"{columns.quoted(c.name)} {columns.duckdb_type(c.type)}" for c in wanted)
        self.connection.execute(f"CREATE TABLE {relation} ({definition})")
        load = hive.Load(self, self.caller, relation, table, wanted, folder)
        if not table.keys:
            load.location(table.record["StorageDescriptor"], {})
            return
        # A hidden key is not a column, so a condition on it must not choose what is read.
        keys = [column.name for column in table.columns if column.is_key and not table.cells.masks(column.name)]
        for partition in tables.partitions(self.caller, table, pruning.expression(node, keys)):
            load.location(partition["StorageDescriptor"], dict(zip(table.keys, partition["Values"], strict=True)))

    def check(self) -> None:
        """Raises `CancelledError` once the query has been stopped: reading objects cannot be interrupted."""
        if self.cancelled.is_set():
            raise errors.CancelledError(errors.STOPPED)

    def count(self, size: int) -> None:
        """Count bytes scanned. Raises `CancelledError` past the limit."""
        self.scanned += size
        if self.limit is not None and self.scanned > self.limit:
            raise errors.CancelledError("Bytes scanned limit was exceeded")


def explained(error: duckdb.Error, query: Query) -> Exception:
    """DuckDB's error as Athena's. What a query may not see is not in the database: it reads as absent."""
    text = loading.first_line(error)
    if found := re.search(r'Referenced column "(.+?)" not found', text):
        return errors.column_not_found(query.place_of(found[1]), found[1])
    if found := re.search(r'"(.+?)" does not have a column named "(.+?)"', text):
        return errors.column_not_found(query.place_of(found[2], found[1]), f"{found[1]}.{found[2]}")
    if found := re.search(r'Referenced table "(.+?)" not found', text):
        return errors.column_not_found("", found[1])
    if found := re.search(r"Function with name (\S+) does not exist", text):
        return errors.QueryError(f"FUNCTION_NOT_FOUND: Function '{found[1]}' not registered")
    if "Division by zero" in text or "division by zero" in text:
        return errors.QueryError("DIVISION_BY_ZERO: Division by zero", errors.DATA)
    match error:
        case duckdb.InterruptException():
            return errors.CancelledError(errors.STOPPED)
        case duckdb.ConversionException():
            return errors.QueryError(f"INVALID_CAST_ARGUMENT: {text}", errors.DATA)
        case duckdb.OutOfMemoryException():
            return errors.QueryError("EXCEEDED_LOCAL_MEMORY_LIMIT: Query exhausted resources at this scale factor", 0)
        case duckdb.BinderException() | duckdb.ParserException() | duckdb.CatalogException():
            return errors.QueryError(f"SYNTAX_ERROR: {text}")
    return errors.QueryError(f"GENERIC_USER_ERROR: {text}", errors.DATA)
