"""How little `express` reads: asserted by counting bytes, not by the clock."""

import gzip
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mesh.domain.formats.model import KIB, MIB, BytesReader, CountingReader, ObjectRef
from mesh.domain.inspection import inspect_object


def bytes_read(content, file):
    reader = CountingReader(BytesReader(content))
    inspection = inspect_object(ObjectRef(bucket="b", key=f"p1/data/t/{file}", size=len(content)), reader)
    assert inspection.bytes_read == reader.bytes_read
    return reader.bytes_read


def parquet(columns, rows, row_group_size):
    out = io.BytesIO()
    pq.write_table(pa.table({f"column_{n}": range(rows) for n in range(columns)}), out, row_group_size=row_group_size)
    return out.getvalue()


@pytest.mark.parametrize(
    ("columns", "rows", "row_group_size"), [(20, 100_000, 100_000), (20, 50_000, 100), (300, 500, 50)]
)
@pytest.mark.parametrize("file", ["x.parquet", "part-0"])
def test_at_most_64_kib_of_a_parquet_file(columns, rows, row_group_size, file):
    content = parquet(columns, rows, row_group_size)
    assert len(content) > 64 * KIB
    assert bytes_read(content, file) <= 64 * KIB


@pytest.mark.parametrize("file", ["x.csv", "x.csv.gz", "x.json", "part-0"])
def test_at_most_1_mib_of_text(file):
    line = '{"a": 1, "b": "x"}\n' if file == "x.json" else "1,2,3,4\n"
    content = (line * 400_000).encode()
    content = gzip.compress(content, 0) if file.endswith(".gz") else content
    assert len(content) > 2 * MIB
    assert bytes_read(content, file) <= MIB


def test_a_small_file_is_read_once():
    assert bytes_read(b"a,b\n1,2\n", "x.csv") == 8
