"""One column as counts in cells, of the batch and of each accepted batch: bins of a number, values of a category.

The last cell counts missing values. A column of neither kind has only two cells: there, and missing.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from mesh.domain.onboarding.guard.history import History, PastColumn, all_values, rebinned
from mesh.domain.onboarding.quality.model import ColumnProfile, Evidence

MISSING: Final = "(missing)"
THERE: Final = "(there)"
OTHERS: Final = "(others)"
INTEGERS: Final = ("tinyint", "smallint", "int", "bigint")
MAX_SHOWN: Final = 20
"""Cells that evidence shows; of more values than that the most frequent."""


class Cells(NamedTuple):
    """`past[i]` are the counts of the i-th accepted batch, `batch` those of the new one. `ordered`: the cells are bins
    in the order of their values (all but the last)."""

    labels: tuple[str, ...]
    past: tuple[tuple[int, ...], ...]
    batch: tuple[int, ...]
    ordered: bool

    @property
    def accepted(self) -> tuple[int, ...]:
        """All accepted batches together."""
        return tuple(map(sum, zip(*self.past, strict=True)))


def cells_of(column: ColumnProfile, history: History) -> Cells | None:
    """How the column and its past compare; `None` without a past."""
    past = history.column(column.name)
    if not past or not column.rows:
        return None
    return _bins(column, past, history) or _values(column, past) or _presence(column, past)


def evidence_of(cells: Cells) -> Evidence | None:
    """Both distributions as shares, neighbouring or rare cells together so that a chart can show them."""
    accepted, batch = cells.accepted, cells.batch
    if not sum(accepted) or not sum(batch):
        return None
    shown = [place for place in range(len(batch)) if accepted[place] or batch[place]]
    if not cells.ordered and len(shown) > MAX_SHOWN:
        shown = sorted(shown, key=lambda place: -(accepted[place] + batch[place]))[: MAX_SHOWN - 1]
    labels = [cells.labels[place] for place in shown]
    both = [[counts[place] for place in shown] for counts in (accepted, batch)]
    if any(sum(found) < sum(counts) for found, counts in zip(both, (accepted, batch), strict=True)):
        labels.append(OTHERS)
        both = [[*found, sum(counts) - sum(found)] for found, counts in zip(both, (accepted, batch), strict=True)]
    left, right = (tuple(round(count / sum(counts), 6) for count in counts) for counts in both)
    return Evidence(labels=tuple(labels), accepted=left, batch=right)


def label_counts(column: ColumnProfile, history: History) -> Cells | None:
    """Values alone, whatever the column's kind: of a label; `None` where they are not all known."""
    return _values(column, history.column(column.name))


def bin_labels(edges: Sequence[float], *, whole: bool = False) -> tuple[str, ...]:
    """What a person reads below a bin; `whole`: of whole numbers, where a bin may hold just one of them."""
    inner = [_bin_label(low, high, whole=whole) for low, high in pairwise(edges[1:-1])]
    return (f"below {edges[1]:.6g}", *inner, f"above {edges[-2]:.6g}")


def _bin_label(low: float, high: float, *, whole: bool) -> str:
    if whole:
        # The last bin's upper edge is just above the value that it contains.
        low, high = math.ceil(low), max(math.ceil(low), math.ceil(high) - 1)
    texts = f"{low:.6g}", f"{high:.6g}"
    return texts[0] if texts[0] == texts[1] else " to ".join(texts)


def _bins(column: ColumnProfile, past: Sequence[PastColumn], history: History) -> Cells | None:
    edges = history.edges.get(column.name, ())
    counts = rebinned(column, edges) if column.kind == "number" and edges else ()
    known = [item for item in past if item.counts]
    if not counts or not known:
        return None
    return Cells(
        (*bin_labels(edges, whole=column.type in INTEGERS), MISSING),
        tuple((*item.counts, item.nulls) for item in known),
        (*counts, column.nulls),
        ordered=True,
    )


def _values(column: ColumnProfile, past: Sequence[PastColumn]) -> Cells | None:
    known = [item for item in past if item.values]
    if not known or not all_values(column) or any(not item.values and item.nulls < item.rows for item in past):
        return None
    now = {item.value: item.count for item in column.top}
    names = sorted({*now, *(name for item in known for name in item.values)})
    return Cells(
        (*names, MISSING),
        tuple((*_in_order(item.values, names), item.nulls) for item in known),
        (*_in_order(now, names), column.nulls),
        ordered=False,
    )


def _in_order(values: Mapping[str, int], names: Sequence[str]) -> list[int]:
    return [values.get(name, 0) for name in names]


def _presence(column: ColumnProfile, past: Sequence[PastColumn]) -> Cells:
    return Cells(
        (THERE, MISSING),
        tuple((item.rows - item.nulls, item.nulls) for item in past),
        (column.rows - column.nulls, column.nulls),
        ordered=False,
    )
