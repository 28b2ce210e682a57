"""Types that people expect, decided from all rows, the contract, and the published table."""

import pytest
from mesh.domain.onboarding.reading.types import join, published

from tests.unit.onboarding.reading.reading import FOLDER, codes, opened, rows, table, types


def one(values, **more):
    """The type of a column of these texts, and its values as published."""
    content = "id,v\n" + "".join(f"{index},{value}\n" for index, value in enumerate(values))
    found, published_rows = rows(content, **more)
    return found["v"], [row["v"] for row in published_rows]


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        (["1", "-2", "+3", "0", ""], "bigint"), (["1"] * 5000 + ["1.5"], "double"), (["0107", "0410"], "string"),
        (["1"] * 5000 + ["0107"], "string"), (["1", "007"], "string"), (["-01", "2"], "string"),
        (["123456789012345", "-999999999999999"], "bigint"), (["1234567890123456"], "string"),
        (["9223372036854775808"], "string"), (["9" * 5000], "string"), (["1.5", ".5", "2.", "1e5", "-3E-7"], "double"),
        (["1.5", "01.5"], "string"), (["1.5", "1234567890123456"], "string"), (["1", "x"], "string"),
        (["true", "False", "TRUE"], "boolean"), (["true", "1"], "string"), (["2026-01-01", "2026-12-31"], "date"),
        (["2026-02-30"], "string"), (["2026-01-01", "2026-01-02 10:11:12"], "timestamp"),
        (["2026-01-01T10:11:12Z", "2026-01-01T10:11:12+02:00"], "timestamp"), (["2026-01-01T10:11"], "timestamp"),
        (["2026-01-01 10:11:12.123456"], "timestamp"), (["2026-01-01 10:11:12.1234567"], "string"),
        (["2026-01-01", "soon"], "string"), (["", ""], "string"), (["nan"], "string"), (["1_000"], "string"),
        (["0x10"], "string"), (["1e400"], "string"), (["٣"], "string"), (["."], "string"), (["1 000"], "string"),
        (["12:30:00"], "string"), (["01/02/2026"], "string"), (["$5"], "string"), (["1,5".replace(",", ";")], "string"),
    ],
)  # fmt: skip
def test_all_rows_decide(values, type_):
    found, published_values = one(values)
    assert found == type_
    if type_ == "string":
        assert published_values == [value or None for value in values]


def test_zones_become_utc():
    assert [str(value) for value in one(["2026-01-01T10:00:00+02:00", "2026-01-01 10:00:00.5"])[1]] == [
        "2026-01-01 08:00:00", "2026-01-01 10:00:00.500000",
    ]  # fmt: skip


def test_a_quoted_file_with_an_empty_number_has_a_null():
    found, values = rows('id,"name",score\n1,"Ann, B",\n2,"Cy",7\n')
    assert (found["score"], [row["score"] for row in values]) == ("bigint", [None, 7])


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("bigint", "0107", 107), ("bigint", "12345678901234567", 12345678901234567), ("int", " 5 ", 5),
        ("int", "5.0", 5),
        ("smallint", "7", 7), ("double", "1", 1.0), ("string", "1.50", "1.50"), ("string", "0107", "0107"),
        ("decimal(10,2)", "1.50", None), ("boolean", "TRUE", True), ("binary", "abc", b"abc"),
        ("array<int>", '"[1,2]"', [1, 2]), ("struct<a:int>", '"{""a"":1}"', {"a": 1}),
    ],
)  # fmt: skip
def test_the_contracts_type_is_what_the_table_has(type_, text, value):
    found, values = one([text], expected={"id": "bigint", "v": type_})
    assert found == published(type_)
    assert values == [value] if value is not None else str(values[0]) == "1.50"


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("bigint", "1.5"), ("bigint", "x"), ("int", "3000000000"), ("double", "x"), ("double", "1_0"), ("date", "2026"),
        ("date", "2026-01-01 10:00"), ("timestamp", "soon"), ("boolean", "1"), ("boolean", "yes"),
        ("decimal(4,2)", "1.239"), ("decimal(4,2)", "123.4"), ("array<int>", "x"), ("bigint", "0x10"),
    ],
)  # fmt: skip
def test_a_value_that_is_not_of_the_contracts_type_is_an_error(type_, text):
    files = {"a.csv": f"id,v\n1,{text}\n2,\n", "b.csv": "id,v\n2,\n"}
    with opened(files, expected={"id": "bigint", "v": type_}) as reading:
        assert codes(reading) == [("ValueNotOfType", "error")]
        (finding,) = reading.findings
        assert (finding.column, finding.observed, finding.keys) == ("v", 1.0, (FOLDER + "a.csv",))
        reading.exclude([FOLDER + "a.csv"])
        assert codes(reading) == []
        assert types(reading)["v"] == type_


@pytest.mark.parametrize(
    ("before", "values", "after", "widened"),
    [
        ("bigint", ["1.5"], "double", True), ("double", ["1"], "double", False), ("double", ["x"], "string", True),
        ("string", ["1"], "string", False), ("bigint", ["2"], "bigint", False), ("int", ["2"], "bigint", True),
        ("bigint", [""], "bigint", False), ("date", ["2026-01-01 10:00"], "timestamp", True),
        ("timestamp", ["2026-01-01"], "timestamp", False), ("boolean", ["1"], "string", True),
        ("decimal(10,2)", ["1"], "decimal(21,2)", True), ("bigint", ["0107"], "string", True),
        ("array<int>", ["x"], "string", True),
    ],
)  # fmt: skip
def test_a_published_type_widens_and_never_narrows(before, values, after, widened):
    content = "id,v\n" + "".join(f"1,{value}\n" for value in values)
    with opened({"a.csv": content}, present={"id": "bigint", "v": before}) as reading:
        assert types(reading)["v"] == after
        assert codes(reading) == ([("TypeWidened", "info")] if widened else [])
        assert table(reading).num_rows == len(values)


def test_text_that_becomes_a_string_keeps_its_form():
    files = {"a.csv": "id,v\n1,1.50\n2,+7\n", "b.csv": "id,v\n3,x\n"}
    found, values = rows(files)
    assert (found["v"], [row["v"] for row in values]) == ("string", ["1.50", "+7", "x"])


def test_types_are_decided_anew_without_excluded_objects():
    files = {"a.csv": "id,v,w\n1,1.50,5\n", "b.csv": "id,v,w\n2,x,1.5\n", "c.csv": "id,v,w\n3,7,6\n"}
    with opened(files) as reading:
        assert types(reading) == {"id": "bigint", "v": "string", "w": "double"}
        reading.exclude([FOLDER + "b.csv"])
        assert types(reading) == {"id": "bigint", "v": "double", "w": "bigint"}
        assert table(reading).to_pylist() == [{"id": 1, "v": 1.5, "w": 5}, {"id": 3, "v": 7.0, "w": 6}]
        reading.exclude([FOLDER + "a.csv"])
        assert types(reading) == {"id": "bigint", "v": "bigint", "w": "bigint"}
        reading.exclude([FOLDER + "c.csv"])
        assert reading.sources == ()


def test_columns_keep_the_tables_order_and_partition_keys_are_last():
    files = {"dt=2026-01-01/a.csv": "new,b,a\n1,2,3\n"}
    with opened(files, present={"a": "bigint", "b": "bigint", "gone": "string", "dt": "string"}) as reading:
        assert list(types(reading)) == ["a", "b", "gone", "new", "dt"]
        assert table(reading).to_pylist() == [{"a": 3, "b": 2, "gone": None, "new": 1, "dt": "2026-01-01"}]
        assert reading.partition_keys == ("dt",)


def test_partition_keys_have_the_contracts_type():
    files = {"dt=2026-01-01/a.csv": "v\n1\n", "dt=__HIVE_DEFAULT_PARTITION__/b.csv": "v\n2\n"}
    found, values = rows(files, expected={"v": "bigint"}, keys={"dt": "date"})
    assert found == {"v": "bigint", "dt": "date"}
    assert [str(row["dt"]) for row in values] == ["2026-01-01", "None"]


def test_a_folder_that_is_not_of_its_keys_type_is_an_error():
    with opened({"dt=soon/a.csv": "v\n1\n2\n"}, expected={"v": "bigint"}, keys={"dt": "date"}) as reading:
        assert [(f.code, f.column, f.observed) for f in reading.findings] == [("ValueNotOfType", "dt", 2.0)]


def test_objects_under_other_keys_are_set_aside():
    files = {"dt=1/a.csv": "v\n1\n", "dt=2/b.csv": "v\n2\n", "c.csv": "v\n3\n"}
    with opened(files) as reading:
        assert [(f.code, f.keys) for f in reading.findings] == [("InconsistentPartitions", (FOLDER + "c.csv",))]
        assert table(reading).num_rows == 2


def test_a_partition_key_is_not_a_column_of_the_file():
    with opened({"v=1/a.csv": "v,w\n1,2\n", "v=2/b.csv": "w\n2\n"}) as reading:
        assert [(f.code, f.keys) for f in reading.findings] == [("DuplicateColumns", (FOLDER + "v=1/a.csv",))]
        assert table(reading).to_pylist() == [{"w": 2, "v": "2"}]


@pytest.mark.parametrize(
    ("left", "right", "both"),
    [
        ("", "date", "date"), ("tinyint", "smallint", "int"), ("float", "int", "double"), ("float", "float", "float"),
        ("decimal(38,0)", "decimal(38,10)", "string"), ("bigint", "decimal(20,0)", "decimal(20,0)"),
        ("array<>", "array<int>", "array<int>"), ("array<int>", "array<string>", "array<string>"),
        ("struct<a:int>", "struct<b:date>", "struct<a:int,b:date>"), ("struct<a:int>", "array<int>", "string"),
        ("map<string,int>", "map<string,double>", "map<string,double>"), ("date", "bigint", "string"),
    ],
)  # fmt: skip
def test_the_type_that_holds_both(left, right, both):
    assert join(left, right) == both
    assert published(join(right, left)) == published(both) or both.startswith("struct")
