"""What is remembered of accepted batches, in which bins, and for how long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mesh.domain.onboarding.guard.fingerprints import Sketch, contained, numbers, pack, unpack
from mesh.domain.onboarding.guard.history import (
    MAX_BATCHES,
    MAX_FINGERPRINTS,
    History,
    edges_of,
    in_force,
    rebinned,
    remember,
)

from tests.guard_profiles import profile_of
from tests.unit.onboarding.guard.samples import LABEL, accepted, ref, remembered, slices

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "n": st.one_of(st.none(), st.floats(-1e12, 1e12)),
            "code": st.integers(0, 4),
            "city": st.sampled_from(["Ulm", "Bonn", "=1+1", ""]),
            "y": st.integers(0, 1),
        }
    ),
    min_size=1,
    max_size=40,
)


def grown(history, generation, rows, label="y"):
    return remember(history, generation, profile_of(rows, edges_of(history), label), ["a"], [ref(f"k{generation}")])


@given(st.lists(ROWS, min_size=1, max_size=4))
def test_json_and_back_is_the_same_and_a_retried_step_changes_nothing(batches):
    history = History(table="t")
    for generation, rows in enumerate(batches, start=1):
        profile = profile_of(rows, edges_of(history), "y")
        once = remember(history, generation, profile, ["a"], [])
        assert remember(once, generation, profile, ["a"], []) == once
        history = once
    assert History.model_validate_json(history.model_dump_json()) == history


@given(ROWS, ROWS)
def test_no_value_is_lost_between_bins(first, second):
    history = grown(grown(History(table="t"), 1, first), 2, second)
    for batch, rows in zip(history.batches, (first, second), strict=True):
        for name, column in batch.columns.items():
            known = sum(1 for row in rows if row[name] is not None)
            assert not column.counts or sum(column.counts) == known


@given(ROWS)
def test_the_first_batch_lies_within_the_fences(rows):
    """Its own bins are refined to the reference bins; none of its values is in the outer two that tell outliers."""
    history = grown(History(table="t"), 1, rows)
    for name, edges in edges_of(history).items():
        assert list(edges) == sorted(set(edges))
        counts = history.batches[0].columns[name].counts
        assert (counts[0], counts[-1]) == (0, 0)


def test_the_bins_of_the_first_batch_stay():
    first = edges_of(accepted(1))
    assert edges_of(accepted(10)) == first
    assert "hoehe" in first
    assert "kredit" in first


def test_codes_get_a_bin_each():
    history = accepted(2)
    counts = history.batches[1].columns["laufkont"].counts
    found = [sum(1 for row in slices()[1] if row["laufkont"] == code) for code in (1, 2, 3, 4)]
    assert [count for count in counts if count] == found


def test_bins_are_renewed_when_the_column_stops_being_a_number():
    history = grown(grown(History(table="t"), 1, [{"n": 1.0}, {"n": 9.0}]), 2, [{"n": "one"}, {"n": "nine"}])
    assert edges_of(history) == {}
    again = grown(history, 3, [{"n": 100.0}, {"n": 900.0}])
    assert min(edges_of(again)["n"]) < 100.0 < max(edges_of(again)["n"])
    assert 9.0 not in edges_of(again)["n"]


@pytest.mark.parametrize(
    ("rollbacks", "present"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({6: 2}, [1, 2]),
        ({6: 2, 7: 4}, [1, 2, 3, 4]),
        ({7: 4, 6: 2}, [1, 2, 3, 4]),
        ({6: 2, 7: 6}, [1, 2]),
        ({3: 1}, [1, 4, 5]),
        ({6: 9}, [1, 2, 3, 4, 5]),
    ],
)
def test_batches_count_by_the_version_that_the_newest_one_restores(rollbacks, present):
    history = History(table="t")
    for version in (number for number in range(1, 6) if number not in rollbacks):
        history = remember(
            history, version + 10, profile_of([{"n": float(version)}], edges_of(history)), version=version
        )
    assert [batch.version for batch in in_force(history, rollbacks).batches] == present


def test_a_batch_of_unknown_version_is_in_force():
    history = grown(History(table="t"), 1, [{"n": 1.0}])
    assert in_force(history, {2: 1}) == history


def test_an_earlier_generation_takes_its_place_in_the_order():
    history = grown(grown(History(table="t"), 5, [{"n": 1.0}]), 3, [{"n": 2.0}])
    assert [batch.generation for batch in history.batches] == [3, 5]


def test_the_history_is_bounded_and_small():
    rows = slices()[0]
    history = History(table="t")
    for generation in range(1, MAX_BATCHES + 6):
        history = remember(history, generation, profile_of(rows, edges_of(history), LABEL))
    assert [history.batches[0].generation, len(history.batches)] == [6, MAX_BATCHES]
    assert len(history.model_dump_json()) < MAX_BATCHES * 12_000


def test_bins_that_do_not_fit_are_not_counted():
    profile = profile_of([{"n": value / 7} for value in range(60)])
    assert rebinned(profile.columns[0], (0.0, 1.0, 2.0)) == ()


@given(st.sets(st.integers(0, 2**64 - 1), max_size=60))
def test_fingerprints_are_packed_without_loss(hashes):
    texts = [f"{item:016x}" for item in hashes]
    assert sorted(unpack(pack(texts))) == sorted(numbers(texts)) == sorted(hashes)


@given(st.sets(st.integers(0, 999), min_size=1), st.sets(st.integers(0, 999), min_size=1), st.integers(1, 50))
def test_the_share_of_cut_sketches_is_exact_below_their_limit(batch, earlier, size):
    cut = [Sketch.of(sorted(found)[:size], cut=len(found) > size) for found in (batch, earlier)]
    share = contained(cut[0], [cut[1]])
    limit = min(sketch.limit for sketch in cut)
    assert share.tested == sum(1 for item in batch if item <= limit)
    assert share.found == sum(1 for item in batch & earlier if item <= limit)


def test_many_rows_are_remembered_by_their_smallest_fingerprints():
    big = [{"n": value} for value in range(3 * MAX_FINGERPRINTS)]
    history = remembered([big], label="")
    assert history.batches[0].fingerprints_cut
    assert len(history.batches[0].hashes()) == MAX_FINGERPRINTS
    half = profile_of([{"n": value} for value in range(1_000)] + [{"n": -value} for value in range(1, 1_001)])
    share = contained(
        Sketch.of(numbers(half.fingerprints), cut=False), [Sketch.of(history.batches[0].hashes(), cut=True)]
    )
    assert share.value == pytest.approx(0.5, abs=0.08)
