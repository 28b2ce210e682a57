"""Loads the objects of a Hive table: text by its SerDe, Parquet and ORC by the names of their columns."""

import io
from dataclasses import dataclass
from itertools import batched
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc

from local.athena import columns, errors, formats, loading, objects, tables
from local.athena.formats import Layout
from local.athena.tables import Column, Readable
from local.lakeformation.identity import Identity
from local.lakeformation.protocol import Json

BATCH_ROWS = 50_000


@dataclass
class Load:
    """Objects of one table into its relation."""

    session: loading.Session
    caller: Identity
    relation: str
    table: Readable
    wanted: list[Column]
    folder: Path

    def location(self, descriptor: Json, values: dict[str, str]) -> None:
        """The objects of the table, or of its partition with these values of the keys."""
        form = formats.layout(self.table.record, descriptor)
        reader = tables.reader(self.caller, self.table, descriptor["Location"])
        for key, body in objects.below(reader, descriptor["Location"]):
            if form.is_parquet:
                self._parquet(key, body, values)
            elif form.is_orc:
                self._parquet(key, _as_parquet(key, body), values)
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
        self.session.count(loading.column_bytes(metadata, {stored[name] for name in names & stored.keys()}))
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
        loading.insert(self.session, sql, f"HIVE_BAD_DATA: {key}")


def _as_parquet(key: str, body: bytes) -> bytes:
    """An ORC file's rows. Columns are found by name, where AWS's own default is by position."""
    out = io.BytesIO()
    try:
        pq.write_table(orc.ORCFile(io.BytesIO(body)).read(), out)
    except (pa.ArrowException, OSError) as error:
        raise errors.QueryError(f"HIVE_CURSOR_ERROR: Failed to read ORC file: {key}", errors.DATA) from error
    return out.getvalue()
