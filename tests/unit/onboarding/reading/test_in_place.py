"""Large Parquet objects are read where they lie: what is measured and published is what copying their rows gives."""

import datetime as dt
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.contracts.contracts import column, contract
from tests.unit.onboarding.reading.reading import FOLDER, NOW, codes, opened, parquet, table, types, written

IN_PLACE = {"in_place_from": 0}
COPIED = {"in_place_from": 2**40}
DAY = dt.date(2026, 11, 27)


def numbers(first, count=5000, **more):
    ids = range(first, first + count)
    return parquet({"id": pa.array(ids), "v": pa.array([f"x{n % 7}" for n in ids]), **more})


def everything():
    count = 300
    return parquet(
        {
            "Id": pa.array(range(count), pa.uint32()),
            "d": pa.array([None if n % 5 == 0 else n / 7 for n in range(count)]),
            "at": pa.array(
                [dt.datetime(2026, 1, 1) + dt.timedelta(minutes=n) for n in range(count)], pa.timestamp("ns")
            ),
            "time": pa.array([dt.time(1, 2, 3)] * count),
            "nested": pa.array([{"a": [n, None], "b": {"c": "x"}} for n in range(count)]),
            "nothing": pa.nulls(count),
            "code": pa.array([f"{n:03}" for n in range(count)]),
        }
    )


def both(files, **more):
    """(report, types, rows) of reading in place, and of copying."""
    found = []
    for limits in (IN_PLACE, COPIED):
        with opened(files, limits=limits, **more) as reading:
            found.append((rounded(reading.measure(None, now=NOW)), types(reading), table(reading).to_pylist()))
    return found


def rounded(report):
    """A deviation's last digit depends on how many rows the engine takes at a time."""
    profile = report.profile
    columns = tuple(
        each.model_copy(update={"deviation": each.deviation and round(each.deviation, 9)}) for each in profile.columns
    )
    return report.model_copy(update={"profile": profile.model_copy(update={"columns": columns})})


@pytest.mark.parametrize(
    "expected", [None, {"id": "bigint", "d": "string", "at": "timestamp", "code": "int", "nested": "string"}]
)
def test_what_is_found_is_what_copied_rows_give(expected):
    files = {"a.csv": "id,d,code\n900,1.5,abc\n901,,7\n", "b.parquet": everything(), "c.parquet": everything()}
    in_place, copied = both(files, expected=expected)
    assert in_place == copied
    assert len(in_place[2]) == 602


def test_partition_keys_are_columns():
    files = {f"dt={DAY}/a.parquet": numbers(0, 3), "dt=2026-11-28/b.csv": "id,v\n7,y\n"}
    in_place, copied = both(files)
    assert in_place == copied
    assert {row["dt"] for row in in_place[2]} == {str(DAY), "2026-11-28"}


def test_rows_keep_their_order_whatever_the_order_of_objects_in_a_file():
    files = {"a.parquet": numbers(0), "b.csv": "id,v\n-1,y\n-2,z\n", "c.parquet": numbers(5000)}
    with opened(files, limits=IN_PLACE) as reading:
        file = written(reading, "c.parquet", "b.csv", "a.parquet")
        assert pq.read_table(file.path).column("id").to_pylist() == [*range(5000, 10000), -1, -2, *range(5000)]
        assert {key.removeprefix(FOLDER): each.first for key, each in file.first_rows.items()} == {
            "c.parquet": 0, "b.csv": 5000, "a.parquet": 5002,
        }  # fmt: skip


def test_types_are_decided_anew_without_excluded_objects():
    files = {
        "a.parquet": parquet({"id": [1], "v": [1.5]}), "b.csv": "id,v\nx,2\n", "c.csv": "id,v\n3,4\n",
        "d.parquet": parquet({"id": [5], "v": [6]}),
    }  # fmt: skip
    with opened(files, limits=IN_PLACE) as reading:
        assert types(reading) == {"id": "string", "v": "double"}
        reading.exclude([FOLDER + "b.csv"])
        assert types(reading) == {"id": "bigint", "v": "double"}
        reading.exclude([FOLDER + "a.parquet"])
        assert types(reading) == {"id": "bigint", "v": "bigint"}
        assert table(reading).to_pylist() == [{"id": 3, "v": 4}, {"id": 5, "v": 6}]
        assert reading.measure(None, now=NOW).profile.rows == 2
        reading.exclude([FOLDER + "c.csv", FOLDER + "d.parquet"])
        assert reading.sources == ()


def test_they_count_by_themselves_and_not_to_what_is_copied():
    files = {"a.parquet": numbers(0), "b.csv": "id,v\n-1,y\n", "c.parquet": numbers(5000)}
    size = len(files["a.parquet"])
    with opened(files, limits=IN_PLACE | {"max_batch": 20, "max_object": 20, "max_in_place": size + 9}) as reading:
        assert [(f.code, f.keys) for f in reading.findings] == [("TooLargeToCheck", (FOLDER + "c.parquet",))]
        assert table(reading).num_rows == 5001
    with opened(files, limits=IN_PLACE | {"max_in_place": size - 1}) as reading:
        assert codes(reading) == [("TooLargeToCheck", "error")] * 2
        assert [source.key for source in reading.sources] == [FOLDER + "b.csv"]


def test_files_are_kept_for_the_reading_alone():
    with opened({"a.parquet": numbers(0), "b.csv": "id,v\n1,y\n"}, limits=IN_PLACE) as reading:
        assert [file.name for file in reading._in.iterdir()] == ["object-0"]
        folder = reading._in.parent
    assert not folder.exists()


def test_damaged_pages_are_found_before_anything_is_measured():
    content = bytearray(numbers(0, 50_000, w=pa.array([n * 0.37 for n in range(50_000)])))
    content[len(content) // 2 : len(content) // 2 + 2000] = bytes(2000)
    with opened({"a.parquet": bytes(content), "b.parquet": numbers(0, 3)}, limits=IN_PLACE) as reading:
        assert [(f.code, f.keys) for f in reading.findings] == [("CorruptParquet", (FOLDER + "a.parquet",))]
        assert "/tmp" not in reading.findings[0].message
        assert table(reading).num_rows == 3


def test_a_rule_reads_them_and_nothing_else():
    rule = {"type": "sql", "query": "SELECT count(*) FROM {object} WHERE id < 0", "mustBe": 1}
    promised = contract(column("id"), column("v", "string"), table={"quality": [rule]})
    with opened({"a.parquet": numbers(-1)}, limits=IN_PLACE) as reading:
        assert reading.measure(promised, now=NOW).findings == ()


def test_wide_rows_are_measured_in_parts():
    names = [f"c{n}" for n in range(250)]
    sink = io.BytesIO()
    pq.write_table(pa.table({name: [n, n + 1, None] for n, name in enumerate(names)}), sink)
    in_place, copied = both({"a.parquet": sink.getvalue()})
    assert in_place == copied
