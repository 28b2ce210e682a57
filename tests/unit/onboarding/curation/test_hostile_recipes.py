"""Recipes that would cost much: each is refused when it arrives, or stops within its budget with the reason."""

import json
from datetime import timedelta

import pytest
from mesh.domain.onboarding.budgets import TRIAL_TIME
from mesh.domain.onboarding.curation import trial
from mesh.domain.onboarding.curation.errors import RecipeInvalid, RecipeTooCostly
from mesh.domain.onboarding.curation.metering import Meter
from mesh.domain.onboarding.curation.objects import write_rows
from mesh.domain.onboarding.curation.plan import plan_recipe
from mesh.domain.onboarding.curation.trial import try_recipe

from tests.unit.onboarding.curation.recipes import condition, curate, recipe_of, step

DOUBLINGS = [step("MERGE", sourceColumns=json.dumps([f"c{n}", f"c{n}"]), targetColumn=f"c{n + 1}") for n in range(40)]
TENFOLD = step("REPLACE_TEXT", sourceColumn="a", pattern=".", value="0123456789")


@pytest.mark.timeout(20)
def test_nested_repetition_takes_no_longer_than_the_text():
    _, rows = curate("a", [["a" * 60_000 + "!"]], step("REPLACE_TEXT", sourceColumn="a", pattern="(a+)+$", value="b"))

    assert rows == [["a" * 60_000 + "!"]]


@pytest.mark.timeout(20)
def test_forty_doublings_stop_at_the_step_that_makes_too_much():
    with pytest.raises(RecipeTooCostly) as refused:
        curate("c0", [["x" * 10]], *DOUBLINGS)

    assert refused.value.where["operation"] == "MERGE"
    assert 15 < refused.value.where["step"] < 25
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("value", "steps"),
    [("x", [TENFOLD] * 20), ("x" * 2_080_000, [step("ADD_PREFIX", sourceColumn="a", pattern="x" * 30_000)])],
)
@pytest.mark.timeout(20)
def test_text_that_grows_in_place_stops_as_well(value, steps):
    with pytest.raises(RecipeTooCostly) as refused:
        curate("a", [[value]], *steps)

    assert refused.value.where["limit"] == 2 * 1024 * 1024


@pytest.mark.parametrize("pattern", [r"(?=a)b", r"(a)\1", "a++", "a{1001}", r"\p{L}{1,100}", "x" * 2_001])
def test_a_pattern_that_re2_does_not_take_is_refused_with_step_and_remedy(pattern):
    with pytest.raises(RecipeInvalid) as refused:
        plan_recipe(recipe_of(step("REPLACE_TEXT", sourceColumn="a", pattern=pattern)), None)

    assert refused.value.where == {"step": 1, "operation": "REPLACE_TEXT", "parameter": "pattern"}
    assert refused.value.remedy


def test_a_recipe_stops_when_its_time_is_over():
    seconds = iter(range(0, 1_000, 10))
    meter = Meter(timedelta(seconds=60), used=lambda: float(next(seconds)))
    plan = plan_recipe(recipe_of(step("UPPER_CASE", sourceColumn="a")), ["a"], meter)

    with pytest.raises(RecipeTooCostly, match="60 s"):
        list(plan.apply(iter([["x"]] * 100)))


def test_the_time_is_looked_at_within_one_cell():
    """Each search goes on to the end of the text, since a `b` might follow."""
    seconds = iter(range(1_000_000))
    meter = Meter(timedelta(seconds=10), used=lambda: float(next(seconds)))
    plan = plan_recipe(recipe_of(step("REPLACE_TEXT", sourceColumn="a", pattern="a.*b|a", value="-")), ["a"], meter)

    with pytest.raises(RecipeTooCostly):
        list(plan.apply(iter([["a" * 30_000]])))


def test_an_output_is_bounded():
    with pytest.raises(RecipeTooCostly) as refused:
        write_rows("csv", ["a"], (["x" * 1_000] for _ in range(1_000)), limit=100_000)

    assert refused.value.where["limit"] == 100_000


def test_a_row_that_no_reader_takes_is_not_written():
    with pytest.raises(RecipeTooCostly) as refused:
        write_rows("json", ["a", "b"], [["x" * 2_000_000, "y" * 2_000_000]])

    assert refused.value.where["row"] == 1


# --- found by fuzzing


DEEP = "[" * 30_000
DIGITS = "1" * 30_000


@pytest.mark.parametrize(
    "written",
    [
        step("MERGE", sourceColumns=DIGITS, targetColumn="z"),
        step("CATEGORICAL_MAPPING", sourceColumn="a", targetColumn="z", categoryMap=DIGITS),
        step("UPPER_CASE", [condition("IS", "a", DEEP)], sourceColumn="a"),
        step("UPPER_CASE", [condition("IS_BETWEEN", "a", DEEP)], sourceColumn="a"),
        step("SPLIT_COLUMN_SINGLE_DELIMITER", sourceColumn="a", pattern=",", limit="000000001" + "9" * 8),
    ],
)
def test_a_step_whose_parameter_cannot_be_read_is_refused_with_its_place(written):
    with pytest.raises(RecipeInvalid) as refused:
        try_recipe(recipe_of(written))

    assert refused.value.where["step"] == 1
    assert len(refused.value.message) < 1_000


def test_a_condition_on_text_may_look_like_a_list_that_is_none():
    try_recipe(recipe_of(step("UPPER_CASE", [condition("CONTAINS", "a", DEEP)], sourceColumn="a")))


# --- the trial when a recipe arrives


HIDDEN = step("REPLACE_TEXT", [condition("CONTAINS", "a", "~q~")], sourceColumn="a", pattern="q", value="q~q")
"""For rows alone that no generated value would be, but for the condition itself."""


@pytest.mark.parametrize("steps", [DOUBLINGS, [TENFOLD] * 20, [HIDDEN] * 40])
@pytest.mark.timeout(20)
def test_a_recipe_that_makes_too_much_is_refused_when_it_arrives(steps):
    with pytest.raises(RecipeTooCostly) as refused:
        try_recipe(recipe_of(*steps))

    assert refused.value.where["step"] > 1


@pytest.mark.timeout(30)
def test_a_recipe_that_takes_too_long_is_refused_when_it_arrives(monkeypatch):
    """Each of a hundred steps searches the rest of a long text for each of its characters: some two seconds, on a slow
    machine more, and so ten times what the trial has here."""
    monkeypatch.setattr(trial, "TRIAL_TIME", TRIAL_TIME / 10)
    quadratic = [
        one
        for _ in range(50)
        for one in (
            step("REPLACE_TEXT", sourceColumn="a", pattern="[xy].*b|[xy]", value="y"),
            step("REPLACE_TEXT", sourceColumn="a", pattern="[xy].*c|[xy]", value="x"),
        )
    ]
    with pytest.raises(RecipeTooCostly, match="computes longer") as refused:
        try_recipe(recipe_of(*quadratic))
    assert refused.value.where["limit"] == 0.2


def test_a_recipe_without_columns_is_tried_as_well():
    try_recipe(recipe_of(step("DELETE_DUPLICATE_ROWS")))
    try_recipe(recipe_of())
