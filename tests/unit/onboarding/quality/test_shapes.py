"""Histograms for people: bins of equal width, logarithmic where a few values lie far out."""

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mesh.domain.onboarding.quality.shapes import SHAPE_BINS, shape_edges, shape_of_values


def quantiles(values, steps=20):
    ordered = sorted(values)
    return [ordered[math.ceil(place / steps * (len(ordered) - 1))] for place in range(steps + 1)]


def shape(values, *, whole=False):
    edges, logarithmic = shape_edges(quantiles(values), whole=whole)
    return shape_of_values({value: values.count(value) for value in values}, edges, logarithmic=logarithmic)


def test_a_bell_looks_like_a_bell():
    dice = random.Random(1)
    found = shape([dice.gauss(50, 10) for _ in range(2_000)])

    widths = {round(right - left, 6) for left, right in pairwise(found.edges)}
    assert (len(found.counts), len(widths), found.logarithmic) == (SHAPE_BINS, 1, False)
    assert max(found.counts) > 6 * max(found.counts[0], found.counts[-1], 1)


def test_whole_numbers_are_as_many_in_each_bin():
    found = shape(list(range(1, 73)) * 2, whole=True)

    assert {right - left for left, right in pairwise(found.edges)} == {4}
    assert set(found.counts) == {8}


def test_a_flag_has_two_bins():
    assert shape([0] * 3 + [1] * 7, whole=True).counts == (3, 7)


def test_a_few_values_far_out_make_it_logarithmic():
    dice = random.Random(2)
    found = shape([*(dice.uniform(100, 1_000) for _ in range(990)), *([1_000_000.0] * 10)])

    assert found.logarithmic
    ratios = [right / left for left, right in pairwise(found.edges)]
    assert max(ratios) == pytest.approx(min(ratios))
    assert sum(1 for count in found.counts if count) >= 5


def test_far_out_on_both_sides_of_zero():
    dice = random.Random(3)
    found = shape([*(dice.gauss(0, 1) for _ in range(990)), *([1e6, -1e6] * 5)])

    assert found.logarithmic
    assert sum(1 for count in found.counts if count > 20) >= 4


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=60),
    st.booleans(),
)
def test_no_value_is_lost_and_edges_ascend(values, whole):
    values = [float(int(value)) for value in values] if whole else values
    found = shape(values, whole=whole)

    assert sum(found.counts) == len(values)
    assert list(found.edges) == sorted(found.edges)
    assert found.edges[0] == min(values)
    assert found.edges[-1] >= max(values)
    assert len(found.counts) <= SHAPE_BINS + 1
