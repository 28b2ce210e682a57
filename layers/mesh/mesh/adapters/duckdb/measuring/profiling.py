"""Rows → the profile of a table. Aggregates are written out, many columns in one query: that is what the engine does
fastest. Where a table is large and a column has many values, `distinct` is estimated (HyperLogLog, within some percent)
and `top` holds the few that are most frequent in a random sample, each counted exactly.
Quartiles are values that occur: the least that at least a quarter, half, three quarters of the numbers do not exceed;
in a large table, of the sample's. Everything else is exact.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import batched
from typing import Any, Final

from mesh.adapters.duckdb.measuring.binning import bin_counts, edges_of, finite_values
from mesh.adapters.duckdb.measuring.parts import MARKS, part_profiles, smallest_marks
from mesh.adapters.duckdb.measuring.rows import OBJECT, Rows
from mesh.adapters.duckdb.measuring.sql_types import duck_type
from mesh.adapters.duckdb.measuring.values import Values, cut, few_values, labelled_bins, labelled_values
from mesh.domain.hive_types import is_number
from mesh.domain.onboarding.guard.cells import INTEGERS
from mesh.domain.onboarding.quality.model import (
    BINS,
    MAX_CATEGORIES,
    ColumnProfile,
    Histogram,
    Kind,
    TableData,
    TableProfile,
    ValueCount,
)
from mesh.domain.onboarding.quality.shapes import shape_edges, shape_of_values
from mesh.domain.onboarding.quality.sql_text import ROWS, identifier

EXACT_ROWS: Final = 200_000
EXACT_VALUES: Final = 10_000
"""Above both, distinct values are estimated."""
MAX_FINGERPRINTS: Final = 5_000
_SAMPLED: Final = 50_000
"""Rows: an estimated quartile is at most half a percent of the rows off, in 98 of 100 columns."""
_ENOUGH: Final = 1_000
"""Values that a column must have in the sample; of a sparser one all values are read."""
_SAMPLE: Final = '"mesh sample"'
_FEW_VALUES: Final = 500
_FEW: Final = 5
_CHUNK: Final = 20
_SLICE: Final = 100
"""Columns that are copied at once from a wide table, of which each query takes an eighth of a second to plan."""
_MOMENTS: Final = ("date", "timestamp")


def profile_of(rows: Rows, data: TableData) -> TableProfile:
    """The profile of all rows that were read; sizes are those of the batch."""
    count = int(rows.one("count(*)")[0])
    repeated, fingerprints = _fingerprints(rows, count)
    columns = tuple(_columns(rows, data, count))
    parts = tuple(part_profiles(rows, data, columns))
    rows.db.execute(f"DROP TABLE IF EXISTS {MARKS}")  # what is written next needs the room
    return TableProfile(
        table=data.table, rows=count, bytes=sum(ref.size for ref in data.refs), objects=len(data.refs),
        exact=rows.exact, duplicate_rows=repeated, columns=columns, fingerprints=fingerprints, parts=parts,
    )  # fmt: skip


def _columns(rows: Rows, data: TableData, count: int) -> Iterator[ColumnProfile]:
    for some in batched(rows.columns, _SLICE, strict=False):
        with rows.narrow([*some, data.label]) as slice_:
            for names in batched(some, _CHUNK, strict=False):
                with slice_.narrow([*names, data.label]) as part:
                    yield from _chunk(part, data, names, count)


def _chunk(rows: Rows, data: TableData, names: Sequence[str], count: int) -> Iterator[ColumnProfile]:
    found = _aggregates(rows, names)
    with _sampled(rows, names, count) as (sample, sampled):
        _add_quantiles(rows, sample, found, sampled)
        values = _values(rows, sample, found, sampled)
    edges = {
        name: edges_of(data.edges.get(name), facts.get("quantiles"), *values[name])
        for name, facts in found.items()
        if is_number(rows.types[name])
    }
    counts = bin_counts(rows, edges)
    labelled = labelled_bins(rows, data.label, edges)
    shapes = _shapes(rows, found, values)
    for name, facts in found.items():
        distinct, top = values[name]
        column = _column(rows.types[name], name, facts, count).evolve(
            distinct=distinct, top=top, kind=_kind(rows.types[name], distinct)
        )
        if counts.get(name):
            histogram = Histogram(edges=edges[name], counts=counts[name])
            details = {"histogram": histogram, "labelled": labelled.get(name, ()), "shape": shapes.get(name)}
            column = column.evolve(**details)
        elif data.label in rows.types:
            column = column.evolve(labelled=labelled_values(rows, data.label, column))
        yield column


def _shapes(rows: Rows, found: Mapping[str, dict[str, Any]], values: Mapping[str, Values]) -> dict[str, Histogram]:
    """Histograms for people. Of columns whose values are all known nothing is read again."""
    edges = {
        name: shape_edges(facts["quantiles"], whole=rows.types[name] in INTEGERS)
        for name, facts in found.items()
        if facts.get("quantiles")
    }
    listed = {name: finite_values(*values[name]) for name in edges}
    counts = bin_counts(rows, {name: each for name, (each, _) in edges.items() if not listed[name]})
    return {
        name: Histogram(edges=each, counts=counts[name], logarithmic=logarithmic)
        if name in counts
        else shape_of_values(listed[name], each, logarithmic=logarithmic)
        for name, (each, logarithmic) in edges.items()
    }


def _aggregates(rows: Rows, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Column → its facts, of one query."""
    finite = rows.finite(names)
    wanted = [(name, fact, sql) for name in names for fact, sql in _facts(name, rows.types[name], finite.get(name, ""))]
    values = rows.one(", ".join(sql for _, _, sql in wanted))
    found: dict[str, dict[str, Any]] = {name: {} for name in names}
    for (name, fact, _), value in zip(wanted, values, strict=True):
        found[name][fact] = value
    return found


def _facts(name: str, type_: str, condition: str) -> Iterator[tuple[str, str]]:
    column = identifier(name)
    yield "values", f"count({column})"
    yield "distinct", f"approx_count_distinct({column})"
    finite = f" FILTER ({condition})" if condition else ""
    yield "low", f"CAST(min({column}){finite} AS VARCHAR)"
    yield "high", f"CAST(max({column}){finite} AS VARCHAR)"
    if is_number(type_):
        number = f"CAST({column} AS DOUBLE)"
        yield "mean", f"avg({number}){finite}"
        yield "deviation", f"stddev_samp({number}){finite}"
    elif duck_type(type_) == "VARCHAR":
        yield "max_length", f"max(length({column}))"
        yield "mean_length", f"avg(length({column}))"
    elif type_ == "binary":
        yield "max_length", f"max(octet_length({column}))"
        yield "mean_length", f"avg(octet_length({column}))"


def _column(type_: str, name: str, facts: dict[str, Any], count: int) -> ColumnProfile:
    """What the aggregates say."""
    quantiles = facts.get("quantiles")
    return ColumnProfile(
        name=name, type=type_, kind=_kind(type_, facts["distinct"]), rows=count, nulls=count - facts["values"],
        distinct=facts["distinct"], low=cut(facts["low"]), high=cut(facts["high"]), mean=facts.get("mean"),
        deviation=facts.get("deviation"),
        quartiles=(quantiles[BINS // 4], quantiles[BINS // 2], quantiles[BINS * 3 // 4]) if quantiles else None,
        max_length=facts.get("max_length"), mean_length=facts.get("mean_length"),
    )  # fmt: skip


def _kind(type_: str, distinct: int) -> Kind:
    if is_number(type_):
        return "number"
    if type_ in _MOMENTS:
        return "moment"
    return "category" if distinct <= MAX_CATEGORIES else "text"


@contextmanager
def _sampled(rows: Rows, names: Sequence[str], count: int) -> Iterator[tuple[Rows, frozenset[str]]]:
    """Some of the rows, and the columns of which these do for an estimate: none, where all rows are few enough."""
    if count <= EXACT_ROWS:
        yield rows, frozenset()
        return
    columns = ", ".join(map(identifier, names))
    rows.db.execute(
        f"CREATE OR REPLACE TEMP TABLE {_SAMPLE} AS "
        f"SELECT {columns} FROM {rows.source} USING SAMPLE reservoir({_SAMPLED} ROWS) REPEATABLE (1)"
    )
    sample = replace(rows, source=_SAMPLE)
    counts = sample.one(", ".join(f"count({identifier(name)})" for name in names))
    yield sample, frozenset(name for name, values in zip(names, counts, strict=True) if values >= _ENOUGH)
    rows.db.execute(f"DROP TABLE {_SAMPLE}")


def _add_quantiles(rows: Rows, sample: Rows, found: Mapping[str, dict[str, Any]], sampled: Container[str]) -> None:
    """To the facts of numbers. The least and the greatest are those of all rows."""
    numbers = [name for name in found if is_number(rows.types[name])]
    finite = rows.finite(numbers)
    for source, names in (
        (rows, [name for name in numbers if name not in sampled]),
        (sample, [name for name in numbers if name in sampled]),
    ):
        if not names:
            continue
        shares = [index / BINS for index in range(BINS + 1)]
        wanted = ", ".join(
            f"quantile_disc(CAST({identifier(name)} AS DOUBLE), {shares})"
            f"{f' FILTER ({finite[name]})' if name in finite else ''}"
            for name in names
        )
        for name, quantiles in zip(names, source.one(wanted), strict=True):
            facts = found[name]
            inner = (quantiles or ())[1:-1]
            facts["quantiles"] = [float(facts["low"]), *inner, float(facts["high"])] if inner else None


def _values(
    rows: Rows, sample: Rows, found: Mapping[str, dict[str, Any]], sampled: Container[str]
) -> dict[str, Values]:
    """Column → how many distinct values it has, and the most frequent."""
    few = few_values(rows, [name for name, facts in found.items() if facts["distinct"] <= _FEW_VALUES])
    many = [
        name for name, facts in found.items()
        if name not in few and name in sampled and facts["distinct"] > EXACT_VALUES
    ]  # fmt: skip
    top = _estimated_top(rows, sample, many)
    return {
        name: few.get(name) or ((facts["distinct"], top[name]) if name in top else _all_values(rows, name))
        for name, facts in found.items()
    }


def _all_values(rows: Rows, name: str) -> Values:
    column = identifier(name)
    found = rows.all(
        f"WITH g AS (SELECT {column} AS v, count(*) AS n FROM {rows.source} WHERE {column} IS NOT NULL GROUP BY 1) "
        f"SELECT CAST(v AS VARCHAR), n, (SELECT count(*) FROM g) FROM g ORDER BY n DESC, v LIMIT {MAX_CATEGORIES}"
    )
    return (found[0][2] if found else 0), tuple(ValueCount(value=cut(value) or "", count=n) for value, n, _ in found)


def _estimated_top(rows: Rows, sample: Rows, names: Sequence[str]) -> dict[str, tuple[ValueCount, ...]]:
    """Those that are most frequent in the sample, counted in all rows, in one query."""
    candidates = [
        (name, value, text)
        for name in names
        for value, text in sample.all(
            f"SELECT {identifier(name)}, CAST({identifier(name)} AS VARCHAR) FROM {sample.source} "
            f"WHERE {identifier(name)} IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {_FEW}"
        )
    ]
    if not candidates:
        return {}
    wanted = ", ".join(f"count_if({identifier(name)} = ?)" for name, _, _ in candidates)
    sql = f"SELECT {wanted} FROM {rows.source}"
    counts = rows.db.execute(sql, [value for _, value, _ in candidates]).fetchall()[0]
    found: dict[str, list[ValueCount]] = {}
    for (name, _, text), count in zip(candidates, counts, strict=True):
        found.setdefault(name, []).append(ValueCount(value=cut(text) or "", count=count))
    return {name: tuple(sorted(values, key=lambda each: (-each.count, each.value))) for name, values in found.items()}


def _fingerprints(rows: Rows, count: int) -> tuple[int, tuple[str, ...]]:
    """(rows beyond the first of their kind, the smallest hashes).

    A hash is the engine's own of its version and a row's values, in the order of the columns' names: what another
    version of the engine gave is like no other hash, so that after an upgrade repeats are looked for anew.
    """
    if not count or not rows.columns:
        return 0, ()
    mark = f"hash(version(), {', '.join(map(identifier, sorted(rows.columns)))})"
    rows.db.execute(f"CREATE OR REPLACE TEMP TABLE {MARKS} AS SELECT {mark} AS h, {identifier(OBJECT)} FROM {ROWS}")
    distinct = rows.all(f"SELECT count(DISTINCT h) FROM {MARKS}")[0][0]
    return count - distinct, smallest_marks(rows, MARKS, MAX_FINGERPRINTS)
