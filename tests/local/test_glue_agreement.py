"""The product's express crawl and the crawler here, each with its own readers, see the same in the same files."""

import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mesh.domain import glue_table
from mesh.domain.formats.model import BytesReader, ObjectRef
from mesh.domain.inspection import inspect_object
from mesh.domain.merging import merge_inspections

from local.glue.readers import read
from local.glue.tables import CrawledFile, CrawledTable, partition_input, table_input

CREDIT = "laufkont,laufzeit,hoehe,kredit\n" + "".join(f"{i % 4},{i},{i}.5,{i % 2}\n" for i in range(1, 60))


def parquet(**columns):
    sink = io.BytesIO()
    pq.write_table(pa.table({name: pa.array([], kind) for name, kind in columns.items()}), sink)
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
    "gzip": {"a.csv.gz": gzip.compress(CREDIT.encode())},
    "wider": {"a.csv": b"id,v\n1,2\n", "b.csv": b"id,v\n1,2.5\n"},
    "grown": {"a.csv": b"id,v\n1,2\n", "b.csv": b"id,v,note\n1,2,x\n"},
    "json": {"a.json": lines(*NESTED)},
    "json gzip": {"a.jsonl.gz": gzip.compress(lines({"id": 2**31, "ok": True, "none": None}))},
    "parquet": {"a.parquet": WIDE},
    "hive": {"dt=2026-11-20/c=de/a.csv": b"id,v\n1,2\n", "dt=2026-11-21/c=fr/b.csv": b"id,v\n1,2\n"},
    "bare folders": {"2026/11/a.csv": b"id,v\n1,2\n"},
}


def by_crawler(files):
    table = CrawledTable("t", "bucket", "product/data/t/")
    table.files += [CrawledFile("bucket", f"product/data/t/{k}", len(v), read(v)) for k, v in sorted(files.items())]
    given = table_input(table, "crawler", None, keep_types=True)
    columns = given["StorageDescriptor"]["Columns"]
    return given, [partition_input(table, values, "crawler", columns) for values in sorted(table.partitions())]


def by_express(files):
    found = [
        inspect_object(ObjectRef(bucket="bucket", key=f"product/data/t/{key}", size=len(body)), BytesReader(body))
        for key, body in sorted(files.items())
    ]
    merged = merge_inspections(None, found)
    partitions = [glue_table.partition_input(merged, partition, "bucket") for partition in merged.partitions]
    return glue_table.table_input(merged, "s3://bucket/product/data/t/"), partitions


@pytest.mark.parametrize("case", CASES)
def test_columns_types_and_storage_agree(case):
    (crawled, crawled_partitions), (express, express_partitions) = by_crawler(CASES[case]), by_express(CASES[case])
    ours, theirs = crawled["StorageDescriptor"], express["StorageDescriptor"]
    assert [(c["Name"], c["Type"]) for c in theirs["Columns"]] == [(c["Name"], c["Type"]) for c in ours["Columns"]]
    assert express["PartitionKeys"] == crawled["PartitionKeys"]
    for member in ("Location", "InputFormat", "OutputFormat", "Compressed", "SerdeInfo"):
        assert theirs[member] == ours[member], member
    shared = express["Parameters"].keys() & crawled["Parameters"].keys() - {"averageRecordSize"}
    assert {k: express["Parameters"][k] for k in shared} == {k: crawled["Parameters"][k] for k in shared}
    assert {"classification", "recordCount", "objectCount", "sizeKey", "compressionType"} <= shared
    values = [partition["Values"] for partition in crawled_partitions]
    assert sorted(partition["Values"] for partition in express_partitions) == values
