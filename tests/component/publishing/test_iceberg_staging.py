"""Staged tables: one snapshot a file, no id given twice, and read back by pyiceberg's own planner."""

import json

import pytest
from botocore.exceptions import ClientError
from mesh.adapters.iceberg.content import IcebergContents
from mesh.adapters.iceberg.file_io import S3FileIO
from mesh.adapters.iceberg.staging import MAX_SMALL, IcebergStaging, StaleBase
from mesh.adapters.s3.storage import ObjectGone
from mesh.domain.contracts.product import Throttled
from mesh.domain.publishing.fields import FieldIds, assign_fields
from mesh.domain.publishing.staging import ColumnStatistics, DataFile, StageOrder
from mesh.domain.publishing.table_state import Marks, MetadataInvalid, read_state
from mesh.domain.schema import Column
from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import Table

from tests.builders import BUCKET, REGION

LOCATION = f"s3://{BUCKET}/credit-card/published/loans/iceberg"
COLUMNS = {"id": "bigint", "name": "string", "dt": "string"}


def fields(base=(), highest=0, **types):
    return assign_fields([Column(name=name, type=type_) for name, type_ in types.items()], base, FieldIds(highest))


def file(name, rows=10, dt="2026-11-01", **columns):
    return DataFile(path=f"{LOCATION}/data/{name}.parquet", rows=rows, bytes=rows * 7, partition=(dt,), columns=columns)


@pytest.fixture
def s3(aws):
    client = aws("s3", region_name=REGION)
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture
def stage(s3):
    staging = IcebergStaging(s3)

    def run(*add, base=None, columns=None, remove=(), marks=None):
        return staging.stage(
            StageOrder(
                location=LOCATION,
                base=base,
                fields=columns or (base.fields if base else fields(**COLUMNS)),
                partition=("dt",),
                add=add,
                remove=frozenset(f"{LOCATION}/data/{name}.parquet" for name in remove),
                marks=marks or Marks(),
                index=f"{LOCATION}/metadata/index.parquet",
                proposal="p-1",
            )
        )

    return run


@pytest.fixture
def document(s3):
    def read(location):
        key = location.removeprefix(f"s3://{BUCKET}/")
        return json.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    return read


@pytest.fixture
def state(document):
    return lambda location: read_state(location, document(location))


@pytest.fixture
def oracle(s3):
    """The table as pyiceberg reads it."""
    io = S3FileIO(s3)

    def read(location):
        return Table(("db", "t"), FromInputFile.table_metadata(io.new_input(location)), location, io, NoopCatalog("x"))

    return read


def planned(table):
    return sorted(task.file.file_path.rpartition("/")[2] for task in table.scan().plan_files())


def test_a_new_table_is_staged_beside_an_empty_one(stage, oracle, document):
    staged = stage(file("a"), file("b", rows=5, dt="2026-11-02"))
    assert (staged.rows, staged.bytes, staged.files) == (15, 105, 2)
    assert planned(oracle(staged.metadata)) == ["a.parquet", "b.parquet"]
    assert planned(oracle(staged.empty)) == []
    assert document(staged.empty)["schemas"] == document(staged.metadata)["schemas"]


def test_a_version_is_one_file_with_one_snapshot_and_no_way_back(stage, state, document):
    first = stage(file("a"))
    second = document(stage(file("b"), base=state(first.metadata)).metadata)
    assert len(second["snapshots"]) == 1
    assert second["snapshots"][0].get("parent-snapshot-id") is None
    assert not second.get("snapshot-log") and not second.get("metadata-log")
    assert second["refs"] == {"main": {"snapshot-id": second["current-snapshot-id"], "type": "branch"}}


def test_files_are_added_and_removed(stage, state, oracle):
    first = stage(file("a"), file("b"), file("c", rows=1))
    second = stage(file("a2", rows=3), base=state(first.metadata), remove=["a", "c"])
    assert planned(oracle(second.metadata)) == ["a2.parquet", "b.parquet"]
    assert (second.rows, second.bytes, second.files) == (13, 91, 2)
    assert planned(oracle(first.metadata)) == ["a.parquet", "b.parquet", "c.parquet"]


def test_a_table_may_lose_all_its_files(stage, state, oracle):
    first = stage(file("a"))
    emptied = stage(base=state(first.metadata), remove=["a"])
    assert (emptied.rows, emptied.files, planned(oracle(emptied.metadata))) == (0, 0, [])
    again = stage(file("b"), base=state(emptied.metadata), marks=Marks(sequence=2))
    assert planned(oracle(again.metadata)) == ["b.parquet"]


def test_what_is_removed_has_to_be_there(stage, state):
    first = stage(file("a"))
    with pytest.raises(StaleBase, match="not in"):
        stage(base=state(first.metadata), remove=["other"])


def test_no_id_is_given_twice_after_a_rollback(stage, state, oracle):
    """Version 1 has id and dt. Version 2 adds `email` as 4. After a rollback to 1 `country` is not 4."""
    first = state(stage(file("a")).metadata)
    second = state(stage(file("b"), base=first, columns=fields(first.fields, 3, **COLUMNS, email="string")).metadata)
    assert second.fields[-1].id == 4
    marks = second.marks
    back = stage(
        file("c"), base=first, columns=fields(first.fields, marks.column, **COLUMNS, country="string"), marks=marks
    )
    found = state(back.metadata)
    assert [field.id for field in found.fields] == [1, 2, 3, 5]
    assert found.schema_id not in (first.schema_id, second.schema_id)
    assert found.marks.sequence > second.marks.sequence
    assert planned(oracle(back.metadata)) == ["a.parquet", "c.parquet"]


def test_an_unchanged_schema_keeps_its_id(stage, state):
    first = state(stage(file("a")).metadata)
    assert state(stage(file("b"), base=first).metadata).schema_id == first.schema_id


def test_partitions_and_bounds_prune(stage, oracle):
    columns = {1: ColumnStatistics(values=10, nulls=0, low="5", high="7"), 2: ColumnStatistics(values=10, nulls=3)}
    low = DataFile(path=f"{LOCATION}/data/a.parquet", rows=10, bytes=70, partition=("2026-11-01",), columns=columns)
    table = oracle(stage(low, file("b", dt="2026-11-02")).metadata)
    assert [task.file.file_path for task in table.scan("dt = '2026-11-02'").plan_files()] == [
        f"{LOCATION}/data/b.parquet"
    ]
    assert [task.file.file_path for task in table.scan("id = 9").plan_files()] == [f"{LOCATION}/data/b.parquet"]
    assert len(list(table.scan("id = 6").plan_files())) == 2


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("int", "3"), ("bigint", "-9"), ("double", "1.5"), ("float", "1.5"), ("boolean", "true"),
        ("date", "2026-11-27"), ("timestamp", "2026-11-27 10:00:00.000001"), ("decimal(10,2)", "1.50"),
        ("string", "größe"),
    ],
)  # fmt: skip
def test_a_partition_value_of_any_type_is_read_back(s3, type_, text):
    order = StageOrder(
        location=LOCATION, base=None, fields=fields(a="bigint", k=type_), partition=("k",),
        add=(DataFile(path=f"{LOCATION}/data/a.parquet", rows=1, bytes=1, partition=(text,), columns={
            2: ColumnStatistics(values=1, nulls=0, low=text, high=text)}),
            DataFile(path=f"{LOCATION}/data/n.parquet", rows=1, bytes=1, partition=(None,))),
    )  # fmt: skip
    content = IcebergContents(s3).read(IcebergStaging(s3).stage(order).metadata)
    assert content.partitions() == {(text,): 1, (None,): 1}


def test_nested_columns_of_any_depth(s3, state):
    nested = fields(s="struct<a:int,l:array<struct<x:date,m:map<string,decimal(9,2)>>>>", b="binary")
    order = StageOrder(location=LOCATION, base=None, fields=nested)
    assert state(IcebergStaging(s3).stage(order).metadata).fields == nested


def test_many_appends_leave_few_manifests(stage, state, oracle):
    base = state(stage(file("a0")).metadata)
    for number in range(1, MAX_SMALL + 5):
        base = state(stage(file(f"a{number}"), base=base).metadata)
    table = oracle(base.metadata)
    assert len(table.current_snapshot().manifests(table.io)) <= MAX_SMALL + 1
    assert len(planned(table)) == MAX_SMALL + 5


def test_content_is_what_the_manifests_list(stage, s3):
    staged = stage(file("a"), file("b", dt=None), file("c", rows=2))
    content = IcebergContents(s3).read(staged.metadata)
    assert (content.rows, content.bytes, len(content.files), content.delete_files) == (22, 154, 3, 0)
    assert content.partitions() == {("2026-11-01",): 12, (None,): 10}
    assert content.state.proposal == "p-1"
    assert content.state.partition == ("dt",)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format-version": 1}', '{"format-version": 2, "schemas": []}', "\xff", "[" * 100_000]
)
def test_invalid_metadata_is_named(s3, text):
    s3.put_object(Bucket=BUCKET, Key="m.json", Body=text.encode("latin-1"))
    with pytest.raises(MetadataInvalid, match=r"m\.json"):
        IcebergContents(s3).read(f"s3://{BUCKET}/m.json")


def test_manifests_of_another_folder_are_not_read(stage, document, s3):
    """The verifying role may read every producer's metadata: a proposal may not have it read a stranger's."""
    staged = document(stage(file("a")).metadata)
    foreign = f"s3://{BUCKET}/other/published/t/iceberg/metadata/snap.avro"
    staged["snapshots"][0]["manifest-list"] = foreign
    key = "credit-card/published/loans/iceberg/metadata/forged.metadata.json"
    s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(staged).encode())
    with pytest.raises(MetadataInvalid, match="does not lie beside it"):
        IcebergContents(s3).read(f"s3://{BUCKET}/{key}")


@pytest.mark.parametrize("cut", [0, 1, 40, 300])
def test_a_damaged_manifest_list_is_named(stage, document, s3, cut):
    staged = stage(file("a")).metadata
    key = document(staged)["snapshots"][0]["manifest-list"].removeprefix(f"s3://{BUCKET}/")
    body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    s3.put_object(Bucket=BUCKET, Key=key, Body=body[:cut])
    with pytest.raises(MetadataInvalid):
        IcebergContents(s3).read(staged)


@pytest.mark.parametrize(("code", "error"), [("AccessDenied", ObjectGone), ("InternalError", Throttled)])
def test_an_object_that_s3_denies_counts_as_missing(s3, monkeypatch, code, error):
    def denied(**_):
        raise ClientError({"Error": {"Code": code}}, "GetObject")

    monkeypatch.setattr(s3, "get_object", denied)
    with pytest.raises(error):
        IcebergContents(s3).read(f"{LOCATION}/metadata/x.json")
    with pytest.raises(error):
        IcebergContents(s3).details(f"{LOCATION}/metadata/x.details.json")
