"""Numbers counted in bins. To compare every value with every edge beats searching its bin: it is done in vectors."""

import math
from collections.abc import Mapping, Sequence

from mesh.adapters.measuring.rows import Rows
from mesh.domain.guard.history import reference_edges
from mesh.domain.quality.model import MAX_CATEGORIES, ValueCount
from mesh.domain.quality.sql_text import identifier


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
    """Column → values in each of its bins; what lies outside counts into the outermost. One query."""
    wanted = [
        (name, f"count_if({'' if edge is None else f'{value} >= {edge!r} AND '}isfinite({value}))")
        for name, found in edges.items()
        if found
        for value in [f"CAST({identifier(name)} AS DOUBLE)"]
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
