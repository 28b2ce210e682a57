"""What a recipe can be refused for, before any row is read."""

import json

import pytest
from mesh.domain.onboarding.budgets import MAX_RECIPE
from mesh.domain.onboarding.curation.errors import (
    RecipeColumnExists,
    RecipeColumnMissing,
    RecipeInvalid,
    UnsupportedStep,
)
from mesh.domain.onboarding.curation.plan import plan_recipe
from mesh.domain.onboarding.curation.recipe import parse_recipe

from tests.unit.onboarding.curation.recipes import condition, recipe_of, step

RENAME = step("RENAME", sourceColumn="a", targetColumn="b")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "not JSON"),
        (b"\xff[]", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"{}", "a JSON list"),
        (b" " * (MAX_RECIPE + 1), "larger than"),
        (json.dumps([RENAME] * 101).encode(), "at most 100 steps, this one 101"),
        (b"[1]", "step 1 is not an object with an Action"),
        (b'[{"RecipeAction": {"Operation": "DELETE"}}]', "step 1 is not an object with an Action"),
        (json.dumps([RENAME, RENAME | {"Name": "x"}]).encode(), "step 2 has Name"),
        (b'[{"Action": {"Operation": "rename"}}]', "step 1 has no operation's name, but 'rename'"),
        (b'[{"Action": {"Operation": "RENAME", "Parameters": []}}, 2]', "step 2 is not an object"),
        (b'[{"Action": {"Operation": "RENAME", "Parameters": {"limit": 1}}}]', "'limit' is not text"),
        (b'[{"Action": {"Operation": "RENAME"}, "ConditionExpressions": [{"Condition": "IS"}]}]', "a condition has"),
    ],
)
def test_an_invalid_recipe_names_the_step(body, said):
    with pytest.raises(RecipeInvalid) as refused:
        parse_recipe(body)

    assert said in refused.value.message


@pytest.mark.parametrize(
    ("one", "error", "said"),
    [
        (step("KEEP_COLUMNS", sourceColumns='["a"]'), UnsupportedStep, "the operation is not supported"),
        (step("RENAME", sourceColumn="a", targetColumn="b", mode="x"), UnsupportedStep, "the parameter mode"),
        (step("RENAME", sourceColumn="a"), RecipeInvalid, "lacks the parameter targetColumn"),
        (step("DELETE", [condition("IS", "a", "1")], sourceColumn="a"), UnsupportedStep, "conditions are not"),
        (step("REMOVE_VALUES", [condition("IS_INVALID", "a")], sourceColumn="a"), UnsupportedStep, "'IS_INVALID'"),
        (step("REMOVE_VALUES", sourceColumn="a"), RecipeInvalid, "needs ConditionExpressions"),
        (step("REMOVE_VALUES", [condition("LESS_THAN", "a", "x")], sourceColumn="a"), RecipeInvalid, "not 'x'"),
        (step("REMOVE_VALUES", [condition("IS", "a", "[1")], sourceColumn="a"), RecipeInvalid, "not a JSON list"),
        (step("REMOVE_VALUES", [condition("IS_BETWEEN", "a", "3")], sourceColumn="a"), RecipeInvalid, "IS_BETWEEN"),
        (step("CHANGE_DATA_TYPE", sourceColumn="a", columnDataType="uuid"), UnsupportedStep, "'uuid'"),
        (step("REPLACE_TEXT", sourceColumn="a", pattern="("), RecipeInvalid, "not a regular expression"),
        (step("REMOVE_COMBINED", sourceColumn="a", removeLetters="false"), RecipeInvalid, "no flag is true"),
        (step("REMOVE_COMBINED", sourceColumn="a", removeLetters="1"), RecipeInvalid, '"true" or "false"'),
        (step("FORMAT_DATE", sourceColumn="a", targetDateFormat="yyyy"), RecipeInvalid, "targetDateFormat is one of"),
        (step("DATE_FORMAT", sourceColumn="a", dateTimeFormat="YYYY", targetColumn="x"), UnsupportedStep, "'YYYY'"),
        (step("DATE_FORMAT", sourceColumn="a", value="2020-01-01", targetColumn="x"), RecipeInvalid, "either"),
        (step("DATE_FORMAT", value="soon", targetColumn="x"), RecipeInvalid, "not a date"),
        (
            step("FILL_WITH_CUSTOM", sourceColumn="a", columnDataType="number", value="x"),
            RecipeInvalid,
            "not of type number",
        ),
        (step("ADD", sourceColumn1="a", targetColumn="x"), RecipeInvalid, "either sourceColumn2 or value2"),
        (step("DIVIDE", sourceColumn1="a", value2="two", targetColumn="x"), RecipeInvalid, "not a number"),
        (step("DIVIDE", value1="1", value2="2", targetColumn="x"), RecipeInvalid, "needs a column"),
        (step("MERGE", sourceColumns="a,b", targetColumn="x"), RecipeInvalid, "not JSON"),
        (step("MERGE", sourceColumns="[]", targetColumn="x"), RecipeInvalid, "a JSON list of texts"),
        (
            step("CATEGORICAL_MAPPING", sourceColumn="a", targetColumn="x", categoryMap="{1: 2}"),
            RecipeInvalid,
            "categoryMap is not JSON",
        ),
        (
            step("CATEGORICAL_MAPPING", sourceColumn="a", targetColumn="x", categoryMap='{"1": "2"}', other="3",
                 keepOthers="true"),
            RecipeInvalid,
            "exclude each other",
        ),
        (
            step("SPLIT_COLUMN_SINGLE_DELIMITER", sourceColumn="a", pattern="/", limit="21"),
            RecipeInvalid,
            "from 1 to 20",
        ),
        (
            step("SPLIT_COLUMN_SINGLE_DELIMITER", sourceColumn="a", pattern="/", limit="1", includeInSplit="true"),
            UnsupportedStep,
            "includeInSplit",
        ),
        (step("MOVE_AFTER", sourceColumn="a", targetColumn="a"), RecipeInvalid, "beside itself"),
        (step("DELETE", sourceColumn="z"), RecipeColumnMissing, "needs the column 'z'"),
        (step("ADD", sourceColumn1="a", sourceColumn2="z", targetColumn="x"), RecipeColumnMissing, "'z'"),
        (step("UPPER_CASE", [condition("IS", "z", "1")], sourceColumn="a"), RecipeColumnMissing, "'z'"),
        (step("RENAME", sourceColumn="a", targetColumn="b"), RecipeColumnExists, "'b'"),
        (step("RENAME", sourceColumn="a", targetColumn="B"), RecipeColumnExists, "there is 'b' already"),
        (step("RENAME", sourceColumn="a", targetColumn="a"), RecipeColumnExists, "'a'"),
        (step("DUPLICATE", sourceColumn="a", targetColumn="b"), RecipeColumnExists, "'b'"),
        (step("TRIM", sourceColumn="a", targetColumn="A"), RecipeColumnExists, "there is 'a' already"),
    ],
)  # fmt: skip
def test_an_invalid_step_is_rejected_with_number_and_operation(one, error, said):
    recipe = recipe_of(step("LOWER_CASE", sourceColumn="b"), one)

    with pytest.raises(error) as refused:
        plan_recipe(recipe, ["a", "b"])

    assert said in refused.value.message
    assert (refused.value.where["step"], refused.value.where["operation"]) == (2, one["Action"]["Operation"])
    assert refused.value.remedy


def test_what_is_supported_is_said():
    with pytest.raises(UnsupportedStep) as refused:
        plan_recipe(recipe_of(step("PIVOT")), ["a"])

    assert "CATEGORICAL_MAPPING" in refused.value.remedy


def test_a_near_miss_is_suggested():
    with pytest.raises(RecipeColumnMissing) as refused:
        plan_recipe(recipe_of(step("DELETE", sourceColumn="laufcont")), ["laufkont"])

    assert refused.value.remedy == "Did you mean 'laufkont'?"


def test_without_columns_a_recipe_is_checked_for_what_it_does_itself():
    plan_recipe(recipe_of(RENAME, step("UPPER_CASE", sourceColumn="b")), None)
    with pytest.raises(RecipeColumnMissing, match="an earlier step removed or renamed it"):
        plan_recipe(recipe_of(RENAME, step("DELETE", sourceColumn="a")), None)
    with pytest.raises(RecipeColumnExists):
        plan_recipe(recipe_of(RENAME, step("RENAME", sourceColumn="c", targetColumn="b")), None)


def test_a_name_that_was_given_up_is_free():
    plan = plan_recipe(recipe_of(RENAME, step("RENAME", sourceColumn="c", targetColumn="a")), ["a", "c"])

    assert plan.columns == ("b", "a")
    assert plan.lineage["a"].inputs == ("c",)


def test_the_hash_is_that_of_the_steps():
    spaced = json.dumps([RENAME], indent=4, sort_keys=True).encode()

    assert parse_recipe(spaced).sha256 == parse_recipe(json.dumps([RENAME]).encode()).sha256
    assert parse_recipe(b"[]").sha256 != parse_recipe(spaced).sha256


def test_lineage_follows_values_through_the_steps():
    plan = plan_recipe(
        recipe_of(
            RENAME,
            step("ADD", sourceColumn1="b", sourceColumn2="c", targetColumn="sum"),
            step("UPPER_CASE", [condition("IS", "d", "1")], sourceColumn="sum"),
            step("DELETE", sourceColumn="b"),
        ),
        ["a", "c", "d", "e"],
    )

    assert {name: (origin.inputs, origin.steps) for name, origin in plan.lineage.items()} == {
        "c": (("c",), ()),
        "sum": (("a", "c", "d"), (1, 2, 3)),
        "d": (("d",), ()),
        "e": (("e",), ()),
    }
