"""Files made after public reports that were read wrong once: what is right for each, and for its siblings."""

import pyarrow as pa
import pytest
from mesh.domain.onboarding.reading.model import contract_layout

from tests.unit.contracts.contracts import column, contract
from tests.unit.onboarding.reading.reading import FOLDER, NOW, codes, opened, parquet, rows, table, types


def test_a_header_over_texts_is_not_a_row():
    found, values = rows("accession,filed\n1-1-1A,31-OCT-2023\n1-1-1B,30-OCT-2023\n")
    assert found == {"accession": "string", "filed": "string"}
    assert len(values) == 2


def test_a_backslash_before_a_quote_is_a_backslash():
    values = rows('id,folder,size\n1,"C:\\data\\",10\n2,"D:\\tmp\\",20\n3,"E:\\x",30\n')[1]
    assert [(row["folder"], row["size"]) for row in values] == [("C:\\data\\", 10), ("D:\\tmp\\", 20), ("E:\\x", 30)]


def test_blank_lines_are_not_rows():
    with opened({"a.csv": "id,v\n1,10\n\n2,20\n\n\n"}) as reading:
        assert reading.measure(None, now=NOW).profile.rows == 2
        assert table(reading).to_pylist() == [{"id": 1, "v": 10}, {"id": 2, "v": 20}]


def test_an_empty_number_in_a_quoted_file_is_null():
    found, values = rows('id,"name",score\n1,"Ann, B",\n2,"Cy",7\n3,"Di",9\n')
    assert (found["score"], [row["score"] for row in values]) == ("bigint", [None, 7, 9])


def test_a_decimal_on_the_last_line_makes_a_double():
    padding = "padding " * 6
    content = "id,size,note\n" + "".join(f"{n},{n},{padding}\n" for n in range(25_000)) + f"25000,0.5,{padding}\n"
    assert len(content) > 1024 * 1024
    found, values = rows(content)
    assert (found["size"], values[-1]["size"], values[1]["size"]) == ("double", 0.5, 1.0)


def test_leading_zeros_are_kept():
    assert rows("id,branch_code\n1,0107\n2,0410\n")[1][0] == {"id": 1, "branch_code": "0107"}


def test_carriage_returns_end_lines():
    assert rows("id,v\r1,2\r3,4\r")[1] == [{"id": 1, "v": 2}, {"id": 3, "v": 4}]


def test_nested_json_is_published_and_spoils_nothing_else():
    found, values = rows({"a.json": '{"id":1,"counts":[1,2]}\n{"id":2,"counts":[3]}\n'})
    assert (found["counts"], values[0]["counts"]) == ("array<bigint>", [1, 2])


def test_a_null_column_takes_the_type_of_its_first_values():
    with opened({"a.parquet": parquet({"v": pa.nulls(2)})}) as reading:
        assert types(reading) == {"v": "string"}
    with opened({"b.parquet": parquet({"v": pa.array([1.5])})}, present={"v": "string"}) as reading:
        assert types(reading) == {"v": "string"}
    with opened({"b.parquet": parquet({"v": pa.array([1.5])})}, present={"v": ""}) as reading:
        assert types(reading) == {"v": "double"}


def test_line_breaks_in_quotes_are_values():
    values = rows('id,comment,score\n1,"first line\nsecond line",7\n2,"one line",8\n')[1]
    assert values[0] == {"id": 1, "comment": "first line\nsecond line", "score": 7}


@pytest.mark.parametrize("expected", [None, {"status": "string", "duration": "bigint", "history": "string"}])
def test_fields_between_spaces_are_not_a_single_column(expected):
    content = "\n" + "".join(f"A1{n % 4} {n} A34 A43 {n * 17}\n" for n in range(1000))
    with opened({"german.csv": content}, expected=expected) as reading:
        assert codes(reading) == [("UnknownDelimiter", "error")]
        assert "space" in reading.findings[0].message


def test_a_title_is_not_a_table_of_one_column():
    with opened({"a.csv": "Draw of 2025-01-06\nplant;operator;kw\n1;North;10\n2;South;20\n"}) as reading:
        assert [(f.code, f.keys) for f in reading.findings] == [("RaggedRows", (FOLDER + "a.csv",))]
        assert "line 1" in reading.findings[0].message


def test_the_contract_states_how_files_are_written():
    stated = [{"property": "encoding", "value": "windows-1252"}]
    own = contract(column("id"), table={"customProperties": stated})
    whole = contract(column("id"), customProperties=stated, servers=[server(delimiter="~")])
    assert contract_layout(own, "t") == {"encoding": "windows-1252", "delimiter": ""}
    assert contract_layout(own, "other") == {"encoding": "", "delimiter": ""}
    assert contract_layout(whole, "t") == {"encoding": "windows-1252", "delimiter": "~"}
    assert contract_layout(None, "t") == {}


def server(**more):
    return {"server": "s", "type": "s3", "location": "s3://b/product/", "format": "csv", **more}
