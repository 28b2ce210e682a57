# ruff: noqa: E501 - tables
"""Each operation: a table of rows before and after, written by hand from the page of the DataBrew guide."""

import json
from decimal import Decimal

import pytest
from mesh.domain.onboarding.curation.operations import OPERATIONS

from tests.unit.onboarding.curation.recipes import condition, curate, step

# operation, columns before, rows before, step, columns after, rows after
CASES = [
    ("RENAME", "a b", [["1", "2"]], step("RENAME", sourceColumn="a", targetColumn="x"), "x b", [["1", "2"]]),
    ("RENAME", "a b", [["1", "2"]], step("RENAME", sourceColumn="a", targetColumn="A"), "A b", [["1", "2"]]),
    ("DELETE", "a b c", [["1", "2", "3"]], step("DELETE", sourceColumn="b"), "a c", [["1", "3"]]),
    (
        "DUPLICATE", "a b", [["1", "2"], [None, "3"]], step("DUPLICATE", sourceColumn="a", targetColumn="copy"),
        "a copy b", [["1", "1", "2"], [None, None, "3"]],
    ),
    ("MOVE_AFTER", "a b c", [["1", "2", "3"]], step("MOVE_AFTER", sourceColumn="a", targetColumn="b"), "b a c",
     [["2", "1", "3"]]),
    ("MOVE_AFTER", "a b c", [["1", "2", "3"]], step("MOVE_AFTER", sourceColumn="c", targetColumn="a"), "a c b",
     [["1", "3", "2"]]),
    ("MOVE_BEFORE", "a b c", [["1", "2", "3"]], step("MOVE_BEFORE", sourceColumn="c", targetColumn="a"), "c a b",
     [["3", "1", "2"]]),
    ("MOVE_BEFORE", "a b c", [["1", "2", "3"]], step("MOVE_BEFORE", sourceColumn="a", targetColumn="c"), "b a c",
     [["2", "1", "3"]]),
    ("MOVE_TO_START", "a b c", [["1", "2", "3"]], step("MOVE_TO_START", sourceColumn="c"), "c a b", [["3", "1", "2"]]),
    ("MOVE_TO_END", "a b c", [["1", "2", "3"]], step("MOVE_TO_END", sourceColumn="a"), "b c a", [["2", "3", "1"]]),
    ("UPPER_CASE", "a", [["straße"], [None], [""]], step("UPPER_CASE", sourceColumn="a"), "a", [["STRASSE"], [None], [""]]),
    ("LOWER_CASE", "a", [["ÄB"], [None]], step("LOWER_CASE", sourceColumn="a"), "a", [["äb"], [None]]),
    (
        "CAPITAL_CASE", "a", [["the quick BROWN fox"], ["o'neill"]], step("CAPITAL_CASE", sourceColumn="a"),
        "a", [["The Quick Brown Fox"], ["O'neill"]],
    ),
    (
        "SENTENCE_CASE", "a", [["the quick BROWN fox. jumped over. THE fence"]], step("SENTENCE_CASE", sourceColumn="a"),
        "a", [["The quick brown fox. Jumped over. The fence"]],
    ),
    ("ADD_PREFIX", "a", [["1"], [None]], step("ADD_PREFIX", sourceColumn="a", pattern="id-"), "a", [["id-1"], [None]]),
    ("ADD_SUFFIX", "a", [["1"], [None]], step("ADD_SUFFIX", sourceColumn="a", pattern=" DM"), "a", [["1 DM"], [None]]),
    (
        "REPLACE_TEXT", "a", [["mate"], ["stalemate"], [None]],
        step("REPLACE_TEXT", sourceColumn="a", pattern="mate", value="checkmate"),
        "a", [["checkmate"], ["stalecheckmate"], [None]],
    ),
    ("REPLACE_TEXT", "a", [["a1b22"]], step("REPLACE_TEXT", sourceColumn="a", pattern="[0-9]", value="!"), "a", [["a!b!!"]]),
    ("REPLACE_TEXT", "a", [["a1"]], step("REPLACE_TEXT", sourceColumn="a", pattern="1", value="\\1"), "a", [["a\\1"]]),
    ("REPLACE_TEXT", "a", [["1,000"]], step("REPLACE_TEXT", sourceColumn="a", pattern=","), "a", [["1000"]]),
    (
        "REMOVE_COMBINED", "a", [["  a  b "], [None]],
        step("REMOVE_COMBINED", sourceColumn="a", removeLeadingAndTrailingWhitespace="true",
             collapseConsecutiveWhitespace="true", removeLetters="false"),
        "a", [["a b"], [None]],
    ),
    (
        "REMOVE_COMBINED", "a", [["(a1-b2)!"]],
        step("REMOVE_COMBINED", sourceColumn="a", removeSpecialCharacters="true", removeNumbers="true"), "a", [["ab"]],
    ),
    (
        "REMOVE_COMBINED", "a", [["'x' yes, y"]],
        step("REMOVE_COMBINED", sourceColumn="a", removeAllQuotes="true", removeCustomValue="true", customValue="yes",
             removeCustomCharacters="true", customCharacters="y"),
        "a", [["x es, "]],
    ),
    (
        "FORMAT_DATE", "a", [["2019-12-31"], ["31.12.2019"], ["soon"], [None]],
        step("FORMAT_DATE", sourceColumn="a", targetDateFormat="dd month yyyy"),
        "a", [["31 December 2019"], ["31 December 2019"], [None], [None]],
    ),
    (
        "DATE_FORMAT", "d b", [["12/31/2019 22:10", "x"], [None, "y"]],
        step("DATE_FORMAT", sourceColumn="d", dateTimeFormat="yyyy/mm/dd HH:MM:SS", targetColumn="f"),
        "d f b", [["12/31/2019 22:10", "2019/12/31 22:10:00", "x"], [None, None, "y"]],
    ),
    (
        "DATE_FORMAT", "a", [["1"]], step("DATE_FORMAT", value="2020-02-29", dateTimeFormat="month*dd*yyyy",
                                        targetColumn="f"), "a f", [["1", "February*29*2020"]],
    ),
    (
        "FILL_WITH_CUSTOM", "a", [["1"], [None], [""]],
        step("FILL_WITH_CUSTOM", sourceColumn="a", columnDataType="string", value="none given"),
        "a", [["1"], ["none given"], ["none given"]],
    ),
    (
        "FILL_WITH_LAST_VALID", "a", [[None], ["1"], [None], ["2"], [""]],
        step("FILL_WITH_LAST_VALID", sourceColumn="a", columnDataType="string"),
        "a", [[None], ["1"], ["1"], ["2"], ["2"]],
    ),
    ("REMOVE_MISSING", "a b", [["1", None], [None, "2"], ["", "3"]], step("REMOVE_MISSING", sourceColumn="a"), "a b",
     [["1", None]]),
    (
        "REMOVE_VALUES", "a b", [["1799", "x"], ["1800", "y"], [None, "z"], ["n/a", "w"]],
        step("REMOVE_VALUES", [condition("LESS_THAN", "a", "1800")], sourceColumn="a"),
        "a b", [["1800", "y"], [None, "z"], ["n/a", "w"]],
    ),
    (
        "REMOVE_VALUES", "a", [["draw"], ["white"], [None]],
        step("REMOVE_VALUES", [condition("IS", "a", '["draw"]')], sourceColumn="a"), "a", [["white"], [None]],
    ),
    (
        "REMOVE_VALUES", "a b", [["1", "x"], ["1", "y"], ["2", "x"]],
        step("REMOVE_VALUES", [condition("IS", "a", "1"), condition("IS", "b", "x")], sourceColumn="a"),
        "a b", [["1", "y"], ["2", "x"]],
    ),
    ("DELETE_DUPLICATE_ROWS", "a b", [["1", "2"], ["1", "3"], ["1", "2"], [None, None], [None, None]],
     step("DELETE_DUPLICATE_ROWS"), "a b", [["1", "2"], ["1", "3"], [None, None]]),
    ("REMOVE_DUPLICATES", "a b", [["1", "2"], ["1", "3"], [None, "4"], ["", "5"]],
     step("REMOVE_DUPLICATES", sourceColumn="a"), "a b", [["1", "2"], [None, "4"]]),
    (
        "MERGE", "a b c", [["1", "2", "x"], ["1", None, "x"], [None, None, "x"]],
        step("MERGE", sourceColumns='["a", "b"]', delimiter="-", targetColumn="m"),
        "a b m c", [["1", "2", "1-2", "x"], ["1", None, "1", "x"], [None, None, None, "x"]],
    ),
    (
        "MERGE_COLUMNS_AND_VALUES", "a b", [["x", "y"]],
        step("MERGE_COLUMNS_AND_VALUES", sourceColumns='["b", "a"]', targetColumn="m"), "a b m", [["x", "y", "yx"]],
    ),
    (
        "SPLIT_COLUMN_SINGLE_DELIMITER", "a b", [["1/2/3", "x"], ["1", "y"], [None, "z"], ["/2", "w"]],
        step("SPLIT_COLUMN_SINGLE_DELIMITER", sourceColumn="a", pattern="/", limit="1"),
        "a a_1 a_2 b",
        [["1/2/3", "1", "2/3", "x"], ["1", "1", None, "y"], [None, None, None, "z"], ["/2", None, "2", "w"]],
    ),
    (
        "ADD", "a b", [["1", "2.5"], ["0.1", "0.2"], ["x", "1"], [None, "1"]],
        step("ADD", sourceColumn1="a", sourceColumn2="b", targetColumn="s"),
        "a b s",
        [["1", "2.5", Decimal("3.5")], ["0.1", "0.2", Decimal("0.3")], ["x", "1", None], [None, "1", None]],
    ),
    ("ADD", "a", [["1"]], step("ADD", sourceColumn1="a", value1="10", targetColumn="s"), "a s", [["1", 11]]),
    ("SUBTRACT", "a", [["75"]], step("SUBTRACT", sourceColumn1="a", value2="10", targetColumn="s"), "a s", [["75", 65]]),
    ("SUBTRACT", "a", [["75"]], step("SUBTRACT", value1="100", sourceColumn2="a", targetColumn="s"), "a s", [["75", 25]]),
    ("MULTIPLY", "a b", [["1.5", "2"]], step("MULTIPLY", sourceColumn1="a", sourceColumn2="b", targetColumn="s"), "a b s",
     [["1.5", "2", 3]]),
    ("DIVIDE", "a b", [["7", "2"], ["7", "0"]], step("DIVIDE", sourceColumn1="a", sourceColumn2="b", targetColumn="s"),
     "a b s", [["7", "2", Decimal("3.5")], ["7", "0", None]]),
    ("TRIM", "a", [["  x y "], [None]], step("TRIM", sourceColumn="a", targetColumn="t"), "a t",
     [["  x y ", "x y"], [None, None]]),
    ("UPPER", "a", [["x"]], step("UPPER", value="eu", targetColumn="t"), "a t", [["x", "EU"]]),
    ("LOWER", "a", [["X"]], step("LOWER", sourceColumn="a", targetColumn="t"), "a t", [["X", "x"]]),
    ("PROPER", "a", [["MR. SMITH"]], step("PROPER", sourceColumn="a", targetColumn="t"), "a t", [["MR. SMITH", "Mr. Smith"]]),
]  # fmt: skip
CASES += [
    ("CATEGORICAL_MAPPING", "c x", [["1", "a"], ["9", "b"], [None, "d"]],
     step("CATEGORICAL_MAPPING", sourceColumn="c", targetColumn="m", categoryMap='{"1": "one"}', **more), "c m x", after)
    for more, after in [
        ({}, [["1", "one", "a"], ["9", None, "b"], [None, None, "d"]]),
        ({"keepOthers": "true"}, [["1", "one", "a"], ["9", "9", "b"], [None, None, "d"]]),
        ({"other": "?", "keepOthers": "false"}, [["1", "one", "a"], ["9", "?", "b"], [None, None, "d"]]),
        ({"deleteOtherRows": "true"}, [["1", "one", "a"]]),
    ]
]  # fmt: skip
CASES += [
    ("CHANGE_DATA_TYPE", "a", [[value] for value in before],
     step("CHANGE_DATA_TYPE", sourceColumn="a", columnDataType=kind), "a", [[value] for value in after])
    for kind, before, after in [
        ("int", ["123", "ABC", " 7 ", "12.0", "12.5", "2147483648", None], [123, None, 7, 12, None, None, None]),
        ("byte", ["127", "128", "-128"], [127, None, -128]),
        ("short", ["32767", "32768"], [32767, None]),
        ("long", ["9223372036854775807", "9223372036854775808"], [9223372036854775807, None]),
        ("double", ["1.5", "12", "1e3", "x"], [1.5, 12.0, 1000.0, None]),
        ("float", ["0.1"], [0.1]),
        ("decimal", ["0.10", "1.0000000000000000005", "1e30"], [Decimal("0.10"), Decimal("1.000000000000000000"), None]),
        ("string", ["x", 5, True], ["x", "5", "true"]),
        ("boolean", ["true", "No", "YES", "1"], [True, False, True, None]),
        ("date", ["2026-11-21T10:00:00", "11/21/2026", "21/11/2026"], ["2026-11-21", "2026-11-21", None]),
        ("timestamp", ["2026-11-21", "2026-11-21 10:20"], ["2026-11-21 00:00:00", "2026-11-21 10:20:00"]),
    ]
]  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "rows", "one", "columns_after", "rows_after"),
    [pytest.param(*case[1:], id=f"{case[0]}-{number}") for number, case in enumerate(CASES)],
)
def test_rows_before_and_after(columns, rows, one, columns_after, rows_after):
    found, left = curate(columns, rows, one)

    assert (found, left) == (columns_after, rows_after)
    assert [list(map(type, row)) for row in left] == [list(map(type, row)) for row in rows_after]


def test_every_operation_has_a_table():
    assert {case[0] for case in CASES} == set(OPERATIONS)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("IS", "ab", ["ba", "7", None]),
        ("IS_NOT", "ab", ["ab"]),
        ("CONTAINS", "b", ["7", None]),
        ("NOT_CONTAINS", "b", ["ab", "ba"]),
        ("STARTS_WITH", "a", ["ba", "7", None]),
        ("NOT_STARTS_WITH", "a", ["ab"]),
        ("ENDS_WITH", "a", ["ab", "7", None]),
        ("NOT_ENDS_WITH", "a", ["ba"]),
        ("LESS_THAN", "7", ["ab", "ba", "7", None]),
        ("LESS_THAN_EQUAL", "7", ["ab", "ba", None]),
        ("GREATER_THAN", "6.9", ["ab", "ba", None]),
        ("GREATER_THAN_EQUAL", "7.1", ["ab", "ba", "7", None]),
        ("IS_BETWEEN", '{"GREATER_THAN_EQUAL": 7, "LESS_THAN_EQUAL": "8"}', ["ab", "ba", None]),
        ("IS_MISSING", None, ["ab", "ba", "7"]),
    ],
)
def test_each_condition(name, value, kept):
    filtered = step("REMOVE_VALUES", [condition(name, "a", value)], sourceColumn="a")

    _, rows = curate("a", [["ab"], ["ba"], ["7"], [None]], filtered)

    assert [row[0] for row in rows] == kept


def test_a_change_under_a_condition_leaves_other_rows_alone():
    changed = step("UPPER_CASE", [condition("IS", "b", "1")], sourceColumn="a")

    assert curate("a b", [["x", "1"], ["x", "2"]], changed)[1] == [["X", "1"], ["x", "2"]]


def test_steps_follow_one_another():
    mapping = json.dumps({"1": "no account", "2": "below 0"})
    columns, rows = curate(
        "laufkont hoehe",
        [["1", "100"], ["2", None]],
        step("CATEGORICAL_MAPPING", sourceColumn="laufkont", targetColumn="status", categoryMap=mapping),
        step("DELETE", sourceColumn="laufkont"),
        step("RENAME", sourceColumn="hoehe", targetColumn="amount"),
        step("FILL_WITH_CUSTOM", sourceColumn="amount", columnDataType="number", value="0"),
        step("DIVIDE", sourceColumn1="amount", value2="8", targetColumn="share"),
    )

    assert columns == "status amount share"
    assert rows == [["no account", "100", Decimal("12.5")], ["below 0", Decimal(0), 0]]
