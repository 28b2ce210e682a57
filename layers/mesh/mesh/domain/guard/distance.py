"""How far two counts over the same cells are apart, and how probable that is by chance.

Cells are merged until chance alone is understood: chi-square wants at least five expected values in each (Cochran's
rule), PSI is undefined for empty ones.
"""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from mesh.domain.guard.cells import Cells
from mesh.domain.guard.tails import beta_binomial_tail, chi_square_tail, kolmogorov_tail

_EXPECTED: Final = 5.0
_SMOOTHING: Final = 0.5
"""Added to each count for PSI (Jeffreys' prior), so that an empty cell gives a large number and not infinity."""

type Counts = Sequence[int]


class Distance(NamedTuple):
    """`psi` is corrected for sample sizes; `chance` holds for one column, `heterogeneity` (chi-square by its degrees of
    freedom, 1 on average where only chance is at work) needs no such test."""

    psi: float
    chance: float
    heterogeneity: float


def distance(accepted: Counts, batch: Counts, *, ordered: bool, dispersion: float = 1.0) -> Distance:
    """`dispersion` >= 1: how much more accepted batches differ among each other than chance explains."""
    merged = _merged(accepted, batch, ordered=ordered)
    statistic, degrees = _chi_square(merged.accepted, merged.batch)
    chances = [chi_square_tail(statistic / dispersion, degrees)] if degrees else []
    if merged.rare_batch or merged.rare_accepted:
        chances.append(_rare_chance(merged, sum(accepted), sum(batch), dispersion))
    if ordered:
        chances.append(_kolmogorov(accepted[:-1], batch[:-1], dispersion))
    return Distance(
        psi=_psi((*merged.accepted, merged.rare_accepted), (*merged.batch, merged.rare_batch)),
        chance=min(1.0, len(chances) * min(chances, default=1.0)),
        heterogeneity=statistic / degrees if degrees else 1.0,
    )


def dispersion_of(cells: Cells) -> tuple[float, float]:
    """Of accepted batches, each against all others: the mean heterogeneity, at least 1, and the largest PSI."""
    total = cells.accepted
    found = [
        distance([whole - part for whole, part in zip(total, one, strict=True)], one, ordered=cells.ordered)
        for one in cells.past
        if sum(one) and sum(one) < sum(total)
    ]
    if not found:
        return 1.0, 0.0
    return max(1.0, sum(item.heterogeneity for item in found) / len(found)), max(item.psi for item in found)


class _Merged(NamedTuple):
    accepted: list[int]
    batch: list[int]
    rare_accepted: int
    rare_batch: int


def _merged(accepted: Counts, batch: Counts, *, ordered: bool) -> _Merged:
    """Bins join their neighbours; values too rare to be tested one by one, and missing ones, are told as rare."""
    share = sum(batch) / max(1, sum(batch) + sum(accepted))
    expected = [(left + right) * share for left, right in zip(accepted, batch, strict=True)]
    if not ordered:
        return _without_rare(accepted, batch, [value >= _EXPECTED for value in expected])
    groups = _neighbours(expected[:-1])
    left = [sum(accepted[start:stop]) for start, stop in groups]
    right = [sum(batch[start:stop]) for start, stop in groups]
    keep = [True] * len(groups) + [expected[-1] >= _EXPECTED]
    return _without_rare([*left, accepted[-1]], [*right, batch[-1]], keep)


def _neighbours(expected: Sequence[float]) -> list[tuple[int, int]]:
    groups: list[tuple[int, int]] = []
    start, total = 0, 0.0
    for place, value in enumerate(expected, start=1):
        total += value
        if total >= _EXPECTED:
            groups.append((start, place))
            start, total = place, 0.0
    if start < len(expected):
        first = groups.pop()[0] if groups else 0
        groups.append((first, len(expected)))
    return groups


def _without_rare(accepted: Counts, batch: Counts, keep: Sequence[bool]) -> _Merged:
    left = [count for count, kept in zip(accepted, keep, strict=True) if kept]
    right = [count for count, kept in zip(batch, keep, strict=True) if kept]
    return _Merged(left, right, sum(accepted) - sum(left), sum(batch) - sum(right))


def _chi_square(accepted: Counts, batch: Counts) -> tuple[float, int]:
    """Two-sample chi-square and its degrees of freedom (Press et al., Numerical Recipes, 14.3.3)."""
    left, right = sum(accepted), sum(batch)
    if not left or not right:
        return 0.0, 0
    root = math.sqrt(right / left)
    pairs = [(one, two) for one, two in zip(accepted, batch, strict=True) if one + two]
    return sum((one * root - two / root) ** 2 / (one + two) for one, two in pairs), len(pairs) - 1


def _rare_chance(merged: _Merged, accepted: int, batch: int, dispersion: float) -> float:
    """Many rare values are unusual, few are not. Overdispersion makes each count for less."""
    return beta_binomial_tail(
        round(merged.rare_batch / dispersion), round(batch / dispersion),
        round(merged.rare_accepted / dispersion), round(accepted / dispersion),
    )  # fmt: skip


def _kolmogorov(accepted: Counts, batch: Counts, dispersion: float) -> float:
    left, right = sum(accepted), sum(batch)
    if not left or not right:
        return 1.0
    steps = zip(accumulate(accepted), accumulate(batch), strict=True)
    apart = max((abs(one / left - two / right) for one, two in steps), default=0.0)
    return kolmogorov_tail(apart / math.sqrt(dispersion), left, right)


def _psi(accepted: Counts, batch: Counts) -> float:
    """Population stability index, less what it is on average where nothing changed: (cells - 1)(1/n + 1/m).

    Source of the correction: Yurdakul, Statistical Properties of the Population Stability Index, 2018.
    """
    pairs = [(one, two) for one, two in zip(accepted, batch, strict=True) if one + two]
    left, right = sum(accepted), sum(batch)
    if not left or not right:
        return 0.0
    extra = _SMOOTHING * len(pairs)
    shares = [((one + _SMOOTHING) / (left + extra), (two + _SMOOTHING) / (right + extra)) for one, two in pairs]
    raw = sum((two - one) * math.log(two / one) for one, two in shares)
    return max(0.0, raw - (len(pairs) - 1) * (1 / left + 1 / right))
