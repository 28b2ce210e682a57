"""Queries on DuckDB: what the caller may read is loaded first, then the door is locked, then its query runs.

The database holds nothing but permitted columns, so that no way of asking reaches another; and the query runs without
access to files, the network, extensions or settings.
"""

import re
import tempfile
import threading
from dataclasses import dataclass, field
from itertools import batched, chain
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from local.athena import columns, errors, formats, objects, pruning, tables
from local.athena.formats import Layout
from local.athena.statement import UNNAMED, Query
from local.athena.tables import Column, Readable
from local.lakeformation.identity import Identity
from local.lakeformation.protocol import Json

BATCH_ROWS = 50_000


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
            # Else a name that is no table could mean a variable of this program.
            self.connection.execute("SET python_enable_replacements = false")
            for position, (name, node) in enumerate(query.tables):
                table = tables.readable(self.caller, name)
                if not table.columns:
                    raise errors.no_columns(query.place_of_projection())
                self._load(f"scan_{position}", table, query, node, Path(folder))
                query.read_from(node, f"scan_{position}")
            self.connection.execute("SET enable_external_access = false")
            self.connection.execute("SET lock_configuration = true")
            return self._result(query)

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

    def _load(self, relation: str, table: Readable, query: Query, node: exp.Table, folder: Path) -> None:
        """Make `relation` of the permitted columns that the query mentions, in the permitted rows."""
        names = query.names()
        wanted = [c for c in table.columns if query.takes_all() or c.name in names] or list(table.columns[:1])
        if not table.cells.is_restricted:
            self._fill(relation, table, wanted, node, folder)
            return
        self._fill(f"{relation}_raw", table, wanted + table.hidden(wanted), node, folder)
        try:
            self.connection.execute(table.cells.select(f"{relation}_raw", relation, [c.name for c in wanted]))
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            reason = f"GENERIC_USER_ERROR: Row filter of {table.name.name}: {_first_line(error)}"
            raise errors.QueryError(reason, errors.DATA) from error
        self.connection.execute(f"DROP TABLE {relation}_raw")

    def _fill(self, relation: str, table: Readable, wanted: list[Column], node: exp.Table, folder: Path) -> None:
        """Make `relation` of these columns of the table, with all rows that the query's partitions have."""
        definition = ", ".join(f"{columns.quoted(c.name)} {columns.duckdb_type(c.type)}" for c in wanted)
        self.connection.execute(f"CREATE TABLE {relation} ({definition})")
        load = _Load(self, relation, table, wanted, folder)
        if not table.keys:
            load.location(table.record["StorageDescriptor"], {})
            return
        # A hidden key is no column, so a condition on it must not choose what is read.
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


@dataclass
class _Load:
    """Objects of one table into its relation."""

    session: Session
    relation: str
    table: Readable
    wanted: list[Column]
    folder: Path

    def location(self, descriptor: Json, values: dict[str, str]) -> None:
        """The objects of the table, or of its partition with these values of the keys."""
        form = formats.layout(self.table.record, descriptor)
        reader = tables.reader(self.session.caller, self.table, descriptor["Location"])
        for key, body in objects.below(reader, descriptor["Location"]):
            if form.is_parquet:
                self._parquet(key, body, values)
            else:
                self.session.count(len(body))
                self._text(form, key, body, values)

    def _text(self, form: Layout, key: str, body: bytes, values: dict[str, str]) -> None:
        names = [column.name for column in self.wanted if not column.is_key]
        found = formats.rows(form, key, body, names)
        typed = ", ".join(
            columns.partition_value(c, values) if c.is_key else columns.typed(c, form, f"c{names.index(c.name)}")
            for c in self.wanted
        )
        for batch in batched(found, BATCH_ROWS, strict=False):
            # A table of keys alone still has as many rows as the object.
            arrays = [pa.array(column, pa.string()) for column in zip(*batch, strict=True)] or [pa.nulls(len(batch))]
            chunk = pa.table(arrays, names=[f"c{at}" for at in range(len(arrays))])
            self.session.connection.register("chunk", chunk)
            self._insert(f"INSERT INTO {self.relation} SELECT {typed} FROM chunk", key)  # noqa: S608 (quoted)
            self.session.connection.unregister("chunk")

    def _parquet(self, key: str, body: bytes, values: dict[str, str]) -> None:
        path = self.folder / "object.parquet"
        path.write_bytes(body)
        try:
            metadata = pq.read_metadata(path)
        except (pa.ArrowException, OSError) as error:
            raise errors.QueryError(f"HIVE_CURSOR_ERROR: Failed to read Parquet file: {key}", errors.DATA) from error
        stored = {name.lower(): name for name in metadata.schema.to_arrow_schema().names}
        names = {column.name for column in self.wanted}
        self.session.count(_column_bytes(metadata, {stored[name] for name in names & stored.keys()}))
        picked = ", ".join(
            columns.partition_value(c, values)
            if c.is_key
            else f"CAST({columns.quoted(stored[c.name])} AS {columns.duckdb_type(c.type)})"
            if c.name in stored
            else "NULL"
            for c in self.wanted
        )
        source = f"read_parquet({columns.literal(str(path))}, hive_partitioning = false)"
        self._insert(f"INSERT INTO {self.relation} SELECT {picked} FROM {source}", key)  # noqa: S608 (quoted)

    def _insert(self, sql: str, key: str) -> None:
        self.session.check()
        try:
            self.session.connection.execute(sql)
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            reason = f"HIVE_BAD_DATA: {key}: {_first_line(error)}"
            raise errors.QueryError(reason, errors.DATA) from error


def explained(error: duckdb.Error, query: Query) -> Exception:
    """DuckDB's error as Athena's. What a query may not see is not in the database: it reads as absent."""
    text = _first_line(error)
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


def _column_bytes(metadata: pq.FileMetaData, names: set[str]) -> int:
    groups = (metadata.row_group(at) for at in range(metadata.num_row_groups))
    chunks = chain.from_iterable((group.column(at) for at in range(group.num_columns)) for group in groups)
    return sum(int(c.total_compressed_size) for c in chunks if c.path_in_schema.split(".")[0] in names)


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0].partition(": ")[2] or str(error)
