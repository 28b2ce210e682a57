"""Counts of single values: of columns that have few, and of all columns by the values of a label."""

from collections.abc import Sequence
from typing import Final

from mesh.adapters.duckdb.measuring.binning import bin_counts
from mesh.adapters.duckdb.measuring.rows import Rows
from mesh.domain.onboarding.quality.model import MAX_CATEGORIES, ColumnProfile, LabelledCounts, ValueCount
from mesh.domain.onboarding.quality.sql_text import identifier, text_literal

MAX_TEXT: Final = 200
_MAX_LABELS: Final = 20
Values = tuple[int, tuple[ValueCount, ...]]
"""How many distinct values there are, and the most frequent."""


def few_values(rows: Rows, names: Sequence[str]) -> dict[str, Values]:
    """Columns of few values: all of them counted, in one query."""
    if not names:
        return {}
    counted = rows.one(", ".join(f"CAST(histogram({identifier(name)}) AS MAP(VARCHAR, UBIGINT))" for name in names))
    found = {}
    for name, counts in zip(names, counted, strict=True):
        most = sorted((counts or {}).items(), key=lambda pair: -pair[1])[:MAX_CATEGORIES]
        found[name] = len(counts or {}), tuple(ValueCount(value=cut(value) or "", count=n) for value, n in most)
    return found


def _labels(rows: Rows, label: str) -> bool:
    return label in rows.types and rows.one(f"count(DISTINCT {identifier(label)})")[0] <= _MAX_LABELS


def labelled_bins(rows: Rows, label: str, edges: dict[str, tuple[float, ...]]) -> dict[str, tuple[LabelledCounts, ...]]:
    """For each number, and each value of the label: its bins."""
    if not _labels(rows, label):
        return {}
    found: dict[str, list[LabelledCounts]] = {}
    said = f"CAST({identifier(label)} AS VARCHAR)"
    for (value,) in rows.all(f"SELECT DISTINCT {said} FROM {rows.source} WHERE {said} IS NOT NULL ORDER BY 1"):
        where = f"{said} = {text_literal(value)}"
        for name, counts in bin_counts(rows, edges, where).items():
            found.setdefault(name, []).append(LabelledCounts(label=value, counts=counts))
    return {name: tuple(counts) for name, counts in found.items()}


def labelled_values(rows: Rows, label: str, column: ColumnProfile) -> tuple[LabelledCounts, ...]:
    """For each value of the label: the counts of the column's `top`."""
    if not column.top or not _labels(rows, label):
        return ()
    name, by = f"CAST({identifier(column.name)} AS VARCHAR)", f"CAST({identifier(label)} AS VARCHAR)"
    places = {value.value: index for index, value in enumerate(column.top)}
    found: dict[str, list[int]] = {}
    listed = ", ".join(map(text_literal, places))
    for value, said, count in rows.all(
        f"SELECT {name}[:{MAX_TEXT}], {by}, count(*) FROM {rows.source} "
        f"WHERE {by} IS NOT NULL AND {name}[:{MAX_TEXT}] IN ({listed}) GROUP BY 1, 2 ORDER BY 2"
    ):
        found.setdefault(said, [0] * len(places))[places[value]] = count
    return tuple(LabelledCounts(label=said, counts=tuple(counts)) for said, counts in found.items())


def cut(text: str | None) -> str | None:
    return text[:MAX_TEXT] if text is not None else None
