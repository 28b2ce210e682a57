"""A job's engine and the function's against the same tables, written by hand from the guide: the same rows in both."""

import csv
import io
import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mesh.domain.curation.cells import text, to_json
from mesh.domain.curation.errors import MISFITS
from mesh.domain.curation.objects import read_raw, write_rows
from mesh.domain.curation.operations import OPERATIONS
from mesh.domain.curation.plan import plan_recipe

from local.databrew.engine import run as engine
from local.databrew.engine.frame import StepError
from local.samples import credit, credit_english
from tests.unit.domain.curation.recipes import condition, recipe_of, step
from tests.unit.domain.curation.test_operations import CASES
from tests.unit.domain.curation.test_properties import COLUMNS, DROPPING, KEEPING, planned, rows


def job(columns, given_rows, *steps, kind="JSON"):
    """(columns, rows) that a job writes; a null field of JSON is left out, so the columns are those that are there."""
    if kind == "JSON":
        lines = ("{" + ", ".join(f"{json.dumps(n)}: {to_json(c)}" for n, c in zip(columns, row, strict=True)) + "}\n"
                 for row in given_rows)  # fmt: skip
        body = "".join(lines)
    else:
        body = csv_text(columns, [[text(cell) for cell in row] for row in given_rows])
    written = engine.run(body.encode(), list(steps), source={"Format": kind}, target={"Format": kind}).decode()
    if kind == "JSON":
        return [json.loads(line, parse_float=Decimal) for line in written.splitlines()]
    return list(csv.reader(io.StringIO(written, newline="")))


def csv_text(header, body):
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([header, *body])
    return out.getvalue()


def as_json(cell):
    """A cell as JSON lines bring it back."""
    return json.loads(to_json(cell), parse_float=Decimal)


@pytest.mark.parametrize(
    ("columns", "before", "one", "columns_after", "after"),
    [pytest.param(*case[1:], id=f"{case[0]}-{number}") for number, case in enumerate(CASES)],
)
def test_rows_before_and_after_as_for_the_function(columns, before, one, columns_after, after):
    names = columns_after.split()

    found = job(columns.split(), before, one)

    wanted = [{name: as_json(cell) for name, cell in zip(names, row, strict=True) if cell is not None} for row in after]
    assert found == wanted
    assert [[type(value) for value in row.values()] for row in found] == [
        [type(value) for value in row.values()] for row in wanted
    ]
    assert [list(row) for row in found] == [list(row) for row in wanted], "columns in order"


@pytest.mark.parametrize(
    ("columns", "before", "one", "columns_after", "after"),
    [pytest.param(*case[1:], id=f"{case[0]}-{number}") for number, case in enumerate(CASES)],
)
def test_the_same_tables_as_csv(columns, before, one, columns_after, after):
    if any(cell is not None and not isinstance(cell, str) for row in before for cell in row):
        before = [[text(cell) or None for cell in row] for row in before]  # CSV has text alone
    found = job(columns.split(), before, one, kind="CSV")

    assert found == [columns_after.split(), *[[text(cell) for cell in row] for row in after]]


def test_every_operation_of_the_function_is_one_of_the_job():
    assert set(engine.OPERATIONS) == set(OPERATIONS)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("IS", "ab", ["ba", "7", ""]),
        ("IS", '["ab", "ba"]', ["7", ""]),
        ("IS_NOT", "ab", ["ab"]),
        ("CONTAINS", "b", ["7", ""]),
        ("NOT_CONTAINS", "b", ["ab", "ba"]),
        ("STARTS_WITH", "a", ["ba", "7", ""]),
        ("NOT_STARTS_WITH", "a", ["ab"]),
        ("ENDS_WITH", "a", ["ab", "7", ""]),
        ("NOT_ENDS_WITH", "a", ["ba"]),
        ("LESS_THAN", "7", ["ab", "ba", "7", ""]),
        ("LESS_THAN_EQUAL", "7", ["ab", "ba", ""]),
        ("GREATER_THAN", "6.9", ["ab", "ba", ""]),
        ("GREATER_THAN_EQUAL", "7.1", ["ab", "ba", "7", ""]),
        ("IS_BETWEEN", '{"GREATER_THAN_EQUAL": 7, "LESS_THAN_EQUAL": "8"}', ["ab", "ba", ""]),
        ("IS_MISSING", None, ["ab", "ba", "7"]),
    ],
)
def test_each_condition_as_for_the_function(name, value, kept):
    filtered = step("REMOVE_VALUES", [condition(name, "a", value)], sourceColumn="a")

    found = job(["a", "b"], [["ab", "x"], ["ba", "x"], ["7", "x"], [None, "x"]], filtered, kind="CSV")

    assert [row[0] for row in found[1:]] == kept


STEPS = st.lists(KEEPING | DROPPING, max_size=6)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(STEPS, rows)
def test_any_recipe_on_any_rows_gives_the_same_in_both(steps, given_rows):
    """Recipes of many steps: what one leaves to the next counts as well."""
    fitting = []
    for one in steps:
        try:
            plan_recipe(recipe_of(*fitting, one), COLUMNS)
        except MISFITS:
            continue
        fitting.append(one)
    assert planned(steps).sha256 == recipe_of(*fitting).sha256
    plan = plan_recipe(recipe_of(*fitting), COLUMNS)
    wanted, _ = write_rows("csv", plan.columns, plan.apply([list(row) for row in given_rows]))

    found = job(COLUMNS, given_rows, *fitting, kind="CSV")

    assert found == list(csv.reader(io.StringIO(wanted.decode(), newline="")))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(
    ["", " x ", "ß und É", "1", "-2.50", "1e3", "1e400", ".5", "31.12.2019", "2026-11-21T10:20:30+02:00", "02/30/2020",
     "12 march 2020", "a/b//c", "o'neill. the END! ok", "'q'", "(a-1)", "YES", "\u00a0x", "4294967296"]),
    min_size=1, max_size=6), st.sampled_from(sorted({case[0] for case in CASES})))  # fmt: skip
def test_each_operation_on_odd_values_gives_the_same_in_both(values, operation):
    one = next(case[3] for case in CASES if case[0] == operation)
    columns = next(case[1] for case in CASES if case[0] == operation).split()
    table = [[value or None for _ in columns] for value in values]
    plan = plan_recipe(recipe_of(one), columns)
    wanted, _ = write_rows("csv", plan.columns, plan.apply([list(row) for row in table]))

    found = job(columns, table, one, kind="CSV")

    assert found == [row or [""] for row in csv.reader(io.StringIO(wanted.decode(), newline=""))]


def test_the_shipped_recipe_gives_the_same_bytes_in_both(tmp_path):
    recipe = credit_english.recipe()
    credit.write_rows(tmp_path / "a.csv", 200, 7)
    body = (tmp_path / "a.csv").read_bytes()
    source = read_raw(body, bucket="b", key="p/raw/t/a.csv")
    plan = plan_recipe(recipe_of(*recipe), source.columns)
    wanted, count = write_rows("csv", plan.columns, plan.apply(source.rows))

    written = engine.run(body, recipe, source={"Format": "CSV"}, target={"Format": "CSV"})

    assert (written, count) == (wanted, 200)


@pytest.mark.parametrize(
    ("body", "steps", "said"),
    [
        (b"a,b\n1\n", [], "differ in their number"),
        (b"a,b\n1,\xff\n", [], "Unable to read"),
        (b"a,b\n1,2\n", [step("DELETE", sourceColumn="z")], "Step 1 (DELETE): Column z does not exist"),
        (b"a,b\n1,2\n", [step("PIVOT", sourceColumn="a")], "PIVOT is not supported"),
        (b"a,b\n1,2\n", [step("RENAME", sourceColumn="a", targetColumn="b")], "exists already"),
    ],
)
def test_what_ends_a_job(body, steps, said):
    with pytest.raises(StepError) as ended:
        engine.run(body, steps, source={"Format": "CSV"}, target={"Format": "CSV"})

    assert said in str(ended.value)
