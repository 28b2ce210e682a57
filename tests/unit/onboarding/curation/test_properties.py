# ruff: noqa: E501 - a table of steps
"""What holds for any recipe on any rows."""

import copy
import json

from hypothesis import given
from hypothesis import strategies as st
from mesh.domain.onboarding.curation.errors import MISFITS
from mesh.domain.onboarding.curation.objects import read_raw, write_rows
from mesh.domain.onboarding.curation.plan import plan_recipe

from tests.unit.onboarding.curation.recipes import condition, recipe_of, step

COLUMNS = ("a", "b", "c")
names = st.sampled_from([*COLUMNS, "d", "e"])
cells = st.one_of(st.none(), st.sampled_from(["1", "2", "-3.5", "x y", "2026-11-21", "/", "Ä"]))
rows = st.lists(st.lists(cells, min_size=3, max_size=3), max_size=8)
KEEPING = st.one_of(
    st.builds(lambda a, b: step("RENAME", sourceColumn=a, targetColumn=b), names, names),
    st.builds(lambda a: step("DELETE", sourceColumn=a), names),
    st.builds(lambda a, b: step("DUPLICATE", sourceColumn=a, targetColumn=b), names, names),
    st.builds(lambda a: step("MOVE_TO_END", sourceColumn=a), names),
    st.builds(lambda a: step("CAPITAL_CASE", [condition("IS_MISSING", a)], sourceColumn=a), names),
    st.builds(lambda a: step("CHANGE_DATA_TYPE", sourceColumn=a, columnDataType="double"), names),
    st.builds(lambda a: step("FILL_WITH_LAST_VALID", sourceColumn=a), names),
    st.builds(
        lambda a, b: step("CATEGORICAL_MAPPING", sourceColumn=a, targetColumn=b, categoryMap='{"1": "one"}'), names, names
    ),
    st.builds(lambda a, b, c: step("ADD", sourceColumn1=a, sourceColumn2=b, targetColumn=c), names, names, names),
    st.builds(
        lambda a, b, c: step("MERGE", sourceColumns=json.dumps([a, b]), targetColumn=c), names, names, names
    ),
    st.builds(lambda a: step("SPLIT_COLUMN_SINGLE_DELIMITER", sourceColumn=a, pattern=" ", limit="2"), names),
)  # fmt: skip
DROPPING = st.one_of(
    st.builds(lambda a: step("REMOVE_MISSING", sourceColumn=a), names),
    st.builds(lambda a: step("REMOVE_VALUES", [condition("LESS_THAN", a, "2")], sourceColumn=a), names),
    st.builds(lambda a: step("REMOVE_DUPLICATES", sourceColumn=a), names),
    st.just(step("DELETE_DUPLICATE_ROWS")),
)


def planned(steps):
    """A recipe of those of the steps that fit, in order, so that few examples are thrown away."""
    kept = []
    for one in steps:
        try:
            plan_recipe(recipe_of(*kept, one), COLUMNS)
        except MISFITS:
            continue
        kept.append(one)
    return recipe_of(*kept)


def applied(recipe, given_rows):
    plan = plan_recipe(recipe, COLUMNS)
    return plan, list(plan.apply(copy.deepcopy(given_rows)))


@given(st.lists(KEEPING | DROPPING, max_size=8), rows)
def test_each_row_has_a_cell_for_each_column_and_lineage_covers_them(steps, given_rows):
    recipe = planned(steps)
    plan, left = applied(recipe, given_rows)

    assert all(len(row) == len(plan.columns) for row in left)
    assert tuple(plan.lineage) == plan.columns
    for origin in plan.lineage.values():
        assert origin.inputs
        assert set(origin.inputs) <= set(COLUMNS)
        assert set(origin.steps) <= set(range(1, len(recipe.steps) + 1))
        assert list(origin.steps) == sorted(set(origin.steps))


@given(st.lists(KEEPING, max_size=8), rows)
def test_steps_that_keep_rows_keep_all_of_them(steps, given_rows):
    assert len(applied(planned(steps), given_rows)[1]) == len(given_rows)


@given(st.lists(KEEPING | DROPPING, max_size=8), rows)
def test_the_same_rows_make_the_same_bytes(steps, given_rows):
    recipe = planned(steps)
    written = [write_rows("csv", plan.columns, left) for plan, left in (applied(recipe, given_rows) for _ in range(2))]

    assert written[0] == written[1]
    assert written[0][1] <= len(given_rows)


@given(st.lists(KEEPING | DROPPING, max_size=6), rows)
def test_what_the_lineage_does_not_name_does_not_matter(steps, given_rows):
    """A column's values depend on the rows' inputs alone: with steps that keep rows, others may change freely."""
    recipe = planned([one for one in steps if "REMOVE" not in one["Action"]["Operation"]
                      and "DUPLICATE_ROWS" not in one["Action"]["Operation"]])  # fmt: skip
    plan, left = applied(recipe, given_rows)
    for name, origin in plan.lineage.items():
        others = [at for at, column in enumerate(COLUMNS) if column not in origin.inputs]
        changed = [["other" if at in others else cell for at, cell in enumerate(row)] for row in given_rows]
        _, again = applied(recipe, changed)
        at = plan.columns.index(name)
        assert [row[at] for row in again] == [row[at] for row in left]


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n\x1a\x7f",
                                               exclude_categories=["Cc", "Cs"]), min_size=1), min_size=2, max_size=2),
                min_size=1, max_size=5))  # fmt: skip
def test_written_csv_is_read_back_as_it_was(texts):
    body, _ = write_rows("csv", ["first", "second"], texts)

    source = read_raw(body, bucket="b", key="p1/raw/t/a.csv")
    assert (source.columns, list(source.rows)) == (("first", "second"), texts)
