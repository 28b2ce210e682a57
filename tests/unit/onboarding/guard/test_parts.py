"""Objects that arrive together are a history of their own; what chance cannot explain is reported before there is one;
the contract's revisions do not raise suspicion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mesh.domain.onboarding.guard.history import (
    MAX_BATCHES,
    MIN_PART_ROWS,
    History,
    edges_of,
    forget_repeats,
    parts_of,
    remember,
)
from mesh.domain.onboarding.quality.model import MAX_PARTS
from mesh.domain.schema import Column, TableSchema

from tests.guard_profiles import profile_of, profile_of_parts
from tests.unit.onboarding.guard.samples import LABEL, clean, codes, flip, judged, ref, slices


def first_load(count=10):
    """Ten files at once, as one batch."""
    refs = [ref(f"data/t/{number}.csv", f"e{number}") for number in range(count)]
    profile = profile_of_parts(slices()[:count], {}, LABEL, keys=[each.key for each in refs])
    return remember(History(table="t"), 1, profile, ["a"], refs)


def schema(**types):
    return TableSchema(columns=tuple(Column(name=name, type=type_) for name, type_ in types.items()))


def test_a_first_load_of_several_files_is_a_history_of_several():
    history = first_load()

    assert [batch.generation for batch in history.batches] == [1] * 10
    assert [batch.objects[0][0] for batch in history.batches] == [f"data/t/{number}.csv" for number in range(10)]
    assert (history.volumes, history.uploads) == ({1: 2_000}, {1: 10})
    assert judged(clean(), history) == ()


def test_the_second_batch_after_a_first_load_is_judged_in_full():
    history = first_load()

    doubled = judged([{**row, "hoehe": row["hoehe"] * 2} for row in clean()], history)
    flipped = judged(flip(clean(), 0.5), history)
    again = judged([dict(row) for row in slices()[3]], history)

    assert ("DistributionShifted", "hoehe") in codes(doubled)
    assert {code for code, _ in codes(flipped)} & {"LabelsContradictData", "LabelRateShifted"}
    assert {code for code, _ in codes(again)} == {"RepeatsEarlierData"}


def test_a_retried_load_takes_its_own_place_and_the_next_adds_to_it():
    history = first_load()
    refs = [ref(f"data/t/{number}.csv", f"e{number}") for number in range(10)]
    profile = profile_of_parts(slices()[:10], edges_of(history), LABEL, keys=[each.key for each in refs])

    assert remember(history, 1, profile, ["a"], refs) == history
    more = remember(history, 2, profile_of(clean(), edges_of(history), LABEL), ["a"], [ref("data/t/x.csv")])
    assert [batch.generation for batch in more.batches] == [1] * 10 + [2]


def test_volume_is_compared_by_what_arrived_together():
    history = History(table="t")
    for generation in range(1, 7):
        parts = [rows[:40] for rows in slices()[:10]]
        history = remember(history, generation, profile_of_parts(parts, edges_of(history), LABEL))
    assert len(history.batches) == MAX_BATCHES

    usual = [row for rows in slices()[:10] for row in rows[40:80]]
    assert "VolumeUnusual" not in {finding.code for finding in judged(usual, history)}
    assert ("VolumeUnusual", "") in codes(judged(usual[:40], history), "warning")


@given(st.lists(st.integers(0, 5_000), max_size=300))
def test_parts_are_neighbours_few_and_not_small(rows):
    parts = parts_of(rows)

    assert len(parts) == len(rows)
    assert parts == sorted(parts)
    assert not parts or parts[-1] < MAX_PARTS
    sizes = {}
    for part, count in zip(parts, rows, strict=True):
        sizes[part] = sizes.get(part, 0) + count
    assert sorted(sizes) == list(range(len(sizes)))
    assert len(sizes) <= 1 or min(sizes.values()) >= MIN_PART_ROWS


def test_each_of_twenty_like_files_is_a_part():
    assert parts_of([100] * 20) == list(range(20))


def amounts(factor=1, rows=1_500, seed=0):
    return [{"id": seed * rows + n, "amount": (n * 7919 % 1_000) * factor} for n in range(rows)]


def one_batch(rows):
    return remember(History(table="t"), 1, profile_of(rows, {}))


def test_amounts_times_ten_are_reported_after_one_accepted_batch():
    found = judged(amounts(10, seed=1), one_batch(amounts()))

    [shift] = [finding for finding in found if finding.code == "DistributionShifted"]
    assert (shift.severity, shift.column) == ("warning", "amount")
    assert shift.observed > 1
    assert ("HistoryTooShort", "") in codes(found, "info")


@pytest.mark.parametrize(("rows", "factor"), [(1_500, 1), (1_500, 1.1), (300, 10)])
def test_neither_small_shifts_nor_few_rows_are_reported_early(rows, factor):
    found = judged(amounts(factor, rows, seed=1), one_batch(amounts(rows=rows)))

    assert {finding.code for finding in found} == {"HistoryTooShort"}


def test_a_shift_as_large_as_those_between_accepted_objects_is_usual():
    history = one_batch(amounts())
    for generation, factor in ((2, 10), (3, 1)):
        history = remember(history, generation, profile_of(amounts(factor, seed=generation), edges_of(history)))

    assert {finding.code for finding in judged(amounts(10, seed=5), history)} == {"HistoryTooShort"}


def test_a_column_that_the_contract_renamed_is_not_gone():
    renamed = [{("betrag" if name == "hoehe" else name): value for name, value in row.items()} for row in clean()]
    promised = schema(**dict.fromkeys(renamed[0], "bigint"))

    assert codes(judged(renamed)) == {("ColumnGone", "hoehe")}
    assert codes(judged(renamed, expected=promised)) == set()


def test_a_column_that_the_contract_removed_may_be_empty():
    """The published table still has it, so the batch is read with a column of nulls."""
    emptied = [{**row, "hoehe": None} for row in clean()]
    without = schema(**{name: "bigint" for name in emptied[0] if name != "hoehe"})

    assert codes(judged(emptied)) == {("ColumnAllNull", "hoehe")}
    assert codes(judged(emptied, expected=without)) == set()
    assert codes(judged(emptied, expected=schema(hoehe="bigint"))) == {("ColumnAllNull", "hoehe")}


def test_a_column_that_the_contract_retyped_is_compared_no_more():
    texts = [{**row, "hoehe": f"{row['hoehe']} DM"} for row in clean()]

    assert codes(judged(texts)) == {("TypeBecameText", "hoehe")}
    assert codes(judged(texts, expected=schema(hoehe="string"))) == set()
    assert codes(judged(texts, expected=schema(hoehe="bigint"))) == {("TypeBecameText", "hoehe")}


def test_a_column_beyond_the_contract_is_still_judged_while_it_has_values():
    doubled = [{**row, "hoehe": row["hoehe"] * 2} for row in clean()]

    assert ("DistributionShifted", "hoehe") in codes(judged(doubled, expected=schema(laufkont="bigint")))


def test_rows_no_longer_published_may_be_uploaded_under_another_key():
    history = first_load()
    rows, moved = [dict(row) for row in slices()[3]], [ref("data/t/new.csv", "e3")]
    present = {(key, etag, size) for batch in history.batches for key, etag, size in batch.objects}

    again = judged(rows, forget_repeats(history, present), refs=moved)
    assert {code for code, _ in codes(again)} == {"SameObjectAgain", "RepeatsEarlierData"}
    without = forget_repeats(history, {known for known in present if known[1] != "e3"})
    assert codes(judged(rows, without, refs=moved)) == set()
    assert len(without.batches) == 10
