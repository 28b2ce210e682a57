"""Raw objects in, curated objects out."""

import gzip
import json
from decimal import Decimal

import pytest
from mesh.domain.onboarding.curation import objects
from mesh.domain.onboarding.curation.errors import RawFormatUnsupported, RawTooLarge
from mesh.domain.onboarding.curation.objects import raw_format, read_raw, write_rows
from mesh.domain.onboarding.curation.scanning import read_raw_head, scan
from mesh.domain.onboarding.formats.errors import (
    BinaryContent,
    HeaderWithoutRows,
    InconsistentCompression,
    LineTooLong,
    MalformedJson,
    RaggedRows,
    UnclosedQuote,
    UnsupportedEncoding,
)
from mesh.domain.onboarding.formats.model import MAX_TEXT_BYTES
from mesh.domain.schema import DuplicateColumns


def read(body, name="a.csv"):
    raw = body.encode() if isinstance(body, str) else body
    source = read_raw(raw, bucket="b", key=f"loans/raw/loans/{name}")
    return source.columns, list(source.rows)


@pytest.mark.parametrize(
    ("name", "format_"),
    [("a.csv", "csv"), ("a.CSV.gz", "csv"), ("a.tsv", "csv"), ("a.jsonl", "json"), ("größe 1.json.gz", "json")],
)
def test_the_name_determines_the_format(name, format_):
    assert raw_format(name) == format_


@pytest.mark.parametrize("name", ["a", "a.parquet", "a.xlsx", ".csv", ".csv.gz", "a.csv.zip"])
def test_a_name_without_a_format_that_a_recipe_reads(name):
    with pytest.raises(RawFormatUnsupported):
        raw_format(name)


def test_a_title_above_the_header_is_refused():
    with pytest.raises(RaggedRows, match="title"):
        read("Report of May\na,b,c\n1,2,3\n4,5,6\n")


@pytest.mark.parametrize(
    ("body", "columns", "rows"),
    [
        ("a,b\n1,2\n\n3,\n", ("a", "b"), [["1", "2"], ["3", None]]),
        ("\ufeffName;City\r\nx;y\r\n", ("Name", "City"), [["x", "y"]]),
        ('a,b\n"1,5","x ""y"""\n', ("a", "b"), [["1,5", 'x "y"']]),
        ("a\tb\n1\t2\n", ("a", "b"), [["1", "2"]]),
        ("a,b\nx,y\n", ("a", "b"), [["x", "y"]]),
    ],
)
def test_csv(body, columns, rows):
    assert read(body) == (columns, rows)


def test_gzip_of_several_members():
    assert read(gzip.compress(b"a,b\n1,2\n", mtime=0) + gzip.compress(b"3,4\n"), "a.csv.gz")[1] == [
        ["1", "2"],
        ["3", "4"],
    ]


def test_json_lines_have_all_fields_as_columns():
    columns, rows = read('{"a": 1, "b": null}\n\n{"b": 0.10, "c": {"d": [true]}}\n', "a.jsonl")

    assert columns == ("a", "b", "c")
    assert rows == [[1, None, None], [None, Decimal("0.10"), {"d": [True]}]]


BROKEN = pytest.mark.parametrize(
    ("body", "name", "error"),
    [
        ("a,b\n1,2\n3\n", "a.csv", RaggedRows),
        ("a,b\n" + "1,2\n" * 400_000 + "3\n", "a.csv", RaggedRows),  # beyond what the inspection reads
        ('a,b\n1,2\n1,"2\n', "a.csv", UnclosedQuote),
        ("a,b\n" + "1,2\n" * 400_000 + '1,"2\n', "a.csv", UnclosedQuote),
        ("a,A\n1,2\n", "a.csv", DuplicateColumns),
        ("a,b\n", "a.csv", HeaderWithoutRows),
        (b"a,b\n1,\xe4\n", "a.csv", UnsupportedEncoding),
        (b"a,b\n" + b"1,2\n" * 400_000 + b"1,\xe4\n", "a.csv", UnsupportedEncoding),
        (b"a,b\n" + b"1,2\n" * 400_000 + b"1,\0\n", "a.csv", BinaryContent),
        ("a,b\n1,2\n1," + "x" * 3_000_000 + "\n", "a.csv", LineTooLong),
        ('{"a": "%s"}\n' % ("x" * 3_000_000), "a.jsonl", LineTooLong),
        ('{"a": 1}\n' * 200_000 + '{"a": "%s"}\n' % ("x" * 3_000_000), "a.jsonl", LineTooLong),
        (b"\x1f\x8b", "a.csv", InconsistentCompression),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9], "a.csv.gz", InconsistentCompression),
        ('{"a": 1\n', "a.jsonl", MalformedJson),
        ('{"a": 1, "a": 2}\n', "a.jsonl", MalformedJson),
        ('{"a": NaN}\n', "a.jsonl", MalformedJson),
        ('{"a": 1}\n{"a": 1e400000000}\n', "a.jsonl", MalformedJson),
        ('{"a": [{"b": -1e999999999999}]}\n', "a.jsonl", MalformedJson),
        ('{"a": 1e99999999999999999999}\n', "a.jsonl", MalformedJson),
        ('{"a": 1E-400000000}\n', "a.jsonl", MalformedJson),
        ('{"a": 0e-400000000}\n', "a.jsonl", MalformedJson),
        ('{"a": 10e308}\n', "a.jsonl", MalformedJson),
        ('{"a": %s}\n' % ("9" * 5_000), "a.jsonl", MalformedJson),
        ("[1]\n", "a.jsonl", MalformedJson),
        ("[" * 100_000 + "\n", "a.jsonl", MalformedJson),
        (b"PAR1....PAR1", "a.parquet", RawFormatUnsupported),
    ],
)


def test_a_number_beyond_a_double_is_refused_with_its_line_and_not_told():
    with pytest.raises(MalformedJson, match="line 2 is not JSON: a number is beyond a double's range") as refused:
        read('{"a": 1}\n{"a": 4711e400000}\n', "a.jsonl")
    assert refused.value.where["line"] == 2
    assert "4711" not in str(refused.value)


@pytest.mark.parametrize("number", ["1.79e308", "-5e-324", "0.0", "0e300", "1.50", "0.1e-7", f"1.{'0' * 500}1"])
def test_a_number_that_a_double_holds_keeps_its_digits(number):
    source = read_raw(f'{{"a": {number}, "b": [{number}]}}\n'.encode(), bucket="b", key="loans/raw/loans/a.jsonl")
    made = json.loads(write_rows("json", source.columns, source.rows)[0], parse_float=Decimal, parse_int=Decimal)
    assert made == {"a": Decimal(number), "b": [Decimal(number)]}


@BROKEN
def test_what_is_broken_is_refused(body, name, error):
    with pytest.raises(error):
        read(body, name)


@BROKEN
def test_too_large_objects_are_rejected_with_the_same_message(body, name, error):
    raw, where = body.encode() if isinstance(body, str) else body, {"bucket": "b", "key": f"loans/raw/loans/{name}"}
    with pytest.raises(error) as whole:
        read(body, name)
    with pytest.raises(error) as scanned:
        shape = read_raw_head(raw[:MAX_TEXT_BYTES], len(raw), **where)
        scan((raw[at : at + 4096] for at in range(0, len(raw), 4096)), shape, **where)

    if error is not InconsistentCompression:
        assert scanned.value.to_dict() == whole.value.to_dict()


def test_a_look_at_every_record_finds_the_columns():
    for body, name, columns in [
        ("\ufeffa;b\n1;2\n", "a.csv", ("a", "b")),
        ('{"a": 1}\n' * 200_000 + '{"b": 2}\n', "a.jsonl", ("a", "b")),
    ]:
        raw, where = body.encode(), {"bucket": "b", "key": f"loans/raw/loans/{name}"}
        for packed, ending in [(raw, ""), (gzip.compress(raw, mtime=0) + gzip.compress(b""), ".gz")]:
            place = where | {"key": where["key"] + ending}
            shape = read_raw_head(packed[:MAX_TEXT_BYTES], len(packed), **place)
            assert scan([packed], shape, **place) == columns


def test_a_look_ends_at_its_limit_and_takes_no_record_for_broken_that_it_cuts():
    where = {"bucket": "b", "key": "loans/raw/loans/a.csv"}
    raw = b'a,b\n1,2\n3,"' + b"x\n" * 50 + b'"\n4\n'
    shape = read_raw_head(b"a,b\n1,2\n", 9, **where)

    assert scan([raw], shape, **where, limit=30) == ("a", "b")
    with pytest.raises(RaggedRows):
        scan([raw], shape, **where)


def test_a_gzip_that_unfolds_too_far(monkeypatch):
    monkeypatch.setattr(objects, "MAX_RAW_UNFOLDED", 1000)

    with pytest.raises(RawTooLarge):
        read(gzip.compress(b"a,b\n" + b"1,2\n" * 1000, mtime=0), "a.csv.gz")


def test_csv_is_written_with_a_header_and_quotes_where_they_are_needed():
    body, rows = write_rows("csv", ["a", "b"], [["x, y", None], [True, Decimal("0.10")], [12.0, 3]])

    assert (body.decode(), rows) == ('a,b\n"x, y",\ntrue,0.10\n12.0,3\n', 3)


def test_json_lines_keep_types_and_digits():
    cells = ["é", None, 12, Decimal("0.1000000000000000000001"), {"a": [Decimal("1.0"), True]}]
    body, rows = write_rows("json", list("abcde"), [cells])

    assert body.decode().count("\n") == rows == 1
    assert json.loads(body, parse_float=Decimal) == dict(zip("abcde", cells, strict=True))
    assert "é" in body.decode()
