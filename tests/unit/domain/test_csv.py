"""CSV heads: dialect, header, types, counts, and a precise refusal for each way to be wrong."""

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mesh.domain.formats.model import MIB
from mesh.domain.rejections import (
    BinaryContent,
    DuplicateColumns,
    EmptyColumnName,
    EmptyFile,
    FormatDeclined,
    HeaderWithoutRows,
    InconsistentCompression,
    LineTooLong,
    RaggedRows,
    UnclosedQuote,
    UnknownPrefix,
    UnsupportedEncoding,
)

from tests.unit.domain.inspecting import inspect, schema, types

REAL_DATA = Path(__file__).parents[4] / "shared" / "data" / "south_german_credit.csv"


@pytest.mark.skipif(not REAL_DATA.exists(), reason="the real credit data is not beside this checkout")
def test_the_real_credit_data_has_21_integer_columns_and_1000_rows():
    found = inspect(REAL_DATA.read_bytes())
    assert len(found.columns) == 21
    assert set(types(found).values()) == {"bigint"}
    assert (found.rows, found.rows_exact) == (1000, True)


def test_types_are_those_of_a_glue_crawler():
    found = inspect("i,d,b,s,t,e,neg,exp\n1,1.5,true,x,2026-01-01,,-3,1e5\n2,2,FALSE,1,2026-01-02,,+4,.5\n")
    assert types(found) == {
        "i": "bigint", "d": "double", "b": "boolean", "s": "string", "t": "string", "e": "",
        "neg": "bigint", "exp": "double",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("9223372036854775807", "bigint"), ("9223372036854775808", "string"), ("-9223372036854775808", "bigint"),
        ("0001", "bigint"), ("1 ", "string"), ("nan", "string"), ("1_000", "string"), ("٣", "string"),
        ("9" * 5000, "string"),
        ("0" * 20 + "1", "bigint"), ("1.", "double"), (".", "string"), ("e5", "string"), ("true ", "string"),
    ],
)  # fmt: skip
def test_edges_of_the_types(value, expected):
    assert types(inspect(f"a,b\n{value},1\n"))["a"] == expected


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter):
    found = inspect(f"a{delimiter}b\n1{delimiter}2.5\n")
    assert found.dialect.delimiter == delimiter
    assert types(found) == {"a": "bigint", "b": "double"}


def test_a_comma_in_decimals_does_not_win_over_the_semicolon():
    assert inspect("a;b;c\n1,5;2,5;1\n1,6;2,6;2\n").dialect.delimiter == ";"


def test_quotes_hold_delimiters_line_breaks_and_quotes():
    found = inspect('a,b\n"x, y","line 1\nline 2"\n"say ""hi""",z\n', expected=schema({"a": "string", "b": "string"}))
    assert (found.rows, found.dialect.quoted, found.serde) == (2, True, "open-csv")
    assert found.samples == {"a": ("x, y", 'say "hi"'), "b": ("line 1\nline 2", "z")}


def test_plain_csv_is_read_by_lazy_simple_serde():
    assert inspect('a,b\n1,5" pipe\n').serde == "lazy-simple"


def test_a_byte_order_mark_is_no_part_of_the_first_name():
    found = inspect(b"\xef\xbb\xbfa,b\n1,2\n")
    assert (list(types(found)), found.dialect.encoding) == (["a", "b"], "utf-8-sig")


def test_a_byte_order_mark_without_header_is_refused():
    with pytest.raises(UnsupportedEncoding):
        inspect(b"\xef\xbb\xbf1,2\n3,4\n")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(end):
    found = inspect(end.join(["a,b", "1,2", "", "3,4"]))
    assert (found.rows, types(found)) == (2, {"a": "bigint", "b": "bigint"})


def test_without_a_contract_all_strings_have_no_header_as_in_glue():
    found = inspect("name,city\nana,rome\nbo,oslo\n")
    assert (found.dialect.header, list(types(found)), found.rows) == (False, ["col0", "col1"], 3)


def test_with_a_contract_all_strings_have_their_header():
    found = inspect("Name,City\nana,rome\n", expected=schema({"name": "string", "city": "string"}))
    assert (found.dialect.header, list(types(found)), found.rows) == (True, ["name", "city"], 1)


def test_the_contract_names_the_columns_of_a_file_without_header():
    found = inspect("ana,rome\nbo,oslo\n", expected=schema({"name": "", "city": ""}))
    assert (found.dialect.header, list(types(found)), found.rows) == (False, ["name", "city"], 2)


def test_a_new_column_does_not_hide_the_header():
    found = inspect("a,b,new\nx,y,z\n", expected=schema({"a": "string", "b": "string"}))
    assert (found.dialect.header, list(types(found))) == (True, ["a", "b", "new"])


def test_one_column_with_a_contract():
    found = inspect("id\n1\n2\n", expected=schema({"id": "bigint"}))
    assert (types(found), found.rows, found.dialect.header) == ({"id": "bigint"}, 2, True)


def test_dates_are_dates_only_where_the_contract_says_so():
    text = "d,t,x\n2026-01-01,2026-01-01 10:00:00,1\n"
    assert types(inspect(text)) == {"d": "string", "t": "string", "x": "bigint"}
    declared = schema({"d": "date", "t": "timestamp", "x": "date"})
    assert types(inspect(text, expected=declared)) == {"d": "date", "t": "timestamp", "x": "bigint"}
    assert types(inspect(text.replace("-01-01,", "-13-01,"), expected=declared))["d"] == "string"
    # OpenCSVSerDe reads dates as days since 1970 only.
    assert types(inspect(text + '"2026-01-02",,2\n', expected=declared))["d"] == "string"


def test_gzip_is_read_and_its_partition_and_size_told():
    content = gzip.compress(b"a,b\n1,2\n3,4\n")
    found = inspect(content, "dt=2026-11-21/x.csv.gz")
    assert (found.compression, found.rows, found.rows_exact, found.bytes) == ("gzip", 2, True, len(content))
    assert found.partition == (("dt", "2026-11-21"),)


def test_gzip_of_several_members_is_read_to_its_end():
    assert inspect(gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n"), "x.csv.gz").rows == 2


@pytest.mark.parametrize("zipped", [False, True])
def test_a_large_file_is_estimated_from_its_head(zipped):
    lines = "".join(f"{n},{n * 7 % 1000}\n" for n in range(100_000, 700_000))
    content = ("a,b\n" + lines).encode()
    found = inspect(gzip.compress(content, 1) if zipped else content, "x.csv.gz" if zipped else "x.csv")
    assert not found.rows_exact
    assert found.bytes_read <= MIB
    assert found.rows == pytest.approx(600_000, rel=0.05)


def test_a_gzip_bomb_is_looked_at_in_part():
    found = inspect(gzip.compress(b"a,b\n" + b"1,2\n" * 3_000_000, 1), "x.csv.gz")
    assert found.rows_exact is False


def test_a_head_cut_in_a_quoted_field_leaves_that_row_out():
    row = '"' + "x\n" * 5000 + '",1\n'
    found = inspect("a,b\n" + row * 200)
    assert types(found) == {"a": "string", "b": "bigint"}


def refused(error, content, file="x.csv", expected=None):
    with pytest.raises(error) as caught:
        inspect(content, file, expected)
    assert caught.value.where["key"].endswith(file)
    assert caught.value.where["bucket"] == "b"
    assert caught.value.remedy
    return caught.value.where


def test_an_empty_file():
    refused(EmptyFile, b"")
    refused(EmptyFile, b" \n\n")
    refused(EmptyFile, gzip.compress(b""), "x.csv.gz")


def test_a_header_without_rows():
    refused(HeaderWithoutRows, "a,b,c\n")
    refused(HeaderWithoutRows, "a\n", expected=schema({"a": "string"}))


def test_ragged_rows_name_line_and_counts():
    where = refused(RaggedRows, 'a,b\n1,"x\ny"\n1,2,3\n')
    assert (where["line"], where["expected"], where["found"]) == (4, 2, 3)
    assert refused(RaggedRows, "a,b,c\n1,2,3\n1,2\n")["found"] == 2


def test_duplicate_and_empty_names():
    assert refused(DuplicateColumns, "a,b,A\n1,2,3\n")["positions"] == [1, 3]
    assert refused(EmptyColumnName, "a,,c\n1,2,3\n")["column"] == 2
    refused(DuplicateColumns, "dt,b\nx,2\n", "dt=1/x.csv")


@pytest.mark.parametrize(
    "junk",
    [b"\x00\x01\x02\x03", bytes(range(256)) * 10, b"\x89PNG\r\n\x1a\n\x00\x00", b"PAR1\x15\x04\x15\x00",
     b"a,b\n1,\x002\n"],
)  # fmt: skip
def test_binary_junk(junk):
    refused(BinaryContent, junk)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_other_encodings(encoding):
    refused(UnsupportedEncoding, "näme,b\nä,2\n".encode(encoding))


def test_a_character_cut_by_the_end_of_the_file_is_no_utf_8_but_one_cut_by_the_head_is():
    refused(UnsupportedEncoding, "a,b\n1,ä".encode()[:-1])
    text = "a,b\n" + "1,ääää\n" * 200_000
    assert inspect("x" + text).columns[0].name == "xa"


def test_compression_that_disagrees_with_the_name():
    refused(InconsistentCompression, "a,b\n1,2\n", "x.csv.gz")
    refused(InconsistentCompression, gzip.compress(b"a,b\n1,2\n"))
    refused(InconsistentCompression, gzip.compress(b"a,b\n1,2\n" * 99)[:-12], "x.csv.gz")
    broken = bytearray(gzip.compress(b"a,b\n1,2\n" * 99))
    broken[-6] ^= 0xFF
    refused(InconsistentCompression, bytes(broken), "x.csv.gz")
    refused(InconsistentCompression, b"x", "x.parquet.gz")


def test_an_unclosed_quote_names_the_line_where_it_opens():
    assert refused(UnclosedQuote, 'a,b\n1,2\n3,"open\n4,5\n')["line"] == 3
    assert refused(UnclosedQuote, 'a,b\n1,2\n3,"open\n' + "4,5\n" * 500_000)["line"] == 3
    assert refused(UnclosedQuote, 'a,b\n1,2\n3,"x"y\n')["line"] == 3


def test_a_line_longer_than_the_head():
    refused(LineTooLong, "a" * (MIB + 10))


@pytest.mark.parametrize("file", ["x.avro", "x.orc", "x.xml", "x.csv.bz2", "x.json.zst"])
def test_what_express_declines_is_no_rejection(file):
    with pytest.raises(FormatDeclined):
        inspect(b"anything", file)


@pytest.mark.parametrize("content", [b"Obj\x01\x04\x14avro", b"ORC\x08\x03\x10", b"<?xml version='1.0'?>"])
def test_a_name_that_says_nothing_is_judged_by_its_content(content):
    with pytest.raises(FormatDeclined):
        inspect(content, "part-0000")
    assert inspect("a,b\n1,2\n", "part-0000").format == "csv"
    assert inspect('{"a": 1}\n', "part-0000").format == "json"
    assert inspect("ORC_id,b\n1,2\n").format == "csv"


def test_a_key_that_is_no_data_is_refused():
    from mesh.domain.formats.model import BytesReader, ObjectRef
    from mesh.domain.inspection import inspect_object

    with pytest.raises(UnknownPrefix):
        inspect_object(ObjectRef(bucket="b", key="p1/contract.yaml", size=1), BytesReader(b"x"))


CELL = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=8).filter(
    lambda cell: cell.strip() == cell
)


@given(st.lists(st.tuples(CELL, CELL, st.integers(0, 999)), min_size=1, max_size=20), st.sampled_from(",;|\t"))
def test_what_the_csv_module_writes_is_read_back(rows, delimiter):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerows([("left", "right", "number"), *rows])
    found = inspect(out.getvalue(), expected=schema({"left": "string", "right": "string", "number": "bigint"}))
    assert found.rows == len(rows)
    assert types(found)["number"] == "bigint"
    assert set(found.samples["left"]) == {left for left, _, _ in rows}


@given(st.binary(max_size=300), st.sampled_from(["x.csv", "x.csv.gz", "x.jsonl", "x.parquet", "x"]))
def test_any_bytes_give_an_inspection_or_one_of_our_errors(content, file):
    from mesh.domain.errors import MeshError

    try:
        found = inspect(content, file)
    except MeshError as error:
        assert error.message
    else:
        assert found.columns


def test_a_line_break_inside_a_value_makes_no_number_of_it():
    assert types(inspect('a,b\n"1\n2",3\n', expected=schema({"a": "", "b": ""})))["a"] == "string"
