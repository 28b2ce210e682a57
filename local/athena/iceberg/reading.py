"""Loads what a query reads of an Iceberg table: the permitted columns of its data files, partition by partition.

Reads metadata and data as Athena does, with the registered location's role.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, Protocol

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.schema import Schema
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.types import NestedField
from sqlglot import exp

from local import choices
from local.athena import loading, objects, pruning, tables
from local.athena.columns import literal, quoted
from local.athena.errors import DATA, MissingObjectError, QueryError, refused
from local.athena.iceberg import metadata_tables, projection, travel
from local.athena.iceberg.planning import IcebergTable, PlannedFile, Storage, open_table
from local.athena.statement import Query, TableName
from local.athena.tables import Column, Readable
from local.lakeformation.identity import Identity
from local.lakeformation.protocol import access_denied

PATH: Final = "$path"
_FLUSH_ROWS: Final = 200_000


class Session(loading.Session, Protocol):
    """The query that is being answered, as much of it as loading needs."""

    @property
    def caller(self) -> Identity: ...


@dataclass
class Source:
    """A table of the catalog that a query names, once or more: the same metadata file each time."""

    session: Session
    table: Readable

    @cached_property
    def iceberg(self) -> IcebergTable:
        location = str(self.table.record["StorageDescriptor"]["Location"])
        pointer = str((self.table.record.get("Parameters") or {}).get("metadata_location", ""))
        reader = tables.reader(self.session.caller, self.table, location)
        name = f"{self.table.name.database}.{self.table.name.name}"
        return open_table(Storage(name, location, lambda url: objects.read(reader, url)), pointer)

    def load_metadata(self, relation: str, kind: str, name: TableName, node: exp.Table) -> None:
        """Make `relation` of the rows of `"table$kind"`, which `name` names."""
        if kind in metadata_tables.RESTRICTED:
            self.require_all(name.name)
        if node.args.get("version"):
            raise QueryError(f"NOT_SUPPORTED: time travel on {name.name} is not emulated")
        self.session.connection.register("chunk", metadata_tables.rows_of(self.iceberg, kind))
        self.session.connection.execute(f"CREATE TABLE {relation} AS SELECT * FROM chunk")  # noqa: S608 - our own name
        self.session.connection.unregister("chunk")

    def scan(self, query: Query, node: exp.Table) -> "Scan":
        """The read of the table where the query names it. Raises `QueryError`."""
        snapshot, asked = travel.snapshot_for(self.iceberg, node)
        schema = self.iceberg.schema_of(snapshot) if asked else self.iceberg.metadata.schema()
        fields = {each.name.lower(): each for each in schema.fields}
        listed = {column.name: column for column in self.table.every}
        permitted = {column.name for column in self.table.columns}
        missing = listed.keys() - fields.keys() if choices.made.missing_column_is_null else ()
        every = tuple(listed[name] for name in (*fields, *missing) if name in listed)
        columns = tuple(column for column in every if column.name in permitted)
        if _names_path(query, node):
            self.require_all(PATH)
            if query.takes_all():
                raise QueryError('NOT_SUPPORTED: * beside "$path" is not emulated: name the columns')
            columns += (Column(PATH, "string"),)
        table = replace(self.table, columns=columns, every=every)
        return Scan(self, query, node, table, schema, snapshot)

    def require_all(self, what: str) -> None:
        """Refuse what tells of the table's files unless the caller may read all columns in all rows."""
        if self.table.is_restricted:
            name = self.table.name.name
            why = f"{what} is not available while Lake Formation restricts columns or rows of {name}"
            raise refused(access_denied(why), "AWSLakeFormation")


def _names_path(query: Query, node: exp.Table) -> bool:
    named = ("", node.alias_or_name.lower())
    return any(c.name == PATH and c.table.lower() in named for c in query.root.find_all(exp.Column))


@dataclass
class Scan:
    """One read of a table by a query; `table` has the columns of the snapshot's schema."""

    source: Source
    query: Query
    node: exp.Table
    table: Readable
    schema: Schema
    snapshot: Snapshot | None
    _pending: "_Pending" = field(init=False)

    def fill(self, relation: str, wanted: list[Column]) -> None:
        """Make `relation` of these columns, with all rows that the query's conditions on partitions leave.

        Columns that neither query nor row filter mentions are null: only the number of rows counts then.
        """
        named = self.query.names() | self.table.cells.mentioned
        fields = {each.name.lower(): each for each in self.schema.fields}
        types = [_type(fields[c.name]) if c.name in fields else "VARCHAR" for c in wanted]
        definition = ", ".join(f"{quoted(c.name)} {kind}" for c, kind in zip(wanted, types, strict=True))
        session = self.source.session
        session.connection.execute(f"CREATE TABLE {relation} ({definition})")
        picked = [fields.get(c.name) if self.query.takes_all() or c.name in named else None for c in wanted]
        self._pending = _Pending(session, relation)
        for planned in self._files():
            with_path = [c.name == PATH for c in wanted]
            self._load(planned, picked, with_path)
        self._pending.flush()

    def _load(self, planned: PlannedFile, picked: list[NestedField | None], with_path: list[bool]) -> None:
        self.source.session.check()
        file = _opened(planned, self.source.iceberg.storage)
        stored = projection.by_id(file.schema_arrow)
        if len(file.schema_arrow) and not stored:
            raise QueryError(f"NOT_SUPPORTED: {planned.url} has no field ids: name mappings are not emulated")
        needed = {stored[f.field_id].name for f in picked if f is not None and f.field_id in stored}
        self.source.session.count(loading.column_bytes(file.metadata, needed))
        values = [
            literal(planned.url) if is_path else "NULL" if f is None else _picked(f, stored, planned)
            for f, is_path in zip(picked, with_path, strict=True)
        ]
        if not needed:
            self._pending.count(file.metadata.num_rows, ", ".join(values))
            return
        for group in range(file.num_row_groups):
            chunk = file.read_row_group(group, columns=sorted(needed))
            self._pending.add(planned.url, chunk, ", ".join(values))

    def _files(self) -> list[PlannedFile]:
        files = self.source.iceberg.files(self.snapshot)
        fields = {each.field_id: each for each in self.schema.fields}
        # A hidden column is none to the query, and a masked one has other values for it.
        names = {c.name for c in self.table.columns if not self.table.cells.masks(c.name)}
        shared = set(fields).intersection(*(planned.identity for planned in files))
        keys = {number: fields[number] for number in shared if fields[number].name.lower() in names}
        condition = pruning.expression(self.node, [each.name.lower() for each in keys.values()])
        return list(self._pruned(files, keys, condition)) if condition else files

    def _pruned(self, files: list[PlannedFile], keys: dict[int, NestedField], condition: str) -> Iterator[PlannedFile]:
        """The files of partitions for which `condition` holds; all of them where DuckDB cannot tell."""
        found: dict[tuple[Any, ...], list[PlannedFile]] = {}
        for planned in files:
            found.setdefault(tuple(planned.identity[number] for number in keys), []).append(planned)
        names = ", ".join(quoted(each.name.lower()) for each in keys.values())
        rows = ", ".join(
            f"({at}, {', '.join(_constant(f, value) for f, value in zip(keys.values(), values, strict=True))})"
            for at, values in enumerate(found)
        )
        if not rows:
            return
        sql = f'SELECT "$at" FROM (VALUES {rows}) AS partitions("$at", {names}) WHERE {condition}'  # noqa: S608 (quoted)
        try:
            kept = {at for (at,) in self.source.session.connection.execute(sql).fetchall()}
        except duckdb.InterruptException:
            raise
        except duckdb.Error:
            # What is wrong with the condition, the query itself will say.
            kept = set(range(len(found)))
        for at, group in enumerate(found.values()):
            yield from group if at in kept else ()


@dataclass
class _Pending:
    """Chunks of like files, inserted together: many small files cost little more than one."""

    session: Session
    relation: str
    _sql: str = ""
    _url: str = ""
    _rows: int = 0
    _chunks: list[pa.Table] = field(default_factory=list)

    def add(self, url: str, chunk: pa.Table, values: str) -> None:
        if values != self._sql or (self._chunks and not self._takes(chunk)):
            self.flush()
        self._sql, self._url = values, url
        self._chunks.append(chunk)

    def count(self, rows: int, values: str) -> None:
        """Rows of which no column is read."""
        if values != self._sql:
            self.flush()
        self._sql = values
        self._rows += rows

    def _takes(self, chunk: pa.Table) -> bool:
        return bool(chunk.schema == self._chunks[0].schema and sum(map(len, self._chunks)) < _FLUSH_ROWS)

    def flush(self) -> None:
        if self._rows:
            sql = f"INSERT INTO {self.relation} SELECT {self._sql} FROM range({self._rows})"  # noqa: S608 (quoted)
            loading.insert(self.session, sql, "ICEBERG_BAD_DATA")
            self._rows = 0
        if not self._chunks:
            return
        self.session.connection.register("chunk", pa.concat_tables(self._chunks))
        sql = f"INSERT INTO {self.relation} SELECT {self._sql} FROM chunk"  # noqa: S608 (quoted)
        loading.insert(self.session, sql, f"ICEBERG_BAD_DATA: {self._url}")
        self.session.connection.unregister("chunk")
        self._chunks = []


def _type(wanted: NestedField) -> str:
    return projection.duckdb_type(wanted.field_type)


def _constant(wanted: NestedField, value: Any) -> str:  # noqa: ANN401 - whatever a partition is by
    return projection.constant(wanted.field_type, value)


def _picked(wanted: NestedField, stored: dict[int, pa.Field], planned: PlannedFile) -> str:
    found = stored.get(wanted.field_id)
    if found is None and wanted.field_id in planned.identity:
        return _constant(wanted, planned.identity[wanted.field_id])
    return projection.column(wanted, found, quoted(found.name) if found else "")


def _opened(planned: PlannedFile, storage: Storage) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(pa.BufferReader(storage.read(planned.url)))
    except MissingObjectError as error:
        size = planned.file.file_size_in_bytes
        raise QueryError(
            f"ICEBERG_CANNOT_OPEN_SPLIT: Error opening Iceberg split {planned.url} (offset=0, length={size}): "
            "The specified key does not exist",
            DATA,
        ) from error
    except (pa.ArrowException, OSError) as error:
        raise QueryError(f"ICEBERG_BAD_DATA: Error reading Parquet file {planned.url}: {error}", DATA) from error
