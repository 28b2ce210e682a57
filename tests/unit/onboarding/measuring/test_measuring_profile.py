"""The profile of random tables equals one that is counted in plain Python."""

import math
import statistics
from collections import Counter
from itertools import pairwise

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mesh.adapters.duckdb.measuring import binning, profiling

from tests.unit.onboarding.measuring.measuring import measure

INTEGERS = st.integers(-(10**12), 10**12) | st.integers(-3, 3)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r", exclude_categories=["Cs", "Cc"]), min_size=1)
TABLE = st.lists(
    st.tuples(st.none() | INTEGERS, st.none() | st.floats(-1e9, 1e9), st.none() | TEXTS, st.booleans()),
    min_size=1,
    max_size=40,
)
TYPES = {"i": "bigint", "f": "double", "s": "string", "b": "boolean"}


def cell(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if not isinstance(value, str) else '"' + value.replace('"', '""') + '"'


def written(table):
    return "i,f,s,b\n" + "".join(",".join(map(cell, row)) + "\n" for row in table)


@given(TABLE)
def test_every_fact_equals_what_python_counts(table):
    report = measure({"a.csv": written(table)}, TYPES)
    assert [one for one in report.findings if one.code != "FormulaCells"] == []
    assert report.profile.rows == len(table)
    for name, values in zip(TYPES, zip(*table, strict=True), strict=True):
        there = [value for value in values if value is not None]
        column = report.profile.column(name)
        assert (column.nulls, column.distinct) == (len(table) - len(there), len(set(there)))
        assert sorted(value.count for value in column.top) == sorted(Counter(there).values())
        if name in "if":
            numbers_agree(column, sorted(map(float, there)))
        elif name == "s" and there:
            assert (column.max_length, column.low) == (max(map(len, there)), min(there, key=str.encode)[:200])
            assert column.mean_length == pytest.approx(statistics.mean(map(len, there)))


def numbers_agree(column, numbers):
    if not numbers:
        assert (column.mean, column.quartiles, column.histogram) == (None, None, None)
        return
    assert (float(column.low), float(column.high)) == (numbers[0], numbers[-1])
    assert column.mean == pytest.approx(statistics.fmean(numbers), rel=1e-9, abs=1e-3)
    if len(numbers) > 1:
        assert column.deviation == pytest.approx(statistics.stdev(numbers), rel=1e-6, abs=1e-3)
    assert column.quartiles == tuple(numbers[math.ceil(len(numbers) * part) - 1] for part in (0.25, 0.5, 0.75))
    edges, counts = column.histogram.edges, column.histogram.counts
    inner = [sum(low <= n < high for n in numbers) for low, high in pairwise(edges)]
    inner[-1] += sum(n == edges[-1] for n in numbers) if edges[0] != edges[-1] else len(numbers)
    assert list(counts) == inner
    assert edges[1] <= numbers[0] <= numbers[-1] < edges[-2]


def test_each_value_of_a_flag_has_its_own_bin():
    content = "a\n" + "0\n" * 3 + "1\n" * 7
    histogram = measure({"a.csv": content}, {"a": "int"}).profile.column("a").histogram
    assert [count for count in histogram.counts if count] == [3, 7]
    assert {0, 1} <= set(histogram.edges)


def test_given_edges_are_kept_and_what_lies_outside_counts_into_the_outermost():
    content = "a\n" + "".join(f"{number}\n" for number in (-5, 0, 1, 5, 9, 10, 99))
    column = measure({"a.csv": content}, {"a": "int"}, edges={"a": (0, 5, 10)}).profile.column("a")
    assert (column.histogram.edges, column.histogram.counts) == ((0, 5, 10), (3, 4))


def test_every_label_has_its_own_counts_by_bins_and_by_values():
    content = "a,c,y\n1,x,good\n2,x,bad\n3,z,good\n4,,bad\n5,z,\n"
    types = {"a": "int", "c": "string", "y": "string"}
    profile = measure({"a.csv": content}, types, edges={"a": (0, 3, 9)}, label="y").profile
    by_bins = {counts.label: counts.counts for counts in profile.column("a").labelled}
    assert by_bins == {"good": (1, 1), "bad": (1, 1)}
    column = profile.column("c")
    assert [value.value for value in column.top] == ["x", "z"]
    assert {counts.label: counts.counts for counts in column.labelled} == {"good": (1, 1), "bad": (1, 0)}


def test_a_column_of_many_values_is_not_a_label():
    content = "a,y\n" + "".join(f"1,{number}\n" for number in range(30))
    assert measure({"a.csv": content}, {"a": "int", "y": "int"}, label="y").profile.column("a").labelled == ()


def fingerprint(*values):
    with duckdb.connect() as db:
        return f"{db.execute(f'SELECT hash(version(), {", ".join("?" for _ in values)})', values).fetchone()[0]:016x}"


def test_fingerprints_are_of_whole_rows_whatever_the_order_of_columns_and_partitions():
    def marks(content, **more):
        profile = measure({"dt=1/a.csv": content}, {"a": "bigint", "b": "string"}, keys={"dt": "string"}).profile
        return profile.fingerprints, profile.duplicate_rows

    digest = fingerprint(1, "x")
    assert marks("a,b\n1,x\n") == ((digest,), 0)
    assert marks("b,a\nx,1\nx,1\n") == ((digest,), 1)
    assert marks("a,b\n1,\n")[0] != marks("a,b\n,1\n")[0]


def test_of_many_rows_the_smallest_hashes_are_kept(monkeypatch):
    monkeypatch.setattr(profiling, "MAX_FINGERPRINTS", 10)
    content = "a\n" + "".join(f"{number}\n" for number in range(100)) + "5\n5\n"
    profile = measure({"a.csv": content}, {"a": "bigint"}).profile
    everything = sorted(fingerprint(number) for number in range(100))
    assert (profile.fingerprints, profile.duplicate_rows) == (tuple(everything[:10]), 2)


def test_of_large_tables_the_distinct_are_estimated_and_the_top_counted(monkeypatch):
    monkeypatch.setattr(profiling, "EXACT_ROWS", 1000)
    monkeypatch.setattr(profiling, "EXACT_VALUES", 100)
    content = "a\n" + "".join(f"{number}\n" for number in range(20_000)) + "7\n" * 5000
    column = measure({"a.csv": content}, {"a": "bigint"}).profile.column("a")
    assert column.distinct == pytest.approx(20_000, rel=0.15)
    assert (column.top[0].value, column.top[0].count) == ("7", 5001)


def large(monkeypatch, content, **types):
    monkeypatch.setattr(profiling, "EXACT_ROWS", 1000)
    monkeypatch.setattr(profiling, "EXACT_VALUES", 100)
    monkeypatch.setattr(profiling, "_SAMPLED", 5000)
    return measure({"a.csv": content}, types).profile


def test_of_large_tables_quartiles_are_a_samples_and_the_ends_those_of_all_rows(monkeypatch):
    numbers = [(n * 7919) % 20_011 / 8 for n in range(20_011)]
    content = "a,n,t\n" + "".join(f"{number},{n % 50},t{n}\n" for n, number in enumerate(numbers)) + "inf,1,\nnan,2,\n"
    profile = large(monkeypatch, content, a="double", n="int", t="string")
    column = profile.column("a")
    assert (column.low, column.high, sum(column.histogram.counts)) == ("0.0", str(max(numbers)), len(numbers))
    assert sum(column.shape.counts) == len(numbers)
    share = len(numbers) / 8
    assert column.quartiles == pytest.approx((share / 4, share / 2, share * 3 / 4), abs=share * 0.05)
    assert column.quartiles[0] in numbers
    assert profile.column("n").distinct == 50
    assert [value.count for value in profile.column("t").top] == [1] * 5


def test_of_a_sparse_column_of_a_large_table_all_values_are_read(monkeypatch):
    content = "a,k\n" + "".join(f"{n if n % 100 == 0 else ''},{n}\n" for n in range(20_000))
    column = large(monkeypatch, content, a="double", k="int").column("a")
    assert (column.distinct, column.quartiles, len(column.top)) == (200, (4900.0, 9900.0, 14900.0), 50)
    assert sum(column.histogram.counts) == 200


def test_numbers_that_are_not_finite_are_in_no_statistic():
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(pa.table({"a": [1.0, 3.0, float("nan"), float("inf")]}), file)
    column = measure({"a.parquet": file.getvalue()}, {"a": "double"}).profile.column("a")
    assert (column.mean, column.low, column.high, sum(column.histogram.counts)) == (2.0, "1.0", "3.0", 2)


def test_columns_may_be_called_as_the_queries_call_their_own(monkeypatch):
    """`GROUP BY v` is by the column `v` where there is one, whatever else is called `v` in the query."""
    names = ("id", "v", "n", "l", "h", "o", "g", "t")
    content = ",".join(names) + "\n" + "".join(f"{n},{n % 3},x,{'ab'[n % 2]},1,2,3,4\n" for n in range(600))
    types = {name: "string" if name in {"n", "l"} else "bigint" for name in names}
    profile = measure({"a.csv": content}, types, label="l").profile
    assert {column.name: column.distinct for column in profile.columns} == {
        "id": 600, "v": 3, "n": 1, "l": 2, "h": 1, "o": 1, "g": 1, "t": 1,
    }  # fmt: skip
    assert {counts.label: sum(counts.counts) for counts in profile.column("n").labelled} == {"a": 300, "b": 300}


def test_bins_of_few_rows_are_those_that_many_would_have(monkeypatch):
    rows = [*((n * 7919) % 1000 / 7 for n in range(300)), 1e9, -1e9, 5.0, 5.0]
    content = {"a.csv": "x\n" + "\n".join(map(str, rows)) + "\ninf\nnan\n\n"}
    searched = measure(content, {"x": "double"}).profile.column("x")
    monkeypatch.setattr(binning, "FEW_ROWS", 0)

    assert measure(content, {"x": "double"}).profile.column("x") == searched
    assert sum(searched.histogram.counts) == len(rows)
