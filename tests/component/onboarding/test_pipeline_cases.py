"""Files that were read wrongly once, from landing to a reader: what is published is what the file says, or it is held
with a reason that names the place."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.builders import REGION
from tests.pipeline import Pipeline, contract_of


@pytest.fixture
def pipeline(aws):
    return Pipeline(aws("s3", region_name=REGION))


def parquet(**columns):
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "types", "rows"),
    [
        ("accession,filed\n1-1-1A,31-OCT-2023\n1-1-1B,30-OCT-2023\n", {"accession": "string", "filed": "string"},
         [("1-1-1A", "31-OCT-2023"), ("1-1-1B", "30-OCT-2023")]),
        ('id,folder,size\n1,"C:\\data\\",10\n2,"E:\\x",30\n', {"id": "bigint", "folder": "string", "size": "bigint"},
         [(1, "C:\\data\\", 10), (2, "E:\\x", 30)]),
        ("id,v\n1,10\n\n2,20\n\n\n", {"id": "bigint", "v": "bigint"}, [(1, 10), (2, 20)]),
        ('id,"name",score\n1,"Ann, B",\n2,"Cy",7\n', {"id": "bigint", "name": "string", "score": "bigint"},
         [(1, "Ann, B", None), (2, "Cy", 7)]),
        ("id,branch_code\n1,0107\n2,0410\n", {"id": "bigint", "branch_code": "string"}, [(1, "0107"), (2, "0410")]),
        ("id,v\r1,2\r3,4\r", {"id": "bigint", "v": "bigint"}, [(1, 2), (3, 4)]),
        ('id,comment,score\n1,"first\nsecond",7\n2,"one",8\n', {"id": "bigint", "comment": "string", "score": "bigint"},
         [(1, "first\nsecond", 7), (2, "one", 8)]),
        ("id,card\n1,1234567890123456\n2,2234567890123456\n", {"id": "bigint", "card": "string"},
         [(1, "1234567890123456"), (2, "2234567890123456")]),
        ("\ufeffcity,2023,2024\nBonn,1,2\nKöln,3,4\n", {"city": "string", "2023": "bigint", "2024": "bigint"},
         [("Bonn", 1, 2), ("Köln", 3, 4)]),
    ],
)  # fmt: skip
def test_a_csv_file_is_read_as_declared(pipeline, tmp_path, content, types, rows):
    pipeline.put("a.csv", content)
    assert pipeline.run().outcome == "published"
    assert pipeline.types() == types
    assert [tuple(row.values()) for row in pipeline.rows(tmp_path)] == rows
    assert pipeline.version().tables[0].rows == len(rows)


def test_a_decimal_on_the_last_line_is_a_double(pipeline, tmp_path):
    body = "id,size,note\n" + "".join(f"{n},{n},{'padding ' * 8}\n" for n in range(15_000)) + "15000,0.5,x\n"
    pipeline.put("a.csv", body)
    pipeline.run()
    assert pipeline.types()["size"] == "double"
    assert max(row["size"] for row in pipeline.rows(tmp_path)) == 14_999


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        ("Draw of 2025-01-06\nplant;operator;kw\n1;North;10\n2;South;20\n", "RaggedRows", "line 1"),
        ("\n" + "".join(f"A1{n % 4} {n} A34 A43 {n * 17}\n" for n in range(50)), "UnknownDelimiter", "space"),
    ],
)  # fmt: skip
def test_text_that_is_not_a_one_column_table_is_held_with_its_place(pipeline, content, code, said):
    pipeline.put("a.csv", content)
    settled = pipeline.run()
    assert (settled.outcome, pipeline.held()) == ("nothing", {"a.csv": code})
    assert said in settled.news.data.reason.message


def test_the_contract_names_what_a_space_separated_file_lacks(aws):
    names = {"status": "string", "duration": "bigint", "history": "string"}
    pipeline = Pipeline(aws("s3", region_name=REGION), contract_of(names))
    pipeline.put("german.csv", "\n" + "".join(f"A1{n % 4} {n} A34\n" for n in range(50)))
    settled = pipeline.run()
    assert "space" in settled.news.data.reason.message


def test_nested_json_is_published_and_spoils_nothing(pipeline, tmp_path):
    pipeline.put("nested.json", '{"id":1,"counts":[1,2],"at":{"x":{"y":[{"z":1.5}]}}}\n{"id":2,"counts":[3]}\n', "new")
    pipeline.put("good.csv", "id,zip,amount\n4,01069,10\n5,04110,20\n", "sound")
    assert pipeline.run().held == 0
    assert pipeline.types("new") == {
        "id": "bigint", "counts": "array<bigint>", "at": "struct<x:struct<y:array<struct<z:double>>>>",
    }  # fmt: skip
    assert pipeline.rows(tmp_path, "new")[0]["at"] == {"x": {"y": [{"z": 1.5}]}}
    assert [row["zip"] for row in pipeline.rows(tmp_path, "sound")] == ["01069", "04110"]


def test_struct_keys_that_differ_in_case_lose_nothing(pipeline, tmp_path):
    pipeline.put("d1.json", '{"id":1,"tags":{"Name":"alpha","name":"beta"}}\n')
    settled = pipeline.run()
    if settled.outcome == "published":
        (row,) = pipeline.rows(tmp_path)
        assert "alpha" in str(row["tags"]) and "beta" in str(row["tags"])
    else:
        assert "tags" in settled.news.data.reason.message


def test_a_struct_that_gains_a_field_reads_null_in_older_rows(pipeline, tmp_path):
    pipeline.put("a.json", '{"id":1,"at":{"x":1}}\n')
    pipeline.run()
    pipeline.put("b.json", '{"id":2,"at":{"x":2,"y":"new"}}\n')
    assert pipeline.run().outcome == "published"
    assert pipeline.types()["at"] == "struct<x:bigint,y:string>"
    assert {row["id"]: row["at"]["x"] for row in pipeline.rows(tmp_path)} == {1: 1, 2: 2}


def test_a_null_column_of_parquet_takes_the_type_of_its_first_values(pipeline, tmp_path):
    pipeline.put("a.parquet", parquet(id=[1, 2], v=pa.nulls(2)))
    pipeline.run()
    pipeline.put("b.parquet", parquet(id=[3], v=[1.5]))
    assert pipeline.run().held == 0
    assert pipeline.types()["v"] == "double"
    assert sorted((row["id"], row["v"]) for row in pipeline.rows(tmp_path)) == [(1, None), (2, None), (3, 1.5)]


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        (pa.array([3_661_000_001], pa.time64("us")), "string"), (pa.array([2**63], pa.uint64()), "decimal(20,0)"),
        (pa.array([1_700_000_000_000_000_000], pa.timestamp("ns", "UTC")), "timestamp"),
        (pa.array([1.5], pa.float16()), "float"), (pa.array([{"a": [1]}]), "struct<a:array<bigint>>"),
        (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int32())), "map<string,int>"),
        (pa.array([b"x"]), "binary"), (pa.array([7], pa.int8()), "int"),
    ],
)  # fmt: skip
def test_types_of_parquet_are_published(pipeline, values, type_):
    pipeline.put("a.parquet", parquet(v=values))
    assert pipeline.run().outcome == "published"
    assert pipeline.types() == {"v": type_}


def test_a_declared_type_is_what_the_table_has_or_the_object_is_held(aws, tmp_path):
    pipeline = Pipeline(aws("s3", region_name=REGION), contract_of({"id": "bigint", "day": "date"}))
    pipeline.put("good.csv", "id,day\n1,2026-11-01\n2,\n")
    pipeline.put("bad.csv", "id,day\n3,2026-11-01\n4,31-OCT-2023\n")
    settled = pipeline.run()
    assert (settled.accepted, pipeline.held()) == (1, {"bad.csv": "ValueNotOfType"})
    assert pipeline.types() == {"id": "bigint", "day": "date"}
    assert "31-OCT-2023" in settled.news.data.reason.message


def test_names_that_collide_after_lower_casing_are_held(pipeline):
    pipeline.put("a.csv", "id,Name,NAME\n1,x,y\n")
    settled = pipeline.run()
    assert pipeline.held() == {"a.csv": "DuplicateColumns"}
    assert "name" in settled.news.data.reason.message
