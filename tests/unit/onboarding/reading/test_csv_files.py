"""CSV as people write it: line ends, quotes, headers, delimiters; and a clear finding where it cannot be a table."""

import pytest
from mesh.domain.onboarding.reading.dialect import layout_of

from tests.unit.onboarding.reading.reading import FOLDER, codes, opened, rows, table, types


def only(content, code, severity="error", **more):
    """The one finding, which is of that code."""
    with opened({"a.csv": content}, **more) as reading:
        assert codes(reading) == [(code, severity)]
        assert FOLDER + "a.csv" in reading.findings[0].keys
        assert "/tmp" not in reading.findings[0].message
        return reading.findings[0]


@pytest.mark.parametrize(
    "content",
    [
        "id,v\n1,2\n3,4\n", "id,v\r\n1,2\r\n3,4\r\n", "id,v\r1,2\r3,4\r", "id,v\n1,2\n3,4", "id,v\n\n1,2\n\n3,4\n\n\n",
        "\n\nid,v\n1,2\n3,4\n", "\ufeffid,v\n1,2\n3,4\n", "id,v\r\n\r\n1,2\r\n3,4\r\n", "id,v\r\r1,2\r3,4",
        "id;v\n1;2\n3;4\n", "id\tv\n1\t2\n3\t4\n", "id|v\n1|2\n3|4\n",
        '"id","v"\n"1","2"\n"3","4"\n', "id,v\r\r\n1,2\r\r\n3,4\r\r\n",
    ],
)  # fmt: skip
def test_two_rows_of_two_columns(content):
    with opened({"a.csv": content}) as reading:
        assert [code for code, severity in codes(reading) if severity == "error"] == []
        assert types(reading) == {"id": "bigint", "v": "bigint"}
        assert table(reading).to_pylist() == [{"id": 1, "v": 2}, {"id": 3, "v": 4}]
        assert [source.rows for source in reading.sources] == [2]


def test_mixed_line_ends_are_reported():
    assert only("id,v\n1,2\r3,4\n", "MixedLineEnds", "warning")


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('"first\nsecond"', "first\nsecond"), ('"first\r\nsecond"', "first\r\nsecond"),
        ('"first\rsecond"', "first\rsecond"),
        ('"say ""hi"""', 'say "hi"'), ('"C:\\data\\"', "C:\\data\\"), ("C:\\data\\", "C:\\data\\"), ('"a,b"', "a,b"),
        ('a"b', 'a"b'), ("", None), ('""', None), ("\\N", "\\N"), ("NULL", "NULL"), ("# x", "# x"), ("'a", "'a"),
    ],
)  # fmt: skip
def test_a_cell_is_read_as_the_rfc_has_it(cell, value):
    _, found = rows(f'id,folder,size\n1,{cell},10\n2,"x",20\n')
    assert found == [{"id": 1, "folder": value, "size": 10}, {"id": 2, "folder": "x", "size": 20}]


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ("v\n1\n\n2\n", [1, 2]), ('v\n1\n\n""\n2\n', [1, None, 2]), ("v\n1\n2", [1, 2]),
        ('v\n"A1"\n""\n', ["A1", None]),
        ("v\r1\r\r2\r", [1, 2]),
    ],
)  # fmt: skip
def test_a_blank_line_is_not_a_row_of_a_single_column(content, values):
    assert rows(content) == ({"v": "bigint" if 1 in values else "string"}, [{"v": value} for value in values])


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("accession,filed\n1-1-1A,31-OCT-2023\n1-1-1B,30-OCT-2023\n", ["accession", "filed"]),
        ("name,city\nAnn,Berlin\nBob,Rome\n", ["name", "city"]),
        ("first_name,last_name\nAnn,Lee\nBob,Ray\n", ["first_name", "last_name"]),
        ("name,2023,2024\nx,1,2\ny,3,4\n", ["name", "2023", "2024"]),
        ("\ufeffname,2023,2024\nx,1,2\ny,3,4\n", ["name", "2023", "2024"]),
        ("country,2023,2024\nx,high,low\ny,low,low\n", ["country", "2023", "2024"]),
        ("Größe,a.b,1st\n1,2,3\n", ["größe", "a.b", "1st"]),
        (" Id , Name \n1,x\n", ["id", "name"]),
        ("code\nA1\nB2\n", ["code"]),
        ("city,state\n" + "".join(f"Town{n % 3},Ohio\n" for n in range(30)), ["city", "state"]),
        ("Mood,Team\n" + "".join(f"Good,T{'ab'[n % 2]}\n" for n in range(30)), ["mood", "team"]),
    ],
)
def test_a_header_is_found(content, names):
    with opened({"a.csv": content}) as reading:
        assert list(types(reading)) == names
        assert codes(reading) == []


@pytest.mark.parametrize(
    "content", ["1,2\n3,4\n", "a,1\nb,2\n", "2023-01-01,x\n2023-01-02,y\n", "Ann,Lee\nBob,Ray\n", "x,x\ny,y\n"]
)
def test_without_a_header_columns_are_numbered_with_a_warning(content):
    finding = only(content, "NoHeader", "warning")
    assert "col0" in finding.message
    with opened({"a.csv": content}) as reading:
        assert list(types(reading)) == ["col0", "col1"]
        assert table(reading).num_rows == 2


def test_the_contracts_names_are_those_of_a_file_without_a_header():
    assert rows("1,x\n2,y\n", expected={"id": "bigint", "name": "string"})[1][0] == {"id": 1, "name": "x"}


def test_a_header_is_found_by_the_contracts_names_in_any_order():
    _, values = rows("NAME,id\nx,1\n", expected={"id": "bigint", "name": "string"})
    assert values == [{"name": "x", "id": 1}]


def test_the_published_tables_names_are_those_of_a_later_file_without_a_header():
    found = rows("3,4\n", present={"col0": "bigint", "col1": "bigint"})[1]
    assert found == [{"col0": 3, "col1": 4}]


def test_the_contract_decides_on_the_delimiter():
    expected = {"id": "bigint", "note": "string"}
    assert rows("id:note\n1:a,b,c\n", expected=expected)[1] == [{"id": 1, "note": "a,b,c"}]
    assert rows("id note\n1 x\n2 y\n", expected=expected)[1][0] == {"id": 1, "note": "x"}
    assert rows("id;note\n1;a,b\n2;c,d\n", expected=expected)[1][0] == {"id": 1, "note": "a,b"}


def test_the_contracts_stated_delimiter_is_used():
    assert rows("a b\n1 2\n3 4\n", delimiter=" ")[1][0] == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("\n" + "".join(f"A11 {n} A34 A43 1169 A65\n" for n in range(10)), "a space"),
        ("a b c\n1 2 3\n4 5 6\n", "a space"), ("id^v\n1^2\n3^4\n", "'^'"), ("id~v\n1~2\n3~4\n", "'~'"),
        ("id\x1fv\n1\x1f2\n3\x1f4\n", "31"),
    ],
)  # fmt: skip
def test_fields_of_an_unknown_delimiter_are_not_a_single_column(content, word):
    if "\x1f" in content:
        with opened({"a.csv": content}) as reading:
            assert codes(reading)[0][1] == "error"
        return
    assert word in only(content, "UnknownDelimiter").message


@pytest.mark.parametrize(
    "content",
    [
        "Draw of 2025-01-06\nplant;operator;kw\n1;North;10\n2;South;20\n",
        "Report, 2025\nplant,operator,kw,mw\n1,North,10,1\n2,South,20,1\n",
        "Sales\na\tb\n1\t2\n3\t4\n",
        "My title\n\na,b\n1,2\n3,4\n",
    ],
)
def test_a_title_above_the_header_is_named(content):
    finding = only(content, "RaggedRows")
    assert "line 1 " in finding.message
    assert "title" in finding.message


def test_a_sentence_of_words_is_a_single_column():
    assert rows("comment\nall is well\nnot so good\nnever ever again\n")[0] == {"comment": "string"}


@pytest.mark.parametrize(
    ("content", "code", "word"),
    [
        ("id,v\n1,2\n3\n", "RaggedRows", "line 3"), ("id,v\n1,2\n3,4,5\n", "RaggedRows", "line 3"),
        ('id,v\n1,"a\nb"\n3\n', "RaggedRows", "line 4"),
        ("a,b\n" + "1,2\n" * 50_000 + "1\n", "RaggedRows", "line 50002"),
        ('a,b\nx,"never\ny,z\n', "UnclosedQuote", "line 2"), ('a,b\n"x"y,z\n', "UnclosedQuote", "line 2"),
        ("a,b\n" + "1,2\n" * 50_000 + '1,"x\n', "UnclosedQuote", "line 50002"),
        ("id,id\n1,2\n", "DuplicateColumns", "'id'"), ("id,ID\n1,2\n", "DuplicateColumns", "'id'"),
        ("id,,v\n1,2,3\n", "EmptyColumnName", "column 2"), ("id,v\n", "HeaderWithoutRows", "no rows"),
        ("", "EmptyFile", "no bytes"), (" \n\n", "EmptyFile", "white space"),
        (b"a,b\nx,y\0z\n", "BinaryContent", "line 2"),
        (b"a,b\n" + b"x,y\n" * 300_000 + b"x,\0\n", "BinaryContent", "NUL"),
        (b"a,b\nx," + b"y" * 2_000_000 + b"\n", "LineTooLong", "line 2"),
        ('a,b\nx,"' + "y\n" * 1_500_000 + '"\n', "LineTooLong", "line 2"),
        (f"id,{'n' * 256}\n1,2\n", "ColumnNameTooLong", "256 bytes"),
    ],
)  # fmt: skip
def test_an_object_without_a_table_is_an_error_that_names_the_place(content, code, word):
    expected = {"id": "string", "v": "string"} if code == "EmptyColumnName" else None
    assert word in only(content, code, expected=expected).message


def test_a_name_may_have_255_bytes():
    name = "ä" * 127 + "n"
    assert list(rows(f"id,{name}\n1,2\n")[0]) == ["id", name]


def test_five_thousand_columns_are_read():
    names = [f"c{number}" for number in range(5000)]
    found, values = rows(",".join(names) + "\n" + ",".join(["1"] * 4999 + ["x"]) + "\n")
    assert (found["c0"], found["c4999"], values[0]["c4998"]) == ("bigint", "string", 1)


@pytest.mark.parametrize("name", ["mesh:object", " mesh object", "mesh_rows", "rowid", "c0", "h", 'a"b', "a'b", "{x}"])
def test_a_column_may_have_any_name(name):
    written = '"' + name.replace('"', '""') + '"'
    assert rows(f"id,{written}\n1,2\n")[1] == [{"id": 1, name.strip(): 2}]


def test_the_first_part_alone_does_not_decide_about_a_late_quote():
    late = '"x, y\nz"'
    assert rows("a,b\n" + "1,w\n" * 400_000 + f"2,{late}\n")[1][-1] == {"a": 2, "b": "x, y\nz"}


def test_a_layout_describes_what_was_detected():
    assert layout_of("a;b\n1;2\n") == (";", True, ("a", "b"), None, None)
