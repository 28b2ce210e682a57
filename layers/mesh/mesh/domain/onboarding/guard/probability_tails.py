"""Tail probabilities, from the standard library alone: how probable a value at least this large is by chance.

Sources: Press et al., Numerical Recipes, 3rd edition, 6.2 (incomplete gamma), 6.4 (incomplete beta), 6.14.12
(Kolmogorov-Smirnov); Abramowitz and Stegun 26.4, 26.5, 26.7. Accurate to about 1e-10 relative to 1.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Final

_STEPS: Final = 10_000
_TINY: Final = 1e-300
_EPSILON: Final = 1e-15
_NORMAL_FROM: Final = 5_000
"""Degrees of freedom from which chi-square is taken as normal (Wilson and Hilferty's cube root)."""


def chi_square_tail(statistic: float, degrees: float) -> float:
    """P(chi-square with `degrees` > 0 of freedom >= statistic)."""
    if statistic <= 0:
        return 1.0
    if degrees > _NORMAL_FROM:
        spread = 2 / (9 * degrees)
        return normal_tail(((statistic / degrees) ** (1 / 3) - (1 - spread)) / math.sqrt(spread))
    return _upper_gamma(degrees / 2, statistic / 2)


def normal_tail(z: float) -> float:
    """P(a standard normal >= z)."""
    return math.erfc(z / math.sqrt(2)) / 2


def student_tail(t: float, degrees: float) -> float:
    """P(Student's t with `degrees` > 0 of freedom >= t)."""
    half = incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t)) / 2
    return half if t >= 0 else 1 - half


def fisher_tail(f: float, upper: float, lower: float) -> float:
    """P(Fisher's F with `upper` and `lower` > 0 degrees of freedom >= f)."""
    return incomplete_beta(lower / 2, upper / 2, lower / (lower + upper * max(0.0, f)))


def kolmogorov_tail(statistic: float, left: int, right: int) -> float:
    """P(the two-sample Kolmogorov-Smirnov distance of `left` and `right` values >= statistic), by its limit.

    Stephens' correction of the argument makes the limit good from about four values. Values that are equal, or
    counted in bins, make the true probability smaller: the test then errs on the quiet side.
    """
    if statistic <= 0 or not left or not right:
        return 1.0
    root = math.sqrt(left * right / (left + right))
    scaled = (root + 0.12 + 0.11 / root) * statistic
    if scaled < 0.2:  # the alternating series needs ever more terms, and is 1 to twelve digits
        return 1.0
    total = sum((1 if j % 2 else -1) * math.exp(-2 * j * j * scaled * scaled) for j in range(1, 101))
    return min(1.0, max(0.0, 2 * total))


def beta_binomial_tail(found: int, trials: int, before: int, seen: int) -> float:
    """P(at least `found` of `trials` | `before` of `seen` earlier ones), the share itself unknown (Jeffreys' prior).

    The predictive distribution: an event never seen in 900 rows is allowed a few times in the next 100.
    """
    if found <= 0:
        return 1.0
    alpha, beta = before + 0.5, seen - before + 0.5
    total = 0.0
    for term in _beta_binomial(found, trials, alpha, beta):
        total += term
        if term < total * _EPSILON:
            break
    return min(1.0, total)


def _beta_binomial(start: int, trials: int, alpha: float, beta: float) -> Iterator[float]:
    """The probabilities of `start`, `start` + 1, …; one recurrence instead of six logarithms of gamma for each."""
    if start > trials:
        return
    log = (
        math.lgamma(trials + 1) - math.lgamma(start + 1) - math.lgamma(trials - start + 1)
        + _log_beta(start + alpha, trials - start + beta) - _log_beta(alpha, beta)
    )  # fmt: skip
    for count in range(start, trials + 1):
        yield math.exp(log)
        if count == trials:
            return
        log += math.log((trials - count) * (count + alpha) / ((count + 1) * (trials - count - 1 + beta)))


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), for a, b > 0 and 0 <= x <= 1."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    front = math.exp(a * math.log(x) + b * math.log1p(-x) - _log_beta(a, b))
    # The fraction converges fast on this side alone; the other follows by symmetry.
    if x < (a + 1) / (a + b + 2):
        return front * _beta_fraction(a, b, x) / a
    return 1 - front * _beta_fraction(b, a, 1 - x) / b


def holm(chances: Sequence[float]) -> list[float]:
    """Holm's adjustment for many tests at once: below `a` for any of them by chance, with a probability of at most `a`,
    however the tests depend on each other. Source: Holm, Scandinavian Journal of Statistics 6 (1979)."""
    order = sorted(range(len(chances)), key=chances.__getitem__)
    adjusted, highest = [1.0] * len(chances), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(chances) - rank) * chances[place]))
        adjusted[place] = highest
    return adjusted


def _upper_gamma(a: float, x: float) -> float:
    """The regularised upper incomplete gamma function Q(a, x): by series below a + 1, by continued fraction above."""
    front = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        return 1 - front * _gamma_series(a, x)
    return front * _gamma_fraction(a, x)


def _gamma_series(a: float, x: float) -> float:
    term = total = 1 / a
    for step in range(1, _STEPS):
        term *= x / (a + step)
        total += term
        if term < total * _EPSILON:
            break
    return total


def _gamma_fraction(a: float, x: float) -> float:
    """Lentz's method."""
    b = x + 1 - a
    c, d = 1 / _TINY, 1 / b
    result = d
    for step in range(1, _STEPS):
        factor = -step * (step - a)
        b += 2
        d = 1 / _away(factor * d + b)
        c = _away(b + factor / c)
        result *= d * c
        if abs(d * c - 1) < _EPSILON:
            break
    return result


def _beta_fraction(a: float, b: float, x: float) -> float:
    """Lentz's method."""
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, _STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d, c = 1 / _away(1 + even * d), _away(1 + even / c)
        result *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d, c = 1 / _away(1 + odd * d), _away(1 + odd / c)
        result *= d * c
        if abs(d * c - 1) < _EPSILON:
            break
    return result


def _away(value: float) -> float:
    """Not zero."""
    return value if abs(value) > _TINY else _TINY


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
