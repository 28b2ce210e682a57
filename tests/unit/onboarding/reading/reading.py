"""Files of one table → an open reading of them, as the function that stages a batch has it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from mesh.adapters.duckdb.reading import DuckReading, DuckReadings, Limits
from mesh.domain.onboarding.reading.model import FilePlan, TableSources, WrittenFile
from mesh.domain.publishing.fields import FieldIds, assign_fields
from mesh.domain.schema import Column, TableSchema

from tests.fakes import FakeObjects

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FOLDER = "product/data/t/"
LIMITS: dict[str, Any] = {}
"""Of readings that state none of their own."""


def schema(types: Mapping[str, str] | None, keys: Mapping[str, str] | None = None) -> TableSchema | None:
    """Columns and partition keys; None for None."""
    return None if types is None else TableSchema(columns=_columns(types), partition_keys=_columns(keys or {}))


@contextmanager
def opened(
    files: Mapping[str, str | bytes],
    *,
    expected: Mapping[str, str] | None = None,
    present: Mapping[str, str] | None = None,
    keys: Mapping[str, str] | None = None,
    limits: Mapping[str, Any] | None = None,
    **more: Any,
) -> Iterator[DuckReading]:
    """`files`: name below the table's folder → content; `expected`, `present`: column → Hive type."""
    objects = FakeObjects()
    refs = tuple(objects.put("b", FOLDER + name, content) for name, content in files.items())
    sources = TableSources(table="t", refs=refs, expected=schema(expected, keys), present=schema(present), **more)
    with DuckReadings(objects, Limits(**(limits or LIMITS))).open(sources) as reading:
        yield reading


def types(reading: DuckReading) -> dict[str, str]:
    """Column → type, partition keys last."""
    return {column.name: column.type for column in reading.schema.columns}


def codes(reading: DuckReading) -> list[tuple[str, str]]:
    """(code, severity) of each finding."""
    return [(finding.code, finding.severity) for finding in reading.findings]


def written(reading: DuckReading, *names: str, name: str = "x/0.parquet") -> WrittenFile:
    """One file of the named objects, or of all."""
    fields = assign_fields(reading.schema.columns, (), FieldIds(0))
    keys = tuple(FOLDER + each for each in names) or tuple(source.key for source in reading.sources)
    (file,) = reading.write([FilePlan(name=name, keys=keys)], fields)
    return file


def table(reading: DuckReading) -> pa.Table:
    """All rows as they are published."""
    return pq.read_table(written(reading).path)


def rows(files: Mapping[str, str | bytes] | str | bytes, **more: Any) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Types and published rows of files (or of one CSV file) without an error."""
    with opened(files if isinstance(files, Mapping) else {"a.csv": files}, **more) as reading:
        assert not [finding for finding in reading.findings if finding.severity == "error"], reading.findings
        return types(reading), table(reading).to_pylist()


def parquet(columns: Mapping[str, Any]) -> bytes:
    """A Parquet file of these arrays."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(dict(columns)), sink)
    return sink.getvalue().to_pybytes()


def read_back(path: Path) -> pa.Table:
    """A written file."""
    return pq.read_table(path)


def _columns(found: Mapping[str, str]) -> tuple[Column, ...]:
    return tuple(Column(name=name, type=type_) for name, type_ in found.items())
