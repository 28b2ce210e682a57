"""Numbers counted in bins. Of many rows, to compare every value with every edge beats searching its bin: it is done in
vectors. Of few rows the engine takes longer to plan that than to read them: their bins are searched here."""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Final

from mesh.adapters.duckdb.measuring.rows import Rows
from mesh.domain.onboarding.guard.history import reference_edges
from mesh.domain.onboarding.quality.model import MAX_CATEGORIES, ValueCount
from mesh.domain.onboarding.quality.sql_text import identifier

FEW_ROWS: Final = 2_000


def edges_of(
    given: Sequence[float] | None, quantiles: Sequence[float] | None, distinct: int, top: Sequence[ValueCount]
) -> tuple[float, ...]:
    """Those of the accepted history, else the ones that a history would begin with; () for a column without a number.

    `quantiles` are values of the column, from the least to the greatest; `top` are its most frequent values.
    """
    if given and len(given) >= 2:
        return tuple(sorted(given))
    values = finite_values(distinct, top)
    return reference_edges(list(values), quantiles or (), listed=bool(values))


def finite_values(distinct: int, top: Sequence[ValueCount]) -> dict[float, int]:
    """How often each number comes, of a column whose values are all known; nothing for others."""
    if not 0 < distinct <= MAX_CATEGORIES or len(top) != distinct:
        return {}
    return {value: item.count for item in top if math.isfinite(value := float(item.value))}


def bin_counts(rows: Rows, edges: Mapping[str, tuple[float, ...]], where: str = "true") -> dict[str, tuple[int, ...]]:
    """Column → values in each of its bins; what lies outside counts into the outermost. One query, and one for how many
    rows there are."""
    edges = {name: found for name, found in edges.items() if found}
    if edges and rows.all(f"SELECT count(*) FROM {rows.source} WHERE {where}")[0][0] <= FEW_ROWS:
        return _searched(rows, edges, where)
    finite = rows.finite(list(edges))
    wanted = [
        (name, _count(f"CAST({identifier(name)} AS DOUBLE)", edge, finite.get(name)))
        for name, found in edges.items()
        for edge in (None, *found[1:-1])
    ]
    if not wanted:
        return {}
    values = rows.all(f"SELECT {', '.join(sql for _, sql in wanted)} FROM {rows.source} WHERE {where}")[0]
    above: dict[str, list[int]] = {}
    for (name, _), value in zip(wanted, values, strict=True):
        above.setdefault(name, []).append(int(value or 0))
    return {
        name: tuple(here - beyond for here, beyond in zip(counts, [*counts[1:], 0], strict=True))
        for name, counts in above.items()
    }


def _count(value: str, edge: float | None, finite: str | None) -> str:
    """Values from the edge on: a comparison each, without more where all are finite."""
    conditions = [*([] if edge is None else [f"{value} >= {edge!r}"]), *([finite] if finite else [])]
    return f"count_if({' AND '.join(conditions)})" if conditions else f"count({value})"


def _searched(rows: Rows, edges: Mapping[str, tuple[float, ...]], where: str) -> dict[str, tuple[int, ...]]:
    numbers = ", ".join(f"CAST({identifier(name)} AS DOUBLE)" for name in edges)
    found = rows.all(f"SELECT {numbers} FROM {rows.source} WHERE {where}")
    counts = {}
    for place, (name, ends) in enumerate(edges.items()):
        inner, bins = ends[1:-1], [0] * (len(ends) - 1)
        for value in (row[place] for row in found):
            if value is not None and math.isfinite(value):
                bins[bisect_right(inner, value)] += 1
        counts[name] = tuple(bins)
    return counts
