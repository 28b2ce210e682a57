"""Each attack is held back for its own reason, and a clean batch is not."""

import random

import pytest
from mesh.domain.onboarding.guard.evaluation import judge
from mesh.domain.onboarding.guard.history import History, edges_of
from mesh.domain.onboarding.guard.settings import CHECKS, GuardSettings

from tests.guard_profiles import profile_of
from tests.unit.onboarding.guard.samples import (
    LABEL,
    SETTINGS,
    accepted,
    clean,
    codes,
    flip,
    judged,
    ref,
    remembered,
    slices,
)


def change(column, how):
    return [{**row, column: how(row[column])} for row in clean()]


def without(column):
    return [{name: value for name, value in row.items() if name != column} for row in clean()]


def only(check):
    return SETTINGS.model_copy(update={"off": tuple(other for other in CHECKS if other != check)})


def test_a_clean_batch_has_no_finding():
    assert judged(clean(), sources=["a"], refs=[ref("data/t/11.csv", "e11")]) == ()


def test_the_first_batch_is_taken_on_trust_and_that_is_said():
    (only_note,) = judged(clean(), History(table="t"))
    assert (only_note.code, only_note.severity) == ("HistoryTooShort", "info")
    assert "0 objects" in only_note.message


def test_with_a_short_history_only_what_can_be_judged_is():
    short = accepted(3)
    found = judged([{**row, "hoehe": row["hoehe"] * 9} for row in without("laufzeit")], short)
    assert codes(found) == {("ColumnGone", "laufzeit")}
    assert codes(found, "info") == {("HistoryTooShort", "")}


def test_too_few_rows_are_not_compared_by_distribution():
    found = judged([{**row, "hoehe": 1_000_000} for row in clean()[:8]])
    assert codes(found, "info") == {("HistoryTooShort", "")}
    assert codes(found) == set()


def test_a_shifted_amount():
    found = judged(change("hoehe", lambda amount: amount * 2))
    assert ("DistributionShifted", "hoehe") in codes(found)
    assert {column for _, column in codes(found)} == {"hoehe"}
    shift = next(finding for finding in found if finding.code == "DistributionShifted")
    assert shift.observed > shift.threshold == 0.25
    assert sum(shift.evidence.accepted) == pytest.approx(1, abs=1e-4)
    assert sum(shift.evidence.batch) == pytest.approx(1, abs=1e-4)


def test_a_shift_between_codes_and_one_towards_missing():
    dice = random.Random(3)
    richer = change("sparkont", lambda _: dice.choice([4, 5]))
    assert ("DistributionShifted", "sparkont") in codes(judged(richer))
    gaps = change("alter", lambda age: None if dice.random() < 0.4 else age)
    assert codes(judged(gaps)) == {("DistributionShifted", "alter")}


def test_a_new_category():
    def named(rows):
        return [{**row, "city": ["Ulm", "Bonn", "Kiel"][row["alter"] % 3]} for row in rows]

    history = remembered([named(rows) for rows in slices()[:10]])
    assert judged(named(clean()), history) == ()
    moved = [{**row, "city": "Oz" if place % 3 == 0 else row["city"]} for place, row in enumerate(named(clean()))]
    assert codes(judged(moved, history)) == {("DistributionShifted", "city")}


def test_flipped_labels_though_their_rate_is_as_before():
    """A hidden attack flips equally many labels of each kind."""
    good = [place for place, row in enumerate(clean()) if row[LABEL]]
    bad = [place for place, row in enumerate(clean()) if not row[LABEL]]
    hit = {*random.Random(2).sample(good, 35), *random.Random(3).sample(bad, 35)}
    rows = [{**row, LABEL: 1 - row[LABEL]} if place in hit else row for place, row in enumerate(clean())]
    found = judged(rows)
    assert codes(found) == {("LabelsContradictData", LABEL)}
    assert 0.2 < found[0].observed < 0.5  # 35% were


def test_flipped_labels_of_three_kinds():
    def graded(rows):
        return [{**row, LABEL: row[LABEL] + (row["laufkont"] == 4)} for row in rows]

    history = remembered([graded(rows) for rows in slices()[:10]])
    assert judged(graded(clean()), history) == ()
    dice = random.Random(4)
    rows = [{**row, LABEL: dice.choice([0, 1, 2]) if dice.random() < 0.6 else row[LABEL]} for row in graded(clean())]
    assert ("LabelsContradictData", LABEL) in codes(judged(rows, history))


def test_a_different_rate_of_labels_is_not_a_contradiction():
    kept = [row for row in clean() if not row[LABEL]] + [row for row in clean() if row[LABEL]][:60]
    assert codes(judged(kept)) == {("LabelRateShifted", LABEL)}


def test_no_label_no_judgement_of_it():
    found = judged(flip(clean(), 0.5), settings=GuardSettings())
    assert not {"LabelsContradictData", "LabelRateShifted"} & {code for code, _ in codes(found)}


def test_values_far_outside():
    rows = [{**row, "alter": 900} if place < 12 else row for place, row in enumerate(clean())]
    found = judged(rows)
    assert codes(found) == {("OutliersUnusual", "alter")}
    assert found[0].observed == 0.06


def test_many_rows_are_an_error_and_few_a_warning():
    many = [row for part in slices(6, seed=9) for row in part]
    assert codes(judged(many, settings=only("VolumeUnusual"))) == {("VolumeUnusual", "")}
    few = judged(clean()[:30], settings=only("VolumeUnusual"))
    assert (codes(few), codes(few, "warning")) == (set(), {("VolumeUnusual", "")})


def in_objects(history, count):
    """The history, each of whose batches had so many objects."""
    return history.evolve(uploads=dict.fromkeys(history.volumes, count))


def test_many_rows_in_as_many_more_uploads_are_a_warning():
    """How many uploads a batch takes depends on how fast they come: the last of a burst may have ten times as many."""
    many = [row for part in slices(6, seed=9) for row in part]
    history = in_objects(accepted(), 5)
    for objects, severity in ((30, "warning"), (5, "error"), (2, "error")):
        found = judged(many, history, only("VolumeUnusual"), objects=objects)
        assert codes(found, severity) == {("VolumeUnusual", "")}, objects


def test_of_batches_whose_uploads_nobody_counted_rows_alone_count():
    many = [row for part in slices(6, seed=9) for row in part]
    history = accepted()
    for known in ({}, {1: 5}, dict.fromkeys(history.volumes, 0)):
        found = judged(many, history.evolve(uploads=known), only("VolumeUnusual"), objects=30)
        assert codes(found) == {("VolumeUnusual", "")}


def test_volume_that_varies_by_nature_is_usual():
    sizes = [20, 200, 60, 150, 30, 190, 90, 25, 170, 110]
    history = remembered([rows[:size] for rows, size in zip(slices()[:10], sizes, strict=True)])
    assert codes(judged(clean()[:22], history, only("VolumeUnusual")), "warning") == set()


def test_copies_within_the_batch():
    found = judged([*clean()[:160], *[clean()[0]] * 40], settings=only("RowsRepeated"))
    assert codes(found) == {("RowsRepeated", "")}
    assert found[0].observed == 0.2
    allowed = only("RowsRepeated").model_copy(update={"duplicates_allowed": 0.25})
    assert judged([*clean()[:160], *[clean()[0]] * 40], settings=allowed) == ()


def test_an_old_slice_again_and_half_of_one():
    again = judged(slices()[3])
    assert codes(again) == {("RepeatsEarlierData", "")}
    assert "generation 4" in again[0].message
    assert again[0].observed == 1.0
    half = judged([*clean()[:100], *slices()[3][:100]])
    assert codes(half) == {("RepeatsEarlierData", "")}
    assert half[0].observed == pytest.approx(0.5)


def test_a_repeat_is_seen_from_the_second_batch_on():
    assert codes(judged(slices()[0], accepted(1))) == {("RepeatsEarlierData", "")}


def test_an_upload_under_its_earlier_keys_replaces_and_does_not_repeat():
    assert judged(slices()[3], refs=[ref("data/t/4.csv", "new")]) == ()


def test_tables_of_few_values_repeat_by_nature():
    dice = random.Random(8)
    parts = [[{"a": dice.randrange(4), "b": dice.randrange(3)} for _ in range(100)] for _ in range(11)]
    assert judged(parts[10], remembered(parts[:10], label="")) == ()
    assert codes(judged(parts[1], remembered(parts[:1], label=""))) == set()


def test_the_same_object_under_another_key():
    found = judged(clean(), refs=[ref("data/t/copy.csv", "e2")])
    assert codes(found) == {("SameObjectAgain", "")}
    assert found[0].keys == ("data/t/copy.csv",)
    assert (
        judged(clean(), refs=[ref("data/t/2.csv", "e2"), ref("data/t/x.csv", "e2", size=11), ref("data/t/y.csv")]) == ()
    )


def test_an_unknown_source_is_a_warning_unless_the_contract_is_stricter():
    assert codes(judged(clean(), sources=["a", "mallory"]), "warning") == {("UnknownSource", "")}
    strict = SETTINGS.model_copy(update={"severity": {"UnknownSource": "error"}})
    assert codes(judged(clean(), settings=strict, sources=["mallory"])) == {("UnknownSource", "")}


def test_columns_that_go_empty_or_become_text():
    assert codes(judged(without("hoehe"))) == {("ColumnGone", "hoehe")}
    assert codes(judged(change("hoehe", lambda _: None))) == {("ColumnAllNull", "hoehe")}
    assert codes(judged(change("hoehe", lambda amount: f"{amount} DM"))) == {("TypeBecameText", "hoehe")}
    assert codes(judged(change("telef", lambda code: "yes" if code == 2 else "no"))) >= {("TypeBecameText", "telef")}


def test_a_column_that_the_contract_dropped_may_go():
    names = tuple(name for name in clean()[0] if name != "hoehe")
    settings = SETTINGS.model_copy(update={"columns": names})
    assert judged(without("hoehe"), settings=settings) == ()


def test_a_column_that_is_often_empty_may_be():
    dice = random.Random(6)
    rare = [[{**row, "note": 1 if dice.random() < 0.004 else None} for row in rows] for rows in slices()]
    found = judged([{**row, "note": None} for row in rare[10]], remembered(rare[:10]))
    assert codes(found) == set()


def test_numbers_that_only_rise_are_usual():
    parts = [
        [{**row, "id": 1_000 * part + place} for place, row in enumerate(rows)] for part, rows in enumerate(slices())
    ]
    assert judged(parts[10], remembered(parts[:10])) == ()


@pytest.mark.parametrize("check", ["DistributionShifted", "OutliersUnusual"])
def test_a_check_that_is_off_and_a_column_that_is_ignored_find_nothing(check):
    rows = change("hoehe", lambda amount: amount * 50)
    assert (check, "hoehe") in codes(judged(rows))
    off = SETTINGS.model_copy(update={"off": (check,)})
    assert (check, "hoehe") not in codes(judged(rows, settings=off))
    assert judged(rows, settings=SETTINGS.model_copy(update={"ignore": ("hoehe",)})) == ()


def test_the_order_of_rows_and_columns_changes_nothing():
    rows = flip(change("hoehe", lambda amount: amount * 2), 0.4)
    turned = [dict(reversed(row.items())) for row in random.Random(1).sample(rows, len(rows))]
    history = accepted()
    one = judge(profile_of(rows, edges_of(history), LABEL), history, SETTINGS)
    other = judge(profile_of(turned, edges_of(history), LABEL), history, SETTINGS)
    assert {(f.code, f.column, f.observed) for f in one} == {(f.code, f.column, f.observed) for f in other}
    assert len(one) >= 2
