"""Do the values of a column lie where they used to? Does the label come as often?"""

import math
from collections.abc import Iterator
from typing import Final

from mesh.domain.onboarding.guard.cells import INTEGERS, Cells, cells_of, evidence_of, label_counts
from mesh.domain.onboarding.guard.distance import Distance, dispersion_of, distance
from mesh.domain.onboarding.guard.findings import Case, GuardCheck, percent
from mesh.domain.onboarding.guard.probability_tails import holm
from mesh.domain.onboarding.guard.settings import NEAR, Check
from mesh.domain.onboarding.quality.model import ColumnProfile, Finding

_OBVIOUS: Final = 1.0
"""PSI of a shift that is reported before there is a history: four times what counts as a major one."""
_MANY_ROWS: Final = 1_000
_NAMES: Final = 0.98
"""Share of values that occur once, as estimated, from which on whole numbers name rows."""


def shifted_columns(case: Case) -> Iterator[Finding]:
    """`DistributionShifted`: of each column but the label, with PSI as the size and chi-square, Kolmogorov-Smirnov and
    the share of rare values as the proof, adjusted for the number of columns."""
    check: Check = "DistributionShifted"
    compared = list(_comparable(case))
    alone = [distance(cells.accepted, cells.batch, ordered=cells.ordered) for _, cells in compared]
    allowed = case.settings.chance(check, warning=True)
    smallest = case.settings.threshold(check) * NEAR
    judged = []
    for (_, cells), found in zip(compared, alone, strict=True):
        # Dispersion only ever excuses: what is not a finding without it need not be asked.
        suspect = found.psi >= smallest and found.chance <= allowed
        judged.append(_excused(cells, found) if suspect else found)
    for (column, cells), found, chance in zip(compared, judged, holm([one.chance for one in judged]), strict=True):
        if found.psi >= smallest and chance <= allowed:
            yield _shift(case, column, cells, found, chance)


def obvious_shifts(case: Case) -> Iterator[Finding]:
    """`DistributionShifted` before the history is long enough to know what is usual: a PSI above `_OBVIOUS` with
    thousands of rows on both sides, which chance cannot make. A warning, since such a change may be the column's
    nature; numbers that name rows (ids, serial numbers) are left out, for theirs it is."""
    smallest = max(_OBVIOUS, case.settings.thresholds.get("DistributionShifted", 0.0))
    for column in case.columns:
        cells = cells_of(column, case.history)
        if cells is None or column.nulls == column.rows or _names_rows(column):
            continue
        if min(sum(cells.accepted), sum(cells.batch)) < _MANY_ROWS:
            continue
        found = _excused(cells, distance(cells.accepted, cells.batch, ordered=cells.ordered))
        if found.psi > smallest:
            yield _shift(case, column, cells, found, found.chance, near=True)


def _names_rows(column: ColumnProfile) -> bool:
    return column.type in INTEGERS and column.distinct > _NAMES * (column.rows - column.nulls)


def shifted_labels(case: Case) -> Iterator[Finding]:
    """`LabelRateShifted`: half the sum of the differences of shares, and chi-square over the labels."""
    check: Check = "LabelRateShifted"
    cells = label_counts(case.label, case.history) if case.label else None
    if case.label is None or cells is None:
        return
    apart = _variation(cells)
    chance = distance(cells.accepted, cells.batch, ordered=False, dispersion=dispersion_of(cells)).chance
    usual = max((_variation(cells._replace(batch=one)) for one in cells.past), default=0.0)
    threshold = case.settings.threshold(check)
    past = apart >= threshold and chance <= case.settings.chance(check)
    near = apart >= threshold * NEAR and chance <= case.settings.chance(check, warning=True)
    if apart <= usual or not (past or near):
        return
    yield case.finding(
        check,
        f"The labels in {case.label.name} come in other shares than before: {percent(apart)} of the rows would need "
        f"another label to restore them. Accepted batches differ by {percent(usual)} at most.",
        near=not past, column=case.label.name, observed=apart, threshold=threshold, evidence=evidence_of(cells),
    )  # fmt: skip


def _comparable(case: Case) -> Iterator[tuple[ColumnProfile, Cells]]:
    for column in case.columns:
        cells = cells_of(column, case.history) if column is not case.label else None
        # A column that is empty now has a finding of its own.
        if cells is not None and column.nulls < column.rows and len(cells.past) >= case.settings.min_batches:
            yield column, cells


def _excused(cells: Cells, alone: Distance) -> Distance:
    """The same distance where accepted batches differ among each other as well; none if one of them was as far off."""
    dispersion = dispersion_of(cells)
    if alone.psi <= dispersion.largest:
        return alone._replace(psi=0.0, chance=1.0)
    return distance(cells.accepted, cells.batch, ordered=cells.ordered, dispersion=dispersion)


def _shift(
    case: Case, column: ColumnProfile, cells: Cells, found: Distance, chance: float, *, near: bool = False
) -> Finding:
    check: Check = "DistributionShifted"
    threshold = case.settings.threshold(check)
    past = found.psi >= threshold and chance <= case.settings.chance(check)
    return case.finding(
        check,
        f"The values of {column.name} lie elsewhere than in the {len(cells.past)} accepted objects: PSI "
        f"{found.psi:.2f} (0 means no change, {threshold:g} or more is too much). {_in_words(chance)}",
        near=near or not past, column=column.name, observed=found.psi, threshold=threshold, evidence=evidence_of(cells),
    )  # fmt: skip


def _in_words(chance: float) -> str:
    if chance < 1e-6:
        return "By chance alone this practically never happens."
    return f"By chance alone this happens in one of {round(1 / chance):,} batches."


def _variation(cells: Cells) -> float:
    """Total variation distance: the share of rows that would have to change."""
    left, right = cells.accepted, cells.batch
    if not sum(left) or not sum(right):
        return 0.0
    return math.fsum(abs(a / sum(left) - b / sum(right)) for a, b in zip(left, right, strict=True)) / 2


CHECKS: Final = (
    GuardCheck("DistributionShifted", "rows", shifted_columns),
    GuardCheck("DistributionShifted", "too few", obvious_shifts),
    GuardCheck("LabelRateShifted", "rows", shifted_labels),
)
