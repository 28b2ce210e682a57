"""What is written: Parquet with field ids, rows in order, statistics; rewritten without some rows, as other types."""

import datetime as dt
import decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mesh.adapters.duckdb.reading import Rewriter
from mesh.domain.onboarding.reading.model import FilePlan, RowRange, StoredFile
from mesh.domain.publishing.fields import Field, FieldIds, assign_fields
from mesh.domain.schema import Column

from tests.unit.onboarding.reading.reading import FOLDER, opened, written

NESTED = '{"id":1,"d":{"x":[{"y":"2026-01-01"}]},"A.b":1.5}\n{"id":2,"d":null,"A.b":null}\n'


def ids(schema):
    """Path → field id, of every level."""
    found = {}

    def walk(field, above):
        path = f"{above}.{field.name}" if above else field.name
        found[path] = int((field.metadata or {}).get(b"PARQUET:field_id", -1))
        kind = field.type
        if pa.types.is_map(kind):
            walk(kind.key_field, path)
            walk(kind.item_field, path)
        elif pa.types.is_list(kind):
            walk(kind.value_field, path)
        elif pa.types.is_struct(kind):
            for index in range(kind.num_fields):
                walk(kind.field(index), path)

    for field in schema:
        walk(field, "")
    return found


def test_every_level_has_its_field_id():
    with opened({"a.json": NESTED}) as reading:
        fields = assign_fields(reading.schema.columns, (), FieldIds(100))
        (file,) = reading.write([FilePlan(name="p=1/0.parquet", keys=(FOLDER + "a.json",))], fields)
        expected = {each.name: each.id for field in fields for each in field.every()}
        found = {
            path.rpartition(".")[2] if "A" not in path else path: id_
            for path, id_ in ids(pq.read_schema(file.path)).items()
        }
    assert {name: id_ for name, id_ in found.items() if name in expected} == {
        name: id_ for name, id_ in expected.items() if name in found
    }
    assert -1 not in found.values()
    assert len(found) == len(expected)


def test_types_of_the_file_are_those_of_iceberg():
    content = "i,d,b,day,at,t\n1,1.5,true,2026-01-01,2026-01-01T10:00:00Z,x\n"
    with opened({"a.csv": content}) as reading:
        schema = pq.read_schema(written(reading).path)
    assert [str(field.type) for field in schema] == [
        "int64",
        "double",
        "bool",
        "date32[day]",
        "timestamp[us]",
        "string",
    ]


def test_statistics_are_by_field_id():
    content = "i,d,day,at,t,n\n1,1.5,2026-01-01,2026-01-01T10:00:00Z,x,\n5,,2026-01-03,,a,\n"
    with opened({"a.csv": content}) as reading:
        file = written(reading)
        stats = {field.name: file.columns[index] for index, field in enumerate(pq.read_schema(file.path), start=1)}
    assert (stats["i"].low, stats["i"].high, stats["i"].nulls, stats["i"].values) == (1, 5, 0, 2)
    assert (stats["d"].low, stats["d"].high, stats["d"].nulls) == (1.5, 1.5, 1)
    assert (stats["day"].low, stats["day"].high) == (dt.date(2026, 1, 1), dt.date(2026, 1, 3))
    assert stats["at"].high == dt.datetime(2026, 1, 1, 10)
    assert (stats["t"].low, stats["t"].high, stats["n"].low, stats["n"].nulls) == ("a", "x", None, 2)
    assert (file.rows, file.bytes, file.path.name) == (2, file.bytes, "0.parquet")
    assert all(each.size > 0 for each in stats.values())


def test_rows_keep_their_order_and_the_file_locates_them():
    files = {
        f"{name}.csv": "id,v\n" + "".join(f"{start + n},x\n" for n in range(5000))
        for name, start in (("a", 0), ("b", 5000))
    }
    files["c.csv"] = "v,id\n" + "".join(f"x,{10000 + n}\n" for n in range(5000))
    with opened(files) as reading:
        file = written(reading, "c.csv", "a.csv", "b.csv")
        found = pq.read_table(file.path).column("id").to_pylist()
        assert found == [*range(10000, 15000), *range(10000)]
        assert {key.removeprefix(FOLDER): (each.first, each.rows) for key, each in file.first_rows.items()} == {
            "c.csv": (0, 5000), "a.csv": (5000, 5000), "b.csv": (10000, 5000),
        }  # fmt: skip
        one = written(reading, "b.csv", name="y.parquet")
        assert pq.read_table(one.path).column("id").to_pylist() == list(range(5000, 10000))


def test_a_field_that_the_batch_lacks_is_null():
    with opened({"a.csv": "id\n1\n"}) as reading:
        fields = (Field(id=7, name="gone", type="date"), Field(id=1, name="id", type="double"))
        (file,) = reading.write([FilePlan(name="a", keys=(FOLDER + "a.csv",))], fields)
        assert pq.read_table(file.path).to_pylist() == [{"gone": None, "id": 1.0}]


def test_no_file_is_written_outside_of_the_readings_folder():
    with opened({"a.csv": "id\n1\n"}) as reading, pytest.raises(ValueError, match="out of"):
        written(reading, name="../x.parquet")


@pytest.mark.parametrize(
    ("before", "value", "after", "expected"),
    [
        ("bigint", 5, "double", 5.0), ("double", 1.5, "string", "1.5"), ("bigint", 5, "string", "5"),
        ("date", dt.date(2026, 1, 1), "timestamp", dt.datetime(2026, 1, 1)), ("int", 5, "bigint", 5),
        ("array<int>", [1], "string", "[1]"), ("bigint", 5, "decimal(20,1)", decimal.Decimal("5.0")),
        ("struct<a:int>", {"a": 1}, "struct<a:bigint,b:string>", {"a": 1, "b": None}),
        ("boolean", True, "string", "true"),
        ("date", dt.date(2026, 1, 1), "string", "2026-01-01"), ("string", "x", "string", "x"),
    ],
)  # fmt: skip
def test_files_are_rewritten_as_other_types_without_some_rows(tmp_path, before, value, after, expected):
    base = assign_fields([Column(name="id", type="bigint"), Column(name="v", type=before)], (), FieldIds(0))
    kinds = {"int": pa.int32(), "array<int>": pa.list_(pa.int32()), "struct<a:int>": pa.struct([("a", pa.int32())])}
    with opened({"a.parquet": _parquet(value, kinds.get(before))}) as reading:
        (old,) = reading.write([FilePlan(name="old.parquet", keys=(FOLDER + "a.parquet",))], base)
        stored = tmp_path / "old.parquet"
        stored.write_bytes(old.path.read_bytes())
    columns = [Column(name="v", type=after), Column(name="id", type="bigint"), Column(name="new", type="string")]
    fields = assign_fields(columns, base, FieldIds(max(each.id for field in base for each in field.every())))
    files = [
        StoredFile(path=stored, keep_rows=(RowRange(first=1, rows=2), RowRange(first=5, rows=1))),
        StoredFile(path=stored),
    ]

    file = Rewriter().rewrite(files, base, fields, tmp_path / "new.parquet")

    found = pq.read_table(file.path)
    assert found.column("id").to_pylist() == [1, 2, 5, *range(10)]
    assert set(map(repr, found.column("v").to_pylist())) == {repr(expected)}
    assert set(found.column("new").to_pylist()) == {None}
    assert [ids(found.schema)[field.name] for field in fields] == [field.id for field in fields]
    assert file.rows == 13


def _parquet(value, kind):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"id": list(range(10)), "v": pa.array([value] * 10, kind)}), sink)
    return sink.getvalue().to_pybytes()
