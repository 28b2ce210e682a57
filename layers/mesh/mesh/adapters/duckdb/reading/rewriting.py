"""Data files of ours → a new one: only the rows that are kept, columns as the fields that the table has now.

Columns are found by their field ids, as every reader of an Iceberg table finds them. A column that drifted has a new id
under its old name, so its values are taken from the old id and cast: numbers become text as the engine writes them.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mesh.adapters.duckdb.engine import Limits, database, duck_of
from mesh.adapters.duckdb.reading.values import converted
from mesh.adapters.duckdb.reading.writing import copy_to
from mesh.domain.onboarding.quality.sql_text import identifier, text_literal
from mesh.domain.onboarding.reading.model import RowRange, StoredFile, WrittenFile
from mesh.domain.publishing.fields import Field

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

DEFAULT_LIMITS: Final = Limits(memory="1500MB", spill="4GB")


class Rewriter:
    """Rewrites files on the local disk."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits

    def rewrite(
        self, files: Sequence[StoredFile], base: Sequence[Field], fields: Sequence[Field], target: Path
    ) -> WrittenFile:
        """Write `target` from the files' kept rows, in the order given. `base`: the fields that the files may have.

        `first_rows` are by the path of the file that the rows came from. A field of another type than its namesake in
        `base` holds the old values cast; NULL where a file has neither.
        """
        folder = Path(tempfile.mkdtemp(prefix="mesh-"))
        try:
            with database(folder, self._limits) as db:
                selects = [_select(db, stored, base, fields) for stored in files]
                rows, size, statistics = copy_to(db, " UNION ALL ".join(selects), target, fields)
                first_rows = dict(_ranges(db, files))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return WrittenFile(
            name=target.name, path=target, rows=rows, bytes=size, first_rows=first_rows, columns=statistics
        )


def _select(db: "DuckDBPyConnection", stored: StoredFile, base: Sequence[Field], fields: Sequence[Field]) -> str:
    there = _top_level_ids(db, stored.path)
    values = ", ".join(f"{_value(field, base, there)} AS {identifier(field.name)}" for field in fields)
    source = f"read_parquet({text_literal(stored.path)}, file_row_number = true)"
    return f"SELECT {values} FROM {source}{_kept(stored.keep_rows)}"


def _value(field: Field, base: Sequence[Field], there: dict[int, str]) -> str:
    """The field's own id if the file has it, else that of its namesake in `base`."""
    known = {old.id: old for old in base}
    duck = duck_of(field.hive_type)
    namesakes = [old.id for old in base if old.name == field.name]
    for id_ in (field.id, *namesakes):
        if id_ in there:
            old = known.get(id_, field)
            column = f"CAST({identifier(there[id_])} AS {duck_of(old.hive_type)})"
            return f"CAST({converted(column, old.hive_type, field.hive_type)} AS {duck})"
    return f"CAST(NULL AS {duck})"


def _top_level_ids(db: "DuckDBPyConnection", path: Path) -> dict[int, str]:
    """Field id → the column's name in the file, of the columns that are in no other."""
    schema = db.execute(
        f"SELECT name, field_id, coalesce(num_children, 0) FROM parquet_schema({text_literal(path)})"
    ).fetchall()
    found: dict[int, str] = {}
    position = 1
    while position < len(schema):
        name, id_, _ = schema[position]
        if id_ is not None:
            found[int(id_)] = str(name)
        position = _after(schema, position)
    return found


def _after(schema: Sequence[tuple[str, int | None, int]], position: int) -> int:
    """The position behind a node and all that is below it."""
    left = 1
    while left:
        left += schema[position][2] - 1
        position += 1
    return position


def _kept(ranges: Sequence[RowRange] | None) -> str:
    if ranges is None:
        return ""
    parts = [f"file_row_number BETWEEN {part.first} AND {part.first + part.rows - 1}" for part in ranges if part.rows]
    return f" WHERE {' OR '.join(parts) or 'false'}"


def _ranges(db: "DuckDBPyConnection", files: Sequence[StoredFile]) -> Iterator[tuple[str, RowRange]]:
    first = 0
    for stored in files:
        if stored.keep_rows is None:
            source = f"parquet_file_metadata({text_literal(stored.path)})"
            ((rows,),) = db.execute(f"SELECT sum(num_rows) FROM {source}").fetchall()
        else:
            rows = sum(part.rows for part in stored.keep_rows)
        yield str(stored.path), RowRange(first=first, rows=int(rows))
        first += int(rows)
