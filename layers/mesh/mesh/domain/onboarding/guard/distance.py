"""How far two counts over the same cells are apart, and how probable that is by chance.

Cells are merged until chance alone is understood: chi-square wants at least five expected values in each (Cochran's
rule), PSI is undefined for empty ones.
"""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from mesh.domain.onboarding.guard.cells import Cells
from mesh.domain.onboarding.guard.probability_tails import (
    beta_binomial_tail,
    chi_square_tail,
    fisher_tail,
    kolmogorov_tail,
)

_EXPECTED: Final = 5.0
_BY_NATURE: Final = 0.01
"""Accepted batches differ by nature where chance makes them differ so much less often than this."""
_SMOOTHING: Final = 0.5
"""Added to each count for PSI (Jeffreys' prior), so that an empty cell gives a large number and not infinity."""

type Counts = Sequence[int]


class Distance(NamedTuple):
    """`psi` is corrected for sample sizes; `chance` holds for one column. `heterogeneity` is chi-square by its
    `degrees` of freedom: 1 on average where only chance is at work."""

    psi: float
    chance: float
    heterogeneity: float
    degrees: int


class Dispersion(NamedTuple):
    """How accepted batches differ among each other: `factor` times as much as by chance (at least 1), by a PSI of
    `largest` at most. `degrees` of freedom stand behind the factor; 0 where it may itself be chance."""

    factor: float = 1.0
    largest: float = 0.0
    degrees: int = 0


def distance(accepted: Counts, batch: Counts, *, ordered: bool, dispersion: Dispersion | None = None) -> Distance:
    """`dispersion`: what is usual among the accepted batches, and so excuses the new one."""
    usual = dispersion or Dispersion()
    merged = _merged(accepted, batch, ordered=ordered)
    statistic, degrees = _chi_square(merged.accepted, merged.batch)
    chances = [_excused_tail(statistic, degrees, usual)] if degrees else []
    if merged.rare_batch or merged.rare_accepted:
        chances.append(_rare_chance(merged, sum(accepted), sum(batch), usual.factor))
    # Where batches differ by nature, how much the largest gap varies is not known.
    if ordered and not usual.degrees:
        chances.append(_kolmogorov(accepted[:-1], batch[:-1], usual.factor))
    return Distance(
        psi=_psi((*merged.accepted, merged.rare_accepted), (*merged.batch, merged.rare_batch)),
        chance=min([1.0, *(len(chances) * chance for chance in chances)]),
        heterogeneity=statistic / degrees if degrees else 1.0,
        degrees=degrees,
    )


def dispersion_of(cells: Cells) -> Dispersion:
    """Of accepted batches, each against all others."""
    total = cells.accepted
    found = [
        distance([whole - part for whole, part in zip(total, one, strict=True)], one, ordered=cells.ordered)
        for one in cells.past
        if sum(one) and sum(one) < sum(total)
    ]
    if not found:
        return Dispersion()
    statistic = sum(item.heterogeneity * item.degrees for item in found)
    degrees = sum(item.degrees for item in found)
    return Dispersion(
        factor=max(1.0, statistic / degrees) if degrees else 1.0,
        largest=max(item.psi for item in found),
        degrees=len(found) - 1 if degrees and chi_square_tail(statistic, degrees) <= _BY_NATURE else 0,
    )


def _excused_tail(statistic: float, degrees: int, usual: Dispersion) -> float:
    """Chi-square's tail; where batches differ by nature Fisher's F, since their dispersion is but estimated."""
    if usual.degrees:
        return fisher_tail(statistic / degrees / usual.factor, degrees, usual.degrees)
    return chi_square_tail(statistic / usual.factor, degrees)


class _Merged(NamedTuple):
    accepted: list[int]
    batch: list[int]
    rare_accepted: int
    rare_batch: int


def _merged(accepted: Counts, batch: Counts, *, ordered: bool) -> _Merged:
    """Bins join their neighbours; values too rare to be tested one by one, and missing ones, are combined as rare."""
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
    return sum((one * root - two / root) ** 2 / (one + two) for one, two in pairs), max(0, len(pairs) - 1)


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
