"""What `crawl: glue` writes as Parquet, and the crawler here, with a reader of its own: the same columns and types."""

import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mesh.adapters.duckdb.reading import DuckReadings
from mesh.domain.onboarding.reading.model import FilePlan, TableSources
from mesh.domain.publishing.fields import FieldIds, assign_fields
from mesh.domain.publishing.hive_table import crawled_file
from mesh.usecases.onboarding.prepare_product import TABLE_LEVEL
from pyarrow import orc

from local.glue.readers import read
from local.glue.tables import CrawledFile, CrawledTable, table_folder, table_input, table_name
from tests.fakes import FakeObjects

CREDIT = "laufkont,laufzeit,hoehe,kredit\n" + "".join(f"{i % 4},{i},{i}.5,{i % 2}\n" for i in range(1, 60))


def parquet(**columns):
    sink = io.BytesIO()
    pq.write_table(pa.table({name: pa.array([None], kind) for name, kind in columns.items()}), sink)
    return sink.getvalue()


def lines(*records):
    return "\n".join(map(json.dumps, records)).encode()


NESTED = [{"a": 1, "s": {"x": None, "y": [1]}, "e": []}, {"a": 2.5, "s": {"x": 3, "y": [2**40], "z": "t"}, "e": [{}]}]
WIDE = parquet(
    a=pa.int8(), b=pa.uint16(), c=pa.uint64(), d=pa.float32(), e=pa.bool_(), f=pa.timestamp("ms"), g=pa.date32(),
    h=pa.decimal128(12, 3), i=pa.list_(pa.int32()), j=pa.struct([("K", pa.string())]), k=pa.binary(),
    l=pa.map_(pa.string(), pa.int64()),
)  # fmt: skip

CASES = {
    "credit": {"credit.csv": CREDIT.encode()},
    "semicolon": {"a.csv": b"id;name\n1;x\n2;y\n"},
    "all strings": {"a.csv": b"first,last\nada,lovelace\nalan,turing\n"},
    "bom": {"a.csv": b"\xef\xbb\xbfid,ok\n1,true\n2,False\n"},
    "quoted": {"a.csv": b'id,text\n1,"a,b"\n2,"line\nbreak"\n'},
    "numbers": {"a.csv": b"a,b,c,d\n1,1e5,-3,99999999999999999999\n,.5,+4,1\n"},
    "dates stay strings": {"a.csv": b"id,day\n1,2026-11-21\n"},
    "gzip": {"a.csv.gz": gzip.compress(CREDIT.encode(), mtime=0)},
    "wider": {"a.csv": b"id,v\n1,2\n", "b.csv": b"id,v\n1,2.5\n"},
    "grown": {"a.csv": b"id,v\n1,2\n", "b.csv": b"id,v,note\n1,2,x\n"},
    "json": {"a.json": lines(*NESTED)},
    "json gzip": {"a.jsonl.gz": gzip.compress(lines({"id": 2**31, "ok": True, "none": None}), mtime=0)},
    "parquet": {"a.parquet": WIDE},
    "hive": {"dt=2026-11-20/c=de/a.csv": b"id,v\n1,2\n", "dt=2026-11-21/c=fr/b.csv": b"id,v\n1,2\n"},
    "bare folders": {"2026/11/a.csv": b"id,v\n1,2\n"},
}


def promoted(files):
    """Hive key → Parquet, as `crawl: glue` puts it below the table's folder; and the columns that were written."""
    objects = FakeObjects()
    refs = tuple(objects.put("bucket", f"product/data/t/{key}", body) for key, body in sorted(files.items()))
    with DuckReadings(objects).open(TableSources(table="t", refs=refs)) as reading:
        keys = reading.partition_keys
        columns = [column for column in reading.schema.columns if column.name not in keys]
        fields = assign_fields(columns, (), FieldIds(0))
        found = {}
        for number, source in enumerate(reading.sources):
            (file,) = reading.write([FilePlan(name=f"{number}.parquet", keys=(source.key,))], fields)
            place = crawled_file("product/published/hive/t", source.partition, file.name)
            found[place] = file.path.read_bytes()
    assert len(found) == len(files)
    return found, {field.name: field.hive_type for field in fields}, keys


def crawled(files):
    target = "product/published/hive/"
    folder = table_folder(target, next(iter(files)), TABLE_LEVEL, list(files))
    table = CrawledTable(table_name("", "bucket", folder), "bucket", folder)
    table.files += [CrawledFile("bucket", key, len(body), read(body)) for key, body in sorted(files.items())]
    return table_input(table, "crawler", None, keep_types=True)


@pytest.mark.parametrize("case", CASES)
def test_the_crawler_finds_the_table_and_the_types_that_were_written(case):
    files, written, keys = promoted(CASES[case])
    found = crawled(files)
    assert found["Name"] == "t"
    assert {column["Name"]: column["Type"] for column in found["StorageDescriptor"]["Columns"]} == written
    assert tuple(column["Name"] for column in found["PartitionKeys"]) == keys
    assert found["Parameters"]["classification"] == "parquet"


def test_an_orc_file_is_a_table_of_its_own_columns():
    out = io.BytesIO()
    orc.write_table(pa.table({"id": [1, 2], "v": ["x", "y"]}), out)
    found = crawled({"product/published/hive/t/a.orc": out.getvalue()})
    assert [(c["Name"], c["Type"]) for c in found["StorageDescriptor"]["Columns"]] == [
        ("id", "bigint"),
        ("v", "string"),
    ]
    assert found["Parameters"]["classification"] == "orc"
