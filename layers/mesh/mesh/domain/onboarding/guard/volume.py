"""How many rows there are, and how many lie far out."""

import math
import statistics
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from mesh.domain.onboarding.guard.cells import Cells, cells_of, evidence_of
from mesh.domain.onboarding.guard.findings import Case, GuardCheck, percent
from mesh.domain.onboarding.guard.probability_tails import beta_binomial_tail, holm
from mesh.domain.onboarding.guard.settings import NEAR, Check
from mesh.domain.onboarding.quality.model import ColumnProfile, Evidence, Finding

_MAD_TO_DEVIATION: Final = 1.4826
_ROBUST_LIMIT: Final = 4.0
_MIN_OUTLIERS: Final = 3


def unusual_volume(case: Case) -> Iterator[Finding]:
    """`VolumeUnusual`: rows against the median of the accepted batches, as a factor; what arrived together counts as
    one batch here. Where batches differ by nature, four robust deviations of the logarithm of their rows are allowed.
    Few rows harm little: a warning. So are many rows in as many more objects: how many uploads one batch takes depends
    on how fast they come."""
    check: Check = "VolumeUnusual"
    volumes, uploads = case.history.volumes, case.history.uploads
    if len(volumes) < case.settings.min_batches:
        return
    rows = _Apart.of(case.profile.rows, volumes.values())
    past = [volumes[known] / count for known, count in uploads.items() if count and known in volumes]
    by_object = _Apart.of(case.profile.rows / max(1, case.profile.objects), past) if past else rows
    limit = math.log(case.settings.threshold(check))
    if abs(rows.distance) <= max(limit / 2, rows.natural):
        return
    allowed = max(limit, rows.natural)
    in_uploads = len(past) >= case.settings.min_batches and by_object.distance <= max(limit, by_object.natural)
    more = "more" if rows.distance > 0 else "fewer"
    yield case.finding(
        check,
        f"The batch has {case.profile.rows:,} rows, {math.exp(abs(rows.distance)):.1f} times {more} than accepted "
        f"batches usually have ({round(math.exp(rows.middle)):,}).",
        near=rows.distance <= allowed or in_uploads, observed=math.exp(abs(rows.distance)),
        threshold=math.exp(allowed), dimension="completeness",
    )  # fmt: skip


class _Apart(NamedTuple):
    """How far a number is from those before, as logarithms: from their median, and how far is natural for them."""

    middle: float
    distance: float
    natural: float

    @classmethod
    def of(cls, number: float, before: Collection[float]) -> "_Apart":
        logs = [math.log(max(1, each)) for each in before]
        middle = statistics.median(logs)
        deviation = _MAD_TO_DEVIATION * statistics.median(abs(value - middle) for value in logs)
        return cls(middle, math.log(max(1, number)) - middle, _ROBUST_LIMIT * deviation)


def unusual_outliers(case: Case) -> Iterator[Finding]:
    """`OutliersUnusual`: the share of values beyond the outer fences of the reference bins, in each number column,
    against the share that accepted batches have there."""
    check: Check = "OutliersUnusual"
    found = [(column, *counts) for column in case.columns if (counts := _beyond(case, column))]
    chances = holm([beta_binomial_tail(*counts) for _, *counts in found])
    threshold = case.settings.threshold(check)
    for (column, outside, rows, before, seen), chance in zip(found, chances, strict=True):
        share = outside / rows
        past = share >= threshold and chance <= case.settings.chance(check)
        near = share >= threshold * NEAR and chance <= case.settings.chance(check, warning=True)
        cells = cells_of(column, case.history)
        if outside < _MIN_OUTLIERS or not (past or near) or cells is None:
            continue
        yield case.finding(
            check,
            f"{outside} values of {column.name} ({percent(share)}) lie far outside of what the table holds; of the "
            f"accepted rows {percent(before / seen)} do.",
            near=not past, column=column.name, observed=share, threshold=threshold, evidence=_fences(cells),
        )  # fmt: skip


def _fences(cells: Cells) -> Evidence | None:
    """Below, between and above the fences, and what is missing."""
    labels = (cells.labels[0], "between", cells.labels[-2], cells.labels[-1])
    past, batch = ((counts[0], sum(counts[1:-2]), counts[-2], counts[-1]) for counts in (cells.accepted, cells.batch))
    return evidence_of(Cells(labels, (past,), batch, ordered=True))


def _beyond(case: Case, column: ColumnProfile) -> tuple[int, int, int, int] | None:
    """Values beyond, values, the same of the accepted batches; `None` where one of them beats the batch."""
    cells = cells_of(column, case.history)
    if cells is None or not cells.ordered or len(cells.past) < case.settings.min_batches:
        return None
    outside, rows = _outer(cells.batch)
    usual = max((_outer(one)[0] / max(1, _outer(one)[1]) for one in cells.past), default=0.0)
    if not rows or outside / rows <= usual:
        return None
    return outside, rows, *_outer(cells.accepted)


def _outer(counts: tuple[int, ...]) -> tuple[int, int]:
    """The first and the last bin lie beyond the fences; the cell after them counts missing values."""
    return counts[0] + counts[-2], sum(counts[:-1])


CHECKS: Final = (
    GuardCheck("VolumeUnusual", "history", unusual_volume),
    GuardCheck("OutliersUnusual", "rows", unusual_outliers),
)
