"""Tail probabilities against printed tables and against sums that need no cleverness."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mesh.domain.onboarding.guard.probability_tails import (
    beta_binomial_tail,
    chi_square_tail,
    fisher_tail,
    holm,
    incomplete_beta,
    kolmogorov_tail,
    normal_tail,
    student_tail,
)


@pytest.mark.parametrize(
    ("statistic", "degrees", "chance"),
    [  # Abramowitz and Stegun, table 26.8
        (3.84146, 1, 0.05), (6.63490, 1, 0.01), (10.8276, 1, 0.001), (5.99147, 2, 0.05), (18.3070, 10, 0.05),
        (29.5883, 10, 0.001), (3.94030, 10, 0.95), (43.7729, 30, 0.05), (124.342, 100, 0.05), (149.449, 100, 0.001),
    ],
)  # fmt: skip
def test_chi_square_as_tabulated(statistic, degrees, chance):
    assert chi_square_tail(statistic, degrees) == pytest.approx(chance, rel=1e-4)


@given(st.floats(0.01, 300), st.integers(1, 60))
def test_chi_square_of_even_degrees_is_a_sum_of_poisson_terms(statistic, half):
    terms = [math.exp(k * math.log(statistic / 2) - math.lgamma(k + 1) - statistic / 2) for k in range(half)]
    assert chi_square_tail(statistic, 2 * half) == pytest.approx(math.fsum(terms), rel=1e-9, abs=1e-13)


def test_chi_square_of_many_degrees_joins_without_a_step():
    assert chi_square_tail(5_200, 5_001) == pytest.approx(chi_square_tail(5_199, 5_000), rel=2e-2)


@pytest.mark.parametrize(("t", "degrees", "chance"), [(2.262, 9, 0.025), (6.314, 1, 0.05), (3.250, 9, 0.005)])
def test_student_as_tabulated(t, degrees, chance):
    assert student_tail(t, degrees) == pytest.approx(chance, rel=1e-3)
    assert student_tail(-t, degrees) == pytest.approx(1 - chance, rel=1e-3)


@pytest.mark.parametrize(
    ("f", "upper", "lower", "chance"), [(3.0204, 9, 10, 0.05), (10.044, 1, 10, 0.01), (0, 3, 4, 1)]
)
def test_fisher_as_tabulated(f, upper, lower, chance):
    assert fisher_tail(f, upper, lower) == pytest.approx(chance, rel=1e-3)


def test_student_of_many_degrees_is_normal():
    assert student_tail(1.95996, 1e7) == pytest.approx(0.025, rel=1e-4)
    assert normal_tail(1.95996) == pytest.approx(0.025, rel=1e-5)


@pytest.mark.parametrize(("scaled", "chance"), [(1.22385, 0.10), (1.35810, 0.05), (1.62762, 0.01), (1.94947, 0.001)])
def test_kolmogorov_as_tabulated(scaled, chance):
    """Smirnov's limit, for samples so large that the correction of the argument is nothing."""
    size = 10**9
    assert kolmogorov_tail(scaled / math.sqrt(size / 2), size, size) == pytest.approx(chance, rel=1e-3)


def test_kolmogorov_without_values_or_distance_is_not_evidence():
    assert kolmogorov_tail(0.9, 0, 10) == kolmogorov_tail(0.0, 10, 10) == kolmogorov_tail(0.01, 10, 10) == 1.0


@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 20))
def test_incomplete_beta_of_whole_numbers_is_a_binomial_tail(a, b, twentieths):
    x, size = Fraction(twentieths, 20), a + b - 1
    exact = sum(math.comb(size, k) * x**k * (1 - x) ** (size - k) for k in range(a, size + 1))
    assert incomplete_beta(a, b, float(x)) == pytest.approx(float(exact), abs=1e-12)


@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 40), st.integers(0, 40))
def test_beta_binomial_is_the_mean_binomial_tail(found, trials, before, more):
    """Against the integral over the unknown share: substitution x = sin^2 makes Jeffreys' prior smooth."""
    seen, steps, total, weight = before + more, 400, 0.0, 0.0
    for step in range(steps):
        x = math.sin((step + 0.5) / steps * math.pi / 2) ** 2
        likely = x**before * (1 - x) ** more
        weight += likely
        total += (
            likely * incomplete_beta(found, trials - found + 1, x) if 0 < found <= trials else likely * (found == 0)
        )
    assert beta_binomial_tail(found, trials, before, seen) == pytest.approx(total / weight, abs=1e-8)


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_is_between_one_test_and_bonferroni(chances):
    adjusted = holm(chances)
    for before, after in zip(chances, adjusted, strict=True):
        assert before <= after <= min(1.0, len(chances) * before) + 1e-12
    assert sorted(adjusted) == [adjusted[place] for place in sorted(range(len(chances)), key=chances.__getitem__)]


def test_holm_as_in_the_paper():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
