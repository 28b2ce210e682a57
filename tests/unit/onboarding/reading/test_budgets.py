"""Files that would cost much: each is held with a stated reason within its budget, and takes no other object down."""

import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mesh.domain.onboarding.curation.objects import read_raw

from tests.unit.onboarding.reading.reading import FOLDER, NOW, codes, opened, table

GOOD = "id,v\n1,x\n"


def deep(levels, opening="[", closing="]"):
    return f'{{"id":1,"a":{opening * levels}1{closing * levels}}}\n'


def parquet(**columns):
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def wide(columns, sign="1"):
    return ",".join(f"c{n}" for n in range(columns)) + "\n" + ",".join(sign for _ in range(columns)) + "\n"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.json", deep(1_000), "NestedTooDeep"),
        ("a.json", deep(300_000), "NestedTooDeep"),
        ("a.json", deep(200, '{"a":', "}"), "NestedTooDeep"),
        ("a.json", f"[{deep(200)}]", "NestedTooDeep"),
        ("a.csv", wide(5_001), "TooManyColumns"),
        ("a.json", json.dumps({f"f{n}": n for n in range(5_001)}), "TooManyColumns"),
        ("a.json", json.dumps({"id": 1, "a": {f"f{n}": n for n in range(10_001)}}), "TooManyColumns"),
        ("a.parquet", parquet(**{f"c{n}": [1] for n in range(5_001)}), "TooManyColumns"),
    ],
)
@pytest.mark.timeout(60)
def test_what_exceeds_a_budget_is_held_and_the_others_are_read(name, content, code):
    with opened({name: content, "good.csv": GOOD}) as reading:
        [found] = [finding for finding in reading.findings if finding.severity == "error"]
        assert (found.code, found.keys, bool(found.remedy)) == (code, (FOLDER + name,), True)
        assert table(reading).to_pylist() == [{"id": 1, "v": "x"}]


def test_brackets_within_texts_are_no_levels():
    content = json.dumps({"id": 1, "a": '[{"' * 500 + "\\"}) + "\n"
    with opened({"a.json": content}) as reading:
        assert codes(reading) == []


def test_rows_that_a_few_bytes_stand_for_are_counted_before_they_are_read():
    with opened(
        {"a.parquet": parquet(id=pa.nulls(2_000, pa.int64())), "good.csv": GOOD}, limits={"max_rows": 1_000}
    ) as reading:
        assert codes(reading) == [("TooLargeToCheck", "error")]
        assert [source.key for source in reading.sources] == [FOLDER + "good.csv"]


def test_a_few_bytes_that_stand_for_long_texts_stop_in_time():
    """A dictionary of one text of a megabyte, which each of two million rows names."""
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 2_000_000, pa.int32()), pa.array(["x" * 1_000_000]))
    with opened({"a.parquet": parquet(id=texts)}, limits={"seconds": 3.0}) as reading:
        report = reading.measure(None, now=NOW)
        assert [finding.code for finding in report.findings] == ["TooLargeToCheck"]
        assert "3 s" in report.findings[0].message


@pytest.mark.timeout(60)
def test_many_empty_members_of_gzip_take_no_longer_than_their_bytes():
    content = gzip.compress(GOOD.encode(), mtime=0) + gzip.compress(b"", mtime=0) * 400_000
    with opened({"a.csv.gz": content}) as reading:
        assert (codes(reading), len(table(reading))) == ([], 1)
    source = read_raw(content, bucket="b", key="p1/raw/t/a.csv.gz")
    assert list(source.rows) == [["1", "x"]]
