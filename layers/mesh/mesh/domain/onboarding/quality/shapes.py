"""Bins for people: of equal width, so that a histogram has the shape of the data; logarithmic where a few values lie
far out, since all others would be in one bin then. The guard's bins, of equal counts, are for comparing batches."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Final

from mesh.domain.onboarding.quality.model import Histogram

SHAPE_BINS: Final = 20
_FAR: Final = 0.1
"""Nine tenths of the values within this share of the whole range: a few others lie far out."""
_WHOLE: Final = 2.0**52
"""Up to here a double represents all whole numbers exactly."""

type Edges = tuple[float, ...]


def shape_edges(quantiles: Sequence[float], *, whole: bool) -> tuple[Edges, bool]:
    """Edges from the least to the greatest value, and whether they are logarithmic. `quantiles` are in equal steps from
    0 to 1; bins of `whole` numbers hold as many of them each. One value alone has two equal edges."""
    low, high = float(quantiles[0]), float(quantiles[-1])
    if low == high or not math.isfinite(high - low):
        return (low, high), False
    nearly = len(quantiles) // 20
    usual = quantiles[nearly], quantiles[-1 - nearly]
    if usual[1] - usual[0] < (high - low) * _FAR:
        if low > 0 and usual[1] < low + (high - low) * _FAR:
            return _spaced(low, high, math.log, math.exp), True
        return _around(quantiles), True
    if whole and max(abs(low), abs(high)) < _WHOLE:
        width = max(1, -(-int(high - low + 1) // SHAPE_BINS))
        return tuple(low + place * width for place in range(int(high - low) // width + 2)), False
    return _spaced(low, high, float, float), False


def shape_of_values(values: Mapping[float, int], edges: Edges, *, logarithmic: bool) -> Histogram:
    """The histogram of values that are all known, with how often each comes."""
    counts = [0] * (len(edges) - 1)
    for value, count in values.items():
        counts[sum(1 for edge in edges[1:-1] if value >= edge)] += count
    return Histogram(edges=edges, counts=tuple(counts), logarithmic=logarithmic)


def _around(quantiles: Sequence[float]) -> Edges:
    """Logarithmic away from the median, to both sides (the inverse hyperbolic sine), linear near it."""
    middle = float(quantiles[len(quantiles) // 2])
    apart = sorted(abs(float(value) - middle) for value in quantiles if value != middle)
    scale = apart[len(apart) // 2]
    return _spaced(
        float(quantiles[0]),
        float(quantiles[-1]),
        lambda value: math.asinh((value - middle) / scale),
        lambda value: middle + scale * math.sinh(value),
    )


def _spaced(low: float, high: float, there: Callable[[float], float], back: Callable[[float], float]) -> Edges:
    first, last = there(low), there(high)
    inner = (back(first + (last - first) * place / SHAPE_BINS) for place in range(1, SHAPE_BINS))
    edges = (low, *inner, high)
    return edges if all(left < right for left, right in pairwise(edges)) else (low, high)
