"""Do labels still follow from the data as they did? Labels that are flipped at random hardly change their rate.

Each cell of each column votes for a label with its log odds among the accepted rows. Summed over a row that is naive
Bayes' score; summed over a batch it needs no rows, only the counts of cells by label (`ColumnProfile.labelled`). Rows
of a label score higher for it than other rows do, by `D` on average. Where a share q of the labels is flipped, D
shrinks (the covariance of label and score by exactly 1 - 2q) and the rate of two labels moves towards one half.

The null distribution is that of the accepted batches themselves: each is scored by the log odds of all others, as the
new one is by those of all of them. Their variance is scaled by the label counts, and moderated by the variance that
follows from the cells (Smyth, Statistical Applications in Genetics and Molecular Biology 3, 2004).
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from mesh.domain.onboarding.guard.findings import Case, GuardCheck, percent
from mesh.domain.onboarding.guard.probability_tails import student_tail
from mesh.domain.onboarding.guard.settings import NEAR, Check
from mesh.domain.onboarding.guard.tables import LabelTable, summed, tables_of, without
from mesh.domain.onboarding.quality.model import Evidence, Finding

_MAX_PRIOR_DEGREES: Final = 10
"""The variance that follows from the cells weighs at most as much as that of the batches themselves."""
_TYPICAL_FLIP: Final = 0.3
"""The share of flipped labels that the test is built to see: how far D and the rate then move sets their weights."""
_LEAST_CONTRADICTION: Final = 1.0
"""A moved rate alone is `LabelRateShifted`: D itself has to be this many standard errors too small."""
_MIN_LABEL_ROWS: Final = 5


class _Null(NamedTuple):
    """D of accepted batches: mean, variance for one unit of `_spread`, degrees of freedom, how many."""

    mean: float
    variance: float
    degrees: float
    batches: int


class _Weights(NamedTuple):
    """`odds`: column → label → log odds of each cell for that label; `pooled`: what they were made of."""

    odds: Mapping[str, Mapping[str, tuple[float, ...]]]
    pooled: LabelTable


def contradicting_labels(case: Case) -> Iterator[Finding]:
    """`LabelsContradictData`: labels follow from the other columns less than in the accepted batches."""
    check: Check = "LabelsContradictData"
    tables = tables_of(case)
    if case.label is None or tables is None:
        return
    past, batch = tables
    past = [table for table in past if _enough(table)]
    if len(past) < max(3, case.settings.min_batches - 1) or not _enough(batch):
        return
    weights = _weights(summed(past))
    null = _null(past, weights)
    score, chance = _judged(batch, past, null, weights)
    flipped = _flipped_share(score / null.mean if null.mean > 0 else 1.0, batch, weights.pooled)
    threshold = case.settings.threshold(check)
    past_it = flipped >= threshold and chance <= case.settings.chance(check)
    if not past_it and (flipped < threshold * NEAR or chance > case.settings.chance(check, warning=True)):
        return
    yield case.finding(
        check,
        f"The labels in {case.label.name} do not follow from the other columns as they did in {null.batches} accepted "
        f"batches: it looks as if about {percent(flipped)} of them were flipped.",
        near=not past_it, column=case.label.name, observed=flipped, threshold=threshold,
        evidence=_evidence(batch, weights),
    )  # fmt: skip


def _judged(batch: LabelTable, past: Sequence[LabelTable], null: _Null, weights: _Weights) -> tuple[float, float]:
    """D of the batch, and how probable one so small is, with two labels weighed together with a rate nearer to half."""
    score = _difference(batch, weights)
    error = math.sqrt(null.variance * (_spread(batch) + sum(map(_spread, past)) / len(past) ** 2))
    if error <= 0 or null.mean <= 0:
        return score, 1.0
    contradiction = (null.mean - score) / error
    if contradiction < _LEAST_CONTRADICTION:
        return score, 1.0
    rate, expected_rate, shrinks = _towards_half(batch, past)
    expected = shrinks * null.mean / error
    statistic = (expected * contradiction + expected_rate * rate) / math.hypot(expected, expected_rate)
    return score, student_tail(max(statistic, 0.0), null.degrees)


def _towards_half(batch: LabelTable, past: Sequence[LabelTable]) -> tuple[float, float, float]:
    """Of two labels, in standard errors: how far the rate moved towards one half, and how far typical flips would move
    it; then by which part they would shrink D."""
    total = summed(past)
    if len(total.sizes) != 2:
        return 0.0, 0.0, 2 * _TYPICAL_FLIP
    label = max(total.sizes, key=total.sizes.__getitem__)
    rows, now = sum(total.sizes.values()), sum(batch.sizes.values())
    rate = total.sizes[label] / rows
    error = math.sqrt(rate * (1 - rate) * (1 / rows + 1 / now) * _rate_dispersion(past, label, rate))
    flipped = rate + _TYPICAL_FLIP * (1 - 2 * rate)
    still = 1 - _TYPICAL_FLIP
    left = rate * still / flipped + (1 - rate) * still / (1 - flipped) - 1
    return (rate - batch.sizes[label] / now) / error, (rate - flipped) / error, 1 - left


def _rate_dispersion(past: Sequence[LabelTable], label: str, rate: float) -> float:
    """How much more the rate varies among accepted batches than by chance, at least 1."""
    squares = [
        (table.sizes[label] - rate * rows) ** 2 / (rows * rate * (1 - rate))
        for table in past
        if (rows := sum(table.sizes.values()))
    ]
    return max(1.0, sum(squares) / (len(squares) - 1))


def _null(past: Sequence[LabelTable], weights: _Weights) -> _Null:
    """Each accepted batch scored by all others."""
    scores = [_difference(table, _weights(without(weights.pooled, table))) for table in past]
    mean = sum(scores) / len(scores)
    squares = sum((score - mean) ** 2 / _spread(table) for score, table in zip(scores, past, strict=True))
    prior = min(_MAX_PRIOR_DEGREES, len(past) - 1)
    degrees = len(past) - 1 + prior
    variance = (squares + prior * _cell_variance(weights)) / degrees
    return _Null(mean, variance, degrees, len(past))


def _weights(pooled: LabelTable) -> _Weights:
    return _Weights({name: _log_odds(by_label) for name, by_label in pooled.counts.items()}, pooled)


def _log_odds(by_label: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[float, ...]]:
    """log P(cell | label) - log P(cell | another label). Each probability is drawn towards the cell's overall share by
    as much as two rows for each cell: rare cells should not shout."""
    overall = [sum(column) for column in zip(*by_label.values(), strict=True)]
    total = sum(overall)
    prior = 2.0 * sum(1 for count in overall if count)
    result = {}
    for label, counts in by_label.items():
        own, rest = sum(counts), total - sum(counts)
        result[label] = tuple(
            math.log((count + prior * share) / (own + prior))
            - math.log((both - count + prior * share) / (rest + prior))
            if both
            else 0.0
            for count, both in zip(counts, overall, strict=True)
            for share in (both / total,)
        )
    return result


def _difference(table: LabelTable, weights: _Weights) -> float:
    """D: how much higher rows of a label score for it than other rows, averaged over the labels by their rate."""
    rows = sum(weights.pooled.sizes.values())
    found = 0.0
    for label, size in table.sizes.items():
        own = rest = 0.0
        for name, by_label in table.counts.items():
            odds = weights.odds[name][label]
            for other, counts in by_label.items():
                total = sum(count * vote for count, vote in zip(counts, odds, strict=True))
                own, rest = (own + total, rest) if other == label else (own, rest + total)
        others = sum(table.sizes.values()) - size
        found += weights.pooled.sizes[label] / rows * (own / max(size, 1) - rest / max(others, 1))
    return found


def _spread(table: LabelTable) -> float:
    """What D's variance is proportional to: 1/rows of a label + 1/other rows."""
    rows = sum(table.sizes.values())
    return sum(size / rows * (1 / size + 1 / (rows - size)) for size in table.sizes.values() if 0 < size < rows)


def _cell_variance(weights: _Weights) -> float:
    """Of one row's score, within its label, if columns were independent of each other."""
    pooled = weights.pooled
    rows = sum(pooled.sizes.values())
    found = 0.0
    for label, size in pooled.sizes.items():
        for name, by_label in pooled.counts.items():
            counts, odds = by_label[label], weights.odds[name][label]
            total = max(1, sum(counts))
            mean = sum(count * vote for count, vote in zip(counts, odds, strict=True)) / total
            square = sum(count * vote * vote for count, vote in zip(counts, odds, strict=True)) / total
            found += size / rows * max(0.0, square - mean * mean)
    return found


def _flipped_share(ratio: float, batch: LabelTable, accepted: LabelTable) -> float:
    """q from the covariance of label and score, which shrinks by 1 - 2q; `ratio` is that of the differences."""
    before, now = _label_variance(accepted), _label_variance(batch)
    return min(1.0, max(0.0, (1 - ratio * now / before) / 2)) if before else 0.0


def _label_variance(table: LabelTable) -> float:
    rows = sum(table.sizes.values())
    return sum(size / rows * (1 - size / rows) for size in table.sizes.values())


def _enough(table: LabelTable) -> bool:
    """A label with a handful of rows says nothing; there have to be two with more."""
    return sum(1 for size in table.sizes.values() if size >= _MIN_LABEL_ROWS) >= 2


_VOTES: Final = ("contradicts clearly", "contradicts a little", "agrees a little", "agrees clearly")
_STEPS: Final = (-0.3, 0.0, 0.3)
"""Log odds between the four; 0.3 makes a label 1.35 times as probable."""


def _evidence(batch: LabelTable, weights: _Weights) -> Evidence:
    """Cells' votes on the labels that their rows have, by strength; no values of the data."""
    return Evidence(labels=_VOTES, accepted=_votes(weights.pooled, weights), batch=_votes(batch, weights))


def _votes(table: LabelTable, weights: _Weights) -> tuple[float, ...]:
    found = [0, 0, 0, 0]
    for name, by_label in table.counts.items():
        for label, counts in by_label.items():
            for count, vote in zip(counts, weights.odds[name][label], strict=True):
                found[bisect_right(_STEPS, vote)] += count
    total = max(1, sum(found))
    return tuple(round(count / total, 6) for count in found)


CHECKS: Final = (GuardCheck("LabelsContradictData", "rows", contradicting_labels),)
