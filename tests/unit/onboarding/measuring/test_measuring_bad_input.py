"""What only shows when an object is read in full: each gets a stated outcome, and loses nothing of what is right."""

import gzip
import io
import subprocess
import sys

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mesh.adapters.duckdb.measuring import fetching

from tests.unit.onboarding.measuring.measuring import codes, csv, measure, only

ROWS = "".join(f"{number},text {number}\n" for number in range(200_000))
"""More than the inspection's head of 1 MiB."""
LONG = "a,b\n" + ROWS


def rows(report):
    return report.profile.rows


def test_sound_data_has_no_finding():
    report = csv(LONG, a="bigint", b="string")
    assert (rows(report), report.findings, report.profile.exact) == (200_000, (), True)


@pytest.mark.parametrize(
    ("added", "code"),
    [
        ('7,"never closed\n8,x\n', "UnclosedQuote"),
        ('7,"x"y\n8,x\n', "UnclosedQuote"),
        ("7,x,extra\n8,x\n", "RaggedRows"),
        ("7\n8,x\n", "RaggedRows"),
    ],
)
def test_a_broken_line_is_named_and_nothing_of_its_object_is_read(added, code):
    report = csv(LONG + added, a="bigint", b="string")
    finding = only(report)
    assert (finding.code, finding.severity, finding.keys) == (code, "error", ("product/data/t/a.csv",))
    assert "line 200002" in finding.message
    assert rows(report) == 0


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (LONG.encode() + b"8,a\0b\n", "BinaryContent", 200_002),
        (b"a,b\n1,x\n2," + b"y" * 10_000_000 + b"\n3,z\n", "LineTooLong", 3),
        (b"a,b\n1," + b"y" * 10_000_000, "LineTooLong", 2),
    ],
)
def test_bytes_that_are_not_text_make_the_object_unreadable(content, code, line):
    report = csv(content, a="bigint", b="string")
    assert (only(report).code, only(report).severity) == (code, "error")
    assert f"line {line}" in only(report).message
    assert rows(report) == 0


def test_one_unreadable_object_does_not_hide_the_others():
    report = measure({"a.csv": b"a\n1\0\n", "b.csv": "a\n1\n2\n"}, {"a": "bigint"})
    assert (codes(report), only(report).keys, rows(report)) == (
        [("BinaryContent", "error")],
        ("product/data/t/a.csv",),
        2,
    )


@pytest.mark.parametrize(
    ("type_", "wrong"),
    [
        ("bigint", "abc"),
        ("bigint", "1.5"),
        ("bigint", "9223372036854775808"),
        ("int", "2147483648"),
        ("double", "1,5"),
        ("date", "2026-02-30"),
        ("timestamp", "yesterday"),
        ("boolean", "perhaps"),
        ("decimal(4,2)", "123.45"),
    ],
)
def test_a_value_of_another_type_is_counted_and_shown(type_, wrong):
    right = {"date": "2026-02-28", "timestamp": "2026-02-28 10:00:00", "boolean": "true"}.get(type_, "12")
    report = measure(
        {"x/a.csv": f'k,a\n1,"{wrong}"\n2,{right}\n3,\n'}, {"k": "int", "a": type_}, keys={"partition_0": "string"}
    )
    finding = only(report)
    assert (finding.code, finding.column, finding.observed) == ("ValueNotOfType", "a", 1)
    assert finding.keys == ("product/data/t/x/a.csv",)
    assert f'"{wrong}"' in finding.message
    column = report.profile.column("a")
    assert (column.rows, column.nulls, column.distinct) == (3, 2, 1)
    assert report.scores.validity == pytest.approx(1 - 1 / 5)


def test_whole_numbers_keep_their_digits_beyond_what_a_double_holds():
    report = csv("a\n9007199254740993\n-9223372036854775808\n9007199254740993\n", a="bigint")
    column = report.profile.column("a")
    assert (column.low, column.high, column.distinct) == ("-9223372036854775808", "9007199254740993", 2)
    assert report.findings == ()


def test_a_gzip_that_unfolds_a_thousandfold_is_refused_before_it_is_there(monkeypatch):
    monkeypatch.setattr(fetching, "MAX_UNZIPPED", 2 * 1024 * 1024)
    bomb = gzip.compress(b"a\n" + b"1\n" * 4_000_000)
    report = measure({"a.csv.gz": bomb}, {"a": "bigint"})
    assert (codes(report), rows(report)) == ([("ExpandsTooFar", "error")], 0)


def test_a_gzip_that_unfolds_far_to_little_is_read():
    report = measure({"a.csv.gz": gzip.compress(b"a\n" + b"1\n" * 400_000)}, {"a": "bigint"})
    assert (report.findings, rows(report)) == ((), 400_000)


def test_gzip_members_are_read_in_order_and_a_truncated_one_is_reported():
    members = gzip.compress(b"a\n1\n") + gzip.compress(b"2\n")
    assert rows(measure({"a.csv.gz": members}, {"a": "bigint"})) == 2
    cut = measure({"a.csv.gz": members[:-6]}, {"a": "bigint"})
    assert codes(cut) == [("InconsistentCompression", "error")]


def parquet(**columns):
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


@pytest.mark.parametrize("damage", ["truncated", "footer", "pages"])
def test_an_inconsistent_parquet_file_is_reported(damage):
    sound = parquet(a=list(range(1000)), b=[f"text {number}" for number in range(1000)])
    spoilt = {
        "truncated": sound[: len(sound) // 2],
        "footer": sound[:-8] + (10**6).to_bytes(4, "little") + b"PAR1",
        "pages": sound[:4] + bytes(1000) + sound[1004:],
    }[damage]
    report = measure({"a.parquet": spoilt}, {"a": "bigint", "b": "string"})
    assert (codes(report), rows(report)) == ([("CorruptParquet", "error")], 0)


def test_parquet_is_read_by_name_and_a_column_that_it_lacks_is_null():
    files = {"a.parquet": parquet(b=["x"], A=[1]), "b.parquet": parquet(a=[2])}
    report = measure(files, {"a": "bigint", "b": "string"})
    assert report.findings == ()
    assert {each.name: (each.nulls, each.distinct) for each in report.profile.columns} == {"a": (0, 2), "b": (1, 1)}


def test_json_fields_are_found_in_any_case_and_nested_values_stay_text():
    lines = '{"A": 1, "b": {"c": [1, 2]}}\n{"a": 2, "b": null}\n'
    report = measure({"a.json": lines}, {"a": "int", "b": "struct<c:array<int>>"})
    assert report.findings == ()
    first, second = report.profile.columns
    assert (first.distinct, second.nulls, second.top[0].value) == (2, 1, '{"c":[1,2]}')


@pytest.mark.parametrize(("value", "shown"), [('"x"', '"x"'), ("1.5", '"1.5"'), ("[1]", '"[1]"')])
def test_a_json_value_of_another_type_is_counted(value, shown):
    report = measure({"a.json": f'{{"a": {value}}}\n{{"a": 2}}\n'}, {"a": "int"})
    assert (only(report).code, only(report).observed) == ("ValueNotOfType", 1)
    assert shown in only(report).message
    assert report.profile.column("a").nulls == 1


@pytest.mark.parametrize("line", ['{"a": ', "[1, 2]", "no json"])
def test_a_line_that_is_not_a_json_object_is_reported(line):
    report = measure({"a.json": f'{{"a": 1}}\n{line}\n'}, {"a": "int"})
    assert codes(report) == [("MalformedJson", "error")]


def test_the_engine_is_the_one_that_is_locked():
    assert duckdb.__version__ == "2.0.0"


def test_the_engine_is_imported_when_something_is_measured_and_not_before():
    program = (
        "import sys, mesh.adapters.duckdb.reading, mesh.adapters.odcs.contracts; sys.exit('duckdb' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
