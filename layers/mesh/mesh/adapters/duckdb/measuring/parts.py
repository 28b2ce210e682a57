"""Each object of a batch by itself, as far as a history of the table keeps it; small neighbours together."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import batched
from typing import Final

from mesh.adapters.duckdb.measuring.binning import bin_counts
from mesh.adapters.duckdb.measuring.rows import OBJECT, Rows
from mesh.adapters.duckdb.measuring.values import few_values, labelled_bins, labelled_values
from mesh.domain.onboarding.guard.history import all_values, parts_of
from mesh.domain.onboarding.quality.model import MAX_PARTS, ColumnProfile, Histogram, PartProfile, TableData
from mesh.domain.onboarding.quality.sql_text import ROWS, identifier

MARKS: Final = '"mesh marks"'
"""Table of the fingerprints of all rows, `h`, with the row's object."""
_FINGERPRINTS: Final = 5_000
"""Of all parts together."""
_PAIRS: Final = 50_000
"""Columns times parts that are profiled; of a wider table the parts are fewer."""
_CHUNK: Final = 20
_OBJECT: Final = identifier(OBJECT)


def part_profiles(rows: Rows, data: TableData, columns: Sequence[ColumnProfile]) -> Iterator[PartProfile]:
    """Nothing for a batch of one part. `columns` are those of the whole batch."""
    counted = rows.all(f"SELECT {_OBJECT}, count(*) FROM {ROWS} GROUP BY 1 ORDER BY 1")
    found = parts_of([count for _, count in counted], limit=_limit(len(columns)))
    if not found or found[-1] == 0:
        return
    for part in range(found[-1] + 1):
        places = [place for (place, _), each in zip(counted, found, strict=True) if each == part]
        total = sum(count for (_, count), each in zip(counted, found, strict=True) if each == part)
        own = f"{_OBJECT} BETWEEN {places[0]} AND {places[-1]}"
        marks = f"(SELECT h FROM {MARKS} WHERE {own})"
        distinct = rows.all(f"SELECT count(DISTINCT h) FROM {marks}")[0][0] if rows.columns else total
        yield PartProfile(
            keys=tuple(rows.keys[place] for place in places if place < len(rows.keys)),
            rows=total,
            duplicate_rows=total - distinct,
            columns=tuple(_columns(rows, data, columns, own, total)),
            fingerprints=smallest_marks(rows, marks, _FINGERPRINTS // (found[-1] + 1)) if rows.columns else (),
        )


def smallest_marks(rows: Rows, source: str, limit: int) -> tuple[str, ...]:
    """The smallest fingerprints of rows."""
    found = rows.all(f"SELECT DISTINCT h FROM {source} ORDER BY h LIMIT {limit}")
    return tuple(f"{number:016x}" for (number,) in found)


def _limit(columns: int) -> int:
    return max(1, min(MAX_PARTS, _PAIRS // max(1, columns)))


def _columns(
    rows: Rows, data: TableData, columns: Sequence[ColumnProfile], own: str, total: int
) -> Iterator[ColumnProfile]:
    for some in batched(columns, _CHUNK, strict=False):
        names = [*(column.name for column in some), *([data.label] if data.label in rows.types else [])]
        shown = ", ".join(map(identifier, dict.fromkeys(names)))
        part = replace(rows, source=f"(SELECT {shown} FROM {ROWS} WHERE {own})")
        yield from _chunk(part, data, some, total)


def _chunk(rows: Rows, data: TableData, columns: Sequence[ColumnProfile], total: int) -> Iterator[ColumnProfile]:
    """In the bins of the whole batch; values where the whole batch has few."""
    edges = {column.name: column.histogram.edges for column in columns if column.histogram}
    counts, labelled = bin_counts(rows, edges), labelled_bins(rows, data.label, edges)
    few = few_values(rows, [column.name for column in columns if all_values(column)])
    values = rows.one(", ".join(f"count({identifier(column.name)})" for column in columns))
    for column, count in zip(columns, values, strict=True):
        distinct, top = few.get(column.name, (column.distinct, ()))
        found = ColumnProfile(
            name=column.name, type=column.type, kind=column.kind, rows=total, nulls=total - count,
            distinct=distinct, top=top, labelled=labelled.get(column.name, ()),
            histogram=Histogram(edges=edges[column.name], counts=counts[column.name])
            if counts.get(column.name) else None,
        )  # fmt: skip
        if not found.histogram and column.labelled:
            found = found.evolve(labelled=labelled_values(rows, data.label, found))
        yield found
