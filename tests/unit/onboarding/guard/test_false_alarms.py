"""Batches drawn as the history was are rarely held back, and attacks on them rarely pass: on few seeds, so that no
lucky number is needed. `benchmarks/guard.py` measures it on many."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mesh.domain.onboarding.guard.cells import Cells
from mesh.domain.onboarding.guard.distance import dispersion_of, distance

from benchmarks.guard import ATTACKS, judged, real_rows, remembered, resplit

DATA = Path(__file__).resolve().parents[5] / "shared" / "data" / "south_german_credit.csv"


def drawn(dice, size, weights):
    counts = [0] * len(weights)
    for place in dice.choices(range(len(weights)), weights, k=size):
        counts[place] += 1
    return counts


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("cells", [3, 22, 50])
def test_the_reported_chance_is_not_smaller_than_the_true_one(ordered, cells):
    dice, trials = random.Random(cells), 400
    weights = [dice.random() ** 3 for _ in range(cells)] + [0.02]
    chances = [
        distance(drawn(dice, 900, weights), drawn(dice, 90, weights), ordered=ordered).chance for _ in range(trials)
    ]
    for level in (0.01, 0.1):
        # Three standard errors above the level.
        assert sum(chance <= level for chance in chances) / trials <= level + 3 * (level / trials) ** 0.5


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=2, max_size=25), st.booleans())
def test_a_distance_is_finite_and_the_same_counts_have_none(pairs, ordered):
    accepted, batch = ([pair[side] for pair in pairs] for side in (0, 1))
    found = distance(accepted, batch, ordered=ordered)
    assert 0 <= found.chance <= 1
    assert 0 <= found.psi < 1e3
    same = distance([10 * count for count in batch], batch, ordered=ordered)
    assert same.psi <= 1e-2
    assert same.chance > 0.2


@given(st.lists(st.integers(0, 60), min_size=4, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_values_and_of_batches_changes_nothing(counts, dice):
    total = [10 * count + 3 for count in counts]
    places = dice.sample(range(len(counts)), len(counts))
    one = distance(total, counts, ordered=False)
    other = distance([total[place] for place in places], [counts[place] for place in places], ordered=False)
    assert one == pytest.approx(other)
    past = (tuple(total), tuple(counts), tuple(reversed(total)))
    cells = Cells(tuple(map(str, counts)), past, tuple(counts), ordered=False)
    assert dispersion_of(cells) == pytest.approx(dispersion_of(cells._replace(past=past[::-1])))


def test_batches_that_differ_by_nature_excuse_the_next():
    past = tuple((10 * (part % 2) + 5, 20 - 10 * (part % 2)) for part in range(10))
    usual = dispersion_of(Cells(("a", "b"), past, (15, 10), ordered=False))
    assert usual.factor > 2
    assert usual.largest > 0.1
    assert usual.degrees == 9
    accepted = tuple(map(sum, zip(*past, strict=True)))
    alone, excused = (distance(accepted, (20, 5), ordered=False, dispersion=one) for one in (None, usual))
    assert alone.chance < 0.05 < excused.chance
    assert alone.psi == excused.psi


@pytest.mark.skipif(not DATA.exists(), reason="the real data is not beside the project: ../shared/data")
def test_on_the_real_data():
    rows = real_rows(DATA)
    held, found = 0, dict.fromkeys(ATTACKS, 0)
    for seed in range(500, 506):
        slices, batch = resplit(rows, seed)
        history = remembered(slices)
        held += any(finding.severity == "error" for finding in judged(batch, history))
        for name, (attack, reasons) in ATTACKS.items():
            codes = {one.code for one in judged(attack(list(batch), slices, random.Random(seed)), history)}
            found[name] += bool(codes & reasons)
    assert held <= 1
    certain = ("50% of labels flipped", "amount x 2", "an old slice again", "amount dropped", "amount as text")
    assert {name: found[name] for name in certain} == dict.fromkeys(certain, 6)
    assert found["30% of labels flipped"] >= 3
