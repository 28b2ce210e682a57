"""JSON lines and Parquet of any depth: published, or a finding that names the column; never an exception."""

import datetime as dt
import decimal
import io
import json

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mesh.adapters.duckdb.measuring.faults import first_line

from tests.latin_1 import latin_1_parquet
from tests.unit.onboarding.reading.reading import FOLDER, LIMITS, codes, opened, parquet, rows, table, types


@pytest.fixture(params=["copied", "in place"])
def parquet_is(request, monkeypatch):
    monkeypatch.setitem(LIMITS, "in_place_from", 0 if request.param == "in place" else 2**40)


def json_rows(content, **more):
    return rows({"a.json": content}, **more)


def test_json_of_any_depth_is_published():
    found, values = json_rows('{"id":1,"Deep":{"A":[{"b":{"C":1.5}}]}}\n{"id":2,"deep":null,"x":[true,null]}\n')
    assert found == {"id": "bigint", "deep": "struct<a:array<struct<b:struct<c:double>>>>", "x": "array<boolean>"}
    assert values[0]["deep"] == {"a": [{"b": {"c": 1.5}}]}
    assert values[1] == {"id": 2, "deep": None, "x": [True, None]}


@pytest.mark.parametrize(
    ("first", "second", "type_", "values"),
    [
        ("1", "2.5", "double", [1.0, 2.5]), ("1", '"x"', "string", ["1", "x"]),
        ("[1,2]", '"x"', "string", ["[1,2]", "x"]),
        ('{"a":1}', "[1]", "string", ['{"a":1}', "[1]"]), ("{}", "{}", "string", ["{}", "{}"]),
        ("null", "null", "string", [None, None]), ("[]", "[]", "array<string>", [[], []]),
        ("[]", "[1]", "array<bigint>", [[], [1]]),
        ('{"a":1}', '{"b":"x"}', "struct<a:bigint,b:string>", [{"a": 1, "b": None}, {"a": None, "b": "x"}]),
        ('{"a":{}}', "null", "struct<a:string>", [{"a": "{}"}, None]), ('"0107"', '"1"', "string", ["0107", "1"]),
        ("12345678901234567", "1", "bigint", [12345678901234567, 1]),
        ("18446744073709551615", "1", "string", ["18446744073709551615", "1"]),
        ("[18446744073709551615]", "[1]", "array<string>", [["18446744073709551615"], ["1"]]),
        ("[9223372036854775807]", "[1]", "array<string>", [["9223372036854775807"], ["1"]]),
        ('"2026-01-01"', '"2026-01-02"', "date", [dt.date(2026, 1, 1), dt.date(2026, 1, 2)]),
        ("true", "false", "boolean", [True, False]), ("true", "1", "string", ["true", "1"]),
        ('{"a b":1}', '{"c:d":1}', "string", ['{"a b":1}', '{"c:d":1}']),
        ('{"Name":1,"name":2}', '{"name":3}', "string", ['{"Name":1,"name":2}', '{"name":3}']),
        ('[{"K":1},{"k":2}]', "null", "string", ['[{"K":1},{"k":2}]', None]),
        ("[1]", "[[1]]", "array<string>", [["1"], ["[1]"]]), ('"é\\n\\u0041"', '""', "string", ["é\nA", ""]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("files", [1, 2])
def test_types_of_two_json_values(first, second, type_, values, files):
    lines = [f'{{"id":1,"v":{first}}}\n', f'{{"id":2,"v":{second}}}\n']
    content = {"a.json": "".join(lines)} if files == 1 else {"a.json": lines[0], "b.json": lines[1]}
    found, published = rows(content)
    assert found["v"] == type_
    assert [row["v"] for row in published] == values


def test_keys_that_differ_only_in_case_are_reported():
    with opened({"d1.json": '{"id":1,"tags":{"Name":"alpha","name":"beta"}}\n'}) as reading:
        assert codes(reading) == [("StructKeysCollide", "warning")]
        assert reading.findings[0].column == "tags"


@pytest.mark.parametrize(
    ("content", "code", "word"),
    [
        ('[{"a":1},{"a":2}]\n[]', "MalformedJson", ""), ('[{"a":1},', "MalformedJson", "does not end"),
        ('[{"a":1}', "MalformedJson", "does not end"), ("[]", "MalformedJson", "no object"),
        ('[{"a":1}, 2]', "MalformedJson", "1 of 2"), ('[[{"a":1}]]', "MalformedJson", "objects"),
        ('{"a":1}\n{"a":\n', "MalformedJson", "line 2"),
        ('{"a":1}\n5\n', "MalformedJson", "objects"), ('{"a":1} {"a":2}\n', "MalformedJson", "line 1"),
        ('{"a":1,"a":2}\n', "DuplicateColumns", "duplicate field"), ('{"a":1,"A":2}\n', "DuplicateColumns", "twice"),
        ("{}\n{}\n", "MalformedJson", "no object has a field"), ('{"":1}\n', "EmptyColumnName", "no name"),
        ("x,y\n1,2\n", "MalformedJson", "line 1"), ("[" * 100_000 + "\n", "MalformedJson", ""),
        ('{"a":' * 5000 + "\n", "MalformedJson", ""),
    ],
)  # fmt: skip
def test_invalid_json_is_named_and_does_not_stop_the_rest(content, code, word):
    with opened({"a.json": content, "b.json": '{"a":1}\n'}) as reading:
        assert [(f.code, f.keys) for f in reading.findings] == [(code, (FOLDER + "a.json",))]
        assert word in reading.findings[0].message
        assert table(reading).to_pylist() == [{"a": 1}]


@pytest.mark.parametrize(
    "content",
    ['[{"a":1},{"a":2}]', ' [\n  {\n    "a": 1\n  },\n  {"a": 2}\n]\n\n', '\ufeff[{"a":1},{"a":2}]'],
)
def test_an_array_of_objects_is_its_objects(content):
    assert json_rows(content)[1] == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("content", ['{"a":1}\r{"a":2}\r', '{"a":1}\r\n\r\n{"a":2}', '\ufeff{"a":1}\n\n{"a":2}\n'])
def test_lines_of_json_end_in_any_way(content):
    assert json_rows(content)[1] == [{"a": 1}, {"a": 2}]


def test_json_of_the_contracts_types():
    expected = {"id": "int", "v": "array<double>", "s": "struct<a:string>", "m": "map<string,int>"}
    found, values = json_rows('{"id":1.0,"v":[1],"s":{"a":5},"m":{"x":1}}\n', expected=expected)
    assert found == expected
    assert values == [{"id": 1, "v": [1.0], "s": {"a": "5"}, "m": [("x", 1)]}]


US = dt.datetime(2026, 1, 1, 10, 0, 0, 5)
PARQUET = {
    "null": (pa.nulls(2), "string", None), "time32": (pa.array([1500, None], pa.time32("ms")), "string",
    "00:00:01.500000"),
    "time64": (pa.array([1, None], pa.time64("us")), "string", "00:00:00.000001"),
    "time64ns": (pa.array([1000, None], pa.time64("ns")), "string", "00:00:00.000001"),
    "float16": (pa.array([1.5, None], pa.float16()), "float", 1.5),
    "ns": (pa.array([US, None], pa.timestamp("ns")), "timestamp", US),
    "ns zone": (pa.array([US, None], pa.timestamp("ns", "UTC")), "timestamp", US),
    "us zone": (pa.array([US, None], pa.timestamp("us", "Europe/Berlin")), "timestamp", US),
    "ms": (pa.array([dt.datetime(2026, 1, 1), None], pa.timestamp("ms")), "timestamp", dt.datetime(2026, 1, 1)),
    "u8": (pa.array([255, None], pa.uint8()), "int", 255), "u16": (pa.array([65535, None], pa.uint16()), "int", 65535),
    "u32": (pa.array([2**32 - 1, None], pa.uint32()), "bigint", 2**32 - 1),
    "u64": (pa.array([2**64 - 1, None], pa.uint64()), "decimal(20,0)", decimal.Decimal(2**64 - 1)),
    "i8": (pa.array([-1, None], pa.int8()), "int", -1), "i32": (pa.array([1, None], pa.int32()), "int", 1),
    "decimal": (pa.array([decimal.Decimal("1.50"), None], pa.decimal128(20, 2)), "decimal(20,2)",
    decimal.Decimal("1.50")),
    "fixed": (pa.array([[1, 2], None], pa.list_(pa.int32(), 2)), "array<int>", [1, 2]),
    "map": (pa.array([[("K", 1)], None], pa.map_(pa.string(), pa.int8())), "map<string,int>", [("K", 1)]),
    "struct": (pa.array([{"A": {"B": [1]}}, None]), "struct<a:struct<b:array<bigint>>>", {"a": {"b": [1]}}),
    "case": (pa.array([{"A": 1, "a": 2}, None], pa.struct([("A", pa.int8()), ("a", pa.int8())])), "string", None),
    "binary": (pa.array([b"x", None]), "binary", b"x"), "fixed binary": (pa.array([b"xy", None], pa.binary(2)),
    "binary", b"xy"),
    "dictionary": (pa.array(["x", None]).dictionary_encode(), "string", "x"),
    "null list": (pa.array([[None], None], pa.list_(pa.null())), "array<string>", [None]),
    "nested time": (pa.array([[1000000], None], pa.list_(pa.time64("us"))), "array<string>", ["00:00:01"]),
    "nested zone": (pa.array([[US], None], pa.list_(pa.timestamp("ns", "UTC"))), "array<timestamp>", [US]),
    "odd keys": (pa.array([{"a b": 1, "c:d": 2}, None]), "string", '{"a b":1,"c:d":2}'),
    "date64": (pa.array([dt.date(2026, 1, 1), None], pa.date64()), "date", dt.date(2026, 1, 1)),
    "large": (pa.array(["x", None], pa.large_string()), "string", "x"), "bool": (pa.array([True, None]), "boolean",
    True),
    "empty": (pa.array([None, None], pa.int32()), "int", None),
}  # fmt: skip


@pytest.mark.parametrize(("array", "type_", "value"), PARQUET.values(), ids=PARQUET.keys())
@pytest.mark.usefixtures("parquet_is")
def test_every_type_of_parquet_is_published(array, type_, value):
    found, values = rows({"a.parquet": parquet({"id": pa.array([1, 2]), "V": array})})
    assert found == {"id": "bigint", "v": type_}
    assert values[1]["v"] is None
    assert values[0]["v"] == value or value is None


@pytest.mark.usefixtures("parquet_is")
def test_a_part_below_the_microsecond_is_reported():
    array = pa.array([1_000_000_001, 1000], pa.timestamp("ns", "UTC"))
    with opened({"a.parquet": parquet({"v": array})}) as reading:
        assert [(f.code, f.severity, f.column) for f in reading.findings] == [("NanosecondsLost", "warning", "v")]


@pytest.mark.usefixtures("parquet_is")
def test_parquet_struct_keys_that_differ_only_in_case_are_reported():
    with opened({"a.parquet": parquet({"v": PARQUET["case"][0]})}) as reading:
        assert codes(reading) == [("StructKeysCollide", "warning")]


@pytest.mark.usefixtures("parquet_is")
def test_a_null_column_that_gets_values_takes_their_type():
    files = {"a.parquet": parquet({"v": pa.nulls(1)}), "b.parquet": parquet({"v": pa.array([1.5])})}
    assert rows(files) == ({"v": "double"}, [{"v": None}, {"v": 1.5}])


@pytest.mark.usefixtures("parquet_is")
def test_formats_of_one_table_may_differ():
    files = {
        "a.csv": "id,v\n1,x\n",
        "b.json": '{"v":"y","id":2}\n',
        "c.parquet": parquet({"id": pa.array([3], pa.int8())}),
    }
    found, values = rows(files)
    assert found == {"id": "bigint", "v": "string"}
    assert sorted(values, key=lambda row: row["id"]) == [{"id": 1, "v": "x"}, {"id": 2, "v": "y"}, {"id": 3, "v": None}]


@pytest.mark.usefixtures("parquet_is")
def test_the_contracts_type_of_a_parquet_column():
    expected = {"a": "int", "b": "string", "c": "double", "d": "date"}
    columns = {"a": pa.array([1.0]), "b": pa.array([1.5]), "c": pa.array([1]), "d": pa.array([dt.datetime(2026, 1, 1)])}
    assert rows({"a.parquet": parquet(columns)}, expected=expected)[1] == [
        {"a": 1, "b": "1.5", "c": 1.0, "d": dt.date(2026, 1, 1)}
    ]
    with opened({"a.parquet": parquet({"a": pa.array([1.5]), "d": pa.array([US])})}, expected=expected) as reading:
        assert [(f.code, f.column) for f in reading.findings] == [("ValueNotOfType", "a"), ("ValueNotOfType", "d")]


def _file(rows_=1000):
    return parquet({"a": ["x"] * rows_, "b": ["y"] * rows_})


def _lying(content, promised):
    """Another number of rows in the footer (Thrift: zigzag varints)."""
    length = int.from_bytes(content[-8:-4], "little")
    footer = content[-8 - length : -8]
    return content[: -8 - length] + footer.replace(_varint(1000), _varint(promised), 1) + content[-8:]


def _varint(number):
    number, found = number << 1, b""
    while number > 127:
        found, number = found + bytes([number & 127 | 128]), number >> 7
    return found + bytes([number])


CORRUPT = {
    "a row more": _lying(_file(), 1001), "a row less": _lying(_file(), 999), "cut": _file()[:-20],
    "other pages": _file()[:4] + b"\x07" * 60 + _file()[64:], "magic alone": b"PAR1" * 2, "no parquet": b"a,b\n1,2\n",
    "half": _file()[:300], "a huge footer": _file()[:-8] + b"\xff\xff\xff\x7fPAR1",
}  # fmt: skip


@pytest.mark.parametrize("content", CORRUPT.values(), ids=CORRUPT.keys())
@pytest.mark.usefixtures("parquet_is")
def test_corrupt_parquet_is_an_error_and_takes_nothing_else_down(content):
    with opened({"a.parquet": content, "b.parquet": _file(3)}) as reading:
        assert [(f.code, f.keys) for f in reading.findings] == [("CorruptParquet", (FOLDER + "a.parquet",))]
        assert "/tmp" not in reading.findings[0].message
        assert table(reading).num_rows == 3


def _time_beyond_a_day():
    return parquet({"v": pa.array([1099511627776], pa.int64()).view(pa.time64("us"))})


@pytest.mark.parametrize(
    ("content", "quoted", "told"),
    [
        pytest.param(latin_1_parquet("v", "Müller"), "ller", "column v: a text is not UTF-8", id="Latin-1"),
        pytest.param(_time_beyond_a_day(), "1099511627776", "column v: a time is not within a day", id="time"),
        pytest.param(_file()[:-20], "", "it does not end as Parquet does", id="cut"),
    ],
)
@pytest.mark.usefixtures("parquet_is")
def test_a_value_of_a_file_that_cannot_be_read_is_not_told(content, quoted, told):
    with opened({"a.parquet": content, "b.parquet": parquet({"v": ["x"]})}) as reading:
        (found,) = reading.findings
        assert (found.code, found.message) == ("CorruptParquet", f"{FOLDER}a.parquet: {told}")
        assert "UTF-8" in found.remedy
        assert not quoted or quoted not in repr(reading.findings)


ENGINE = {
    "SELECT error('zq7')": "a part of the data cannot be read (InvalidInputException)",
    "SELECT strptime(v, '%Y') FROM t": "a part of the data cannot be read (InvalidInputException)",
    "SELECT regexp_matches('a', v || '(') FROM t": "a part of the data cannot be read (InvalidInputException)",
    "SELECT json_extract('{}', '$.[' || v) FROM t": "a part of the data cannot be read (InvalidInputException)",
    "SELECT decode(encode(v) || '\\xE9'::BLOB) FROM t": "a value cannot be converted, or is out of range",
    "SELECT v::INT FROM t": "a value cannot be converted, or is out of range",
    "SELECT 1 / (length(v) - 3) FROM t": "the query divides by zero",
    "SELECT now() AT TIME ZONE v FROM t": "a part of the data cannot be read (NotImplementedException)",
    "INSERT INTO u SELECT v FROM t": "a part of the data cannot be read (ConstraintException)",
    "SELECT other FROM t": 'Binder Error: Referenced column "other" not found in FROM clause!',
}


@pytest.mark.parametrize("sql", ENGINE)
def test_what_the_engine_says_of_a_value_is_not_told(sql):
    with duckdb.connect() as db:
        db.execute("SET ieee_floating_point_ops = false; CREATE TABLE t AS SELECT 'zq7' AS v")
        db.execute("CREATE TABLE u (v VARCHAR UNIQUE); INSERT INTO u SELECT v FROM t")
        with pytest.raises(duckdb.Error) as failed:
            db.execute(sql).fetchall()
    assert first_line(failed.value) == ENGINE[sql]


def test_an_array_of_json_that_breaks_off_is_told_by_its_place():
    with opened({"a.json": '[{"a":1},{"a":zq7}]'}) as reading:
        (found,) = reading.findings
        assert (found.code, found.message) == (
            "MalformedJson",
            f"{FOLDER}a.json: malformed JSON at byte 6 in record/value 3",
        )


@pytest.mark.usefixtures("parquet_is")
def test_columns_of_parquet_that_differ_in_case_alone_are_refused():
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["Name", "name"]), sink)
    with opened({"a.parquet": sink.getvalue()}) as reading:
        assert codes(reading) == [("DuplicateColumns", "error")]


@pytest.mark.usefixtures("parquet_is")
def test_parquet_without_rows_has_columns():
    with opened({"a.parquet": parquet({"v": pa.array([], pa.int64())})}) as reading:
        assert types(reading) == {"v": "bigint"}
        assert table(reading).num_rows == 0


LOST = {
    "a list": ("array<int>", ['{"v":[1,"x"]}', '{"v":[1,null]}', '{"v":[2]}']),
    "no list": ("struct<a:array<int>>", ['{"v":{"a":5}}', '{"v":{"a":null}}', '{"v":{}}']),
    "a struct in a list": ("array<struct<day:date>>", ['{"v":[{"day":"soon"}]}', '{"v":[{"day":"2026-01-01"}]}', "{}"]),
    "a map": ("map<string,int>", ['{"v":{"k":"x"}}', '{"v":{"k":null}}', '{"v":{"k":7}}']),
    "deep": (
        "array<array<struct<a:map<string,double>>>>",
        ['{"v":[[],[{"a":{"k":"?"}}]]}', '{"v":[[{"a":{}}]]}', "{}"],
    ),
    "a struct": ("struct<a:int,b:string>", ['{"v":{"a":1.5,"b":"x"}}', '{"v":{"a":1,"b":{"c":1}}}', '{"v":null}']),
    "a name with a quote": ("struct<a'b:int>", ['{"v":{"a\'b":"x"}}', '{"v":{"a\'b":1}}', "{}"]),
}


@pytest.mark.parametrize(("type_", "lines"), LOST.values(), ids=LOST.keys())
@pytest.mark.parametrize("text", [False, True])
def test_a_value_inside_that_is_not_of_the_contracts_type_is_an_error(type_, lines, text):
    content = {"a.json": "\n".join(lines)}
    if text:
        cells = [json.dumps(json.loads(line).get("v")).replace('"', '""') for line in lines]
        content = {"a.csv": "id,v\n" + "".join(f'{n},"{cell}"\n' for n, cell in enumerate(cells))}
    with opened(content, expected={"v": type_} | ({"id": "int"} if text else {})) as reading:
        assert [(f.code, f.column, f.observed) for f in reading.findings] == [("ValueNotOfType", "v", 1.0)]


def test_a_nested_number_that_is_rounded_is_not_a_loss():
    line = '{"v":{"f":0.1,"d":1.10,"i":9007199254740993,"s":"7"}}\n'
    expected = {"v": "struct<f:float,d:decimal(38,10),i:bigint,s:int>"}
    assert rows({"a.json": line}, expected=expected)[1][0]["v"]["i"] == 9007199254740993


def test_a_value_inside_is_found_however_its_key_is_spelt():
    with opened(
        {"a.json": '{"v":[{"Day":"soon"}]}\n{"v":[{"Day":null}]}'}, expected={"v": "array<struct<day:date>>"}
    ) as reading:
        assert [(f.code, f.observed) for f in reading.findings] == [("ValueNotOfType", 1.0)]


@pytest.mark.usefixtures("parquet_is")
def test_a_value_inside_a_parquet_column_that_is_not_of_the_contracts_type_is_an_error():
    values = [{"a": [1, 300], "m": [("k", "x")]}, {"a": [1, None], "m": [("k", "5")]}, None]
    kind = pa.struct([("a", pa.list_(pa.int64())), ("m", pa.map_(pa.string(), pa.string())), ("more", pa.int8())])
    for declared, wrong in (
        ("struct<a:array<bigint>,m:map<string,string>>", None), ("struct<a:array<bigint>,m:map<string,int>>", 1.0),
        ("struct<a:array<int>>", None), ("array<int>", 2.0),
    ):  # fmt: skip
        with opened({"a.parquet": parquet({"v": pa.array(values, kind)})}, expected={"v": declared}) as reading:
            assert [f.observed for f in reading.findings if f.code == "ValueNotOfType"] == ([wrong] if wrong else [])
