"""Rows → the profile of a table. Aggregates are written out, many columns in one query: that is what the engine does
fastest. Where a table is large and a column has many values, `distinct` is estimated (HyperLogLog, within some percent)
and `top` holds the few that an estimate finds, each counted exactly; everything else is exact.
Quartiles are values that occur: the least that at least a quarter, half, three quarters of the numbers do not exceed.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import batched
from typing import Any, Final

from mesh.adapters.measuring.binning import bin_counts, edges_of
from mesh.adapters.measuring.rows import Rows
from mesh.adapters.measuring.sql_types import duck_type
from mesh.domain.hive_types import is_number
from mesh.domain.quality.model import (
    BINS,
    MAX_CATEGORIES,
    ColumnProfile,
    Histogram,
    Kind,
    LabelledCounts,
    TableData,
    TableProfile,
    ValueCount,
)
from mesh.domain.quality.sql_text import ROWS, identifier, text_literal

EXACT_ROWS: Final = 200_000
EXACT_VALUES: Final = 10_000
"""Above both, distinct values are estimated."""
MAX_FINGERPRINTS: Final = 5_000
_FEW_VALUES: Final = 500
_MAX_LABELS: Final = 20
_FEW: Final = 5
_MAX_TEXT: Final = 200
_CHUNK: Final = 20
_MOMENTS: Final = ("date", "timestamp")
_Values = tuple[int, tuple[ValueCount, ...]]


def profile_of(rows: Rows, data: TableData) -> TableProfile:
    """The profile of all rows that were read; sizes are those of the batch."""
    count = int(rows.one("count(*)")[0])
    repeated, fingerprints = _fingerprints(rows, count)
    return TableProfile(
        table=data.table, rows=count, bytes=sum(ref.size for ref in data.refs), objects=len(data.refs),
        exact=rows.exact, duplicate_rows=repeated, columns=tuple(_columns(rows, data, count)),
        fingerprints=fingerprints,
    )  # fmt: skip


def _columns(rows: Rows, data: TableData, count: int) -> Iterator[ColumnProfile]:
    for names in batched(rows.columns, _CHUNK, strict=False):
        with rows.narrow([*names, data.label]) as part:
            yield from _chunk(part, data, names, count)


def _chunk(rows: Rows, data: TableData, names: Sequence[str], count: int) -> Iterator[ColumnProfile]:
    found = _aggregates(rows, names)
    edges = {
        name: edges_of(data.edges.get(name), facts.get("quantiles"))
        for name, facts in found.items()
        if is_number(rows.types[name])
    }
    counts = bin_counts(rows, edges)
    labelled = _labelled_bins(rows, data.label, edges)
    few = _few_values(rows, {name: facts["distinct"] for name, facts in found.items()})
    for name, facts in found.items():
        distinct, top = few.get(name) or _many_values(rows, name, facts["distinct"], count)
        column = _column(rows.types[name], name, facts, count).model_copy(
            update={"distinct": distinct, "top": top, "kind": _kind(rows.types[name], distinct)}
        )
        if counts.get(name):
            histogram = Histogram(edges=edges[name], counts=counts[name])
            column = column.model_copy(update={"histogram": histogram, "labelled": labelled.get(name, ())})
        elif data.label in rows.types:
            column = column.model_copy(update={"labelled": _labelled_values(rows, data.label, column)})
        yield column


def _aggregates(rows: Rows, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Column → its facts, of one query."""
    wanted = [(name, fact, sql) for name in names for fact, sql in _facts(name, rows.types[name])]
    values = rows.one(", ".join(sql for _, _, sql in wanted))
    found: dict[str, dict[str, Any]] = {name: {} for name in names}
    for (name, fact, _), value in zip(wanted, values, strict=True):
        found[name][fact] = value
    return found


def _facts(name: str, type_: str) -> Iterator[tuple[str, str]]:
    column = identifier(name)
    yield "values", f"count({column})"
    yield "distinct", f"approx_count_distinct({column})"
    finite = f" FILTER (isfinite({column}))" if type_ in {"float", "double"} else ""
    yield "low", f"CAST(min({column}){finite} AS VARCHAR)"
    yield "high", f"CAST(max({column}){finite} AS VARCHAR)"
    if is_number(type_):
        number = f"CAST({column} AS DOUBLE)"
        yield "mean", f"avg({number}){finite}"
        yield "deviation", f"stddev_samp({number}){finite}"
        yield "quantiles", f"quantile_disc({number}, {[index / BINS for index in range(BINS + 1)]}){finite}"
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
        distinct=facts["distinct"], low=_cut(facts["low"]), high=_cut(facts["high"]), mean=facts.get("mean"),
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


def _few_values(rows: Rows, estimated: Mapping[str, int]) -> dict[str, _Values]:
    """Columns of few values: all of them counted, in one query."""
    names = [name for name, distinct in estimated.items() if distinct <= _FEW_VALUES]
    if not names:
        return {}
    counted = rows.one(", ".join(f"CAST(histogram({identifier(name)}) AS MAP(VARCHAR, UBIGINT))" for name in names))
    found = {}
    for name, counts in zip(names, counted, strict=True):
        most = sorted((counts or {}).items(), key=lambda pair: -pair[1])[:MAX_CATEGORIES]
        found[name] = len(counts or {}), tuple(ValueCount(value=_cut(value) or "", count=n) for value, n in most)
    return found


def _many_values(rows: Rows, name: str, estimated: int, count: int) -> _Values:
    """How many distinct values there are, and the most frequent."""
    if count > EXACT_ROWS and estimated > EXACT_VALUES:
        return estimated, _estimated_top(rows, name)
    column = identifier(name)
    found = rows.all(
        f"WITH g AS (SELECT {column} AS v, count(*) AS n FROM {rows.source} WHERE {column} IS NOT NULL GROUP BY v) "
        f"SELECT CAST(v AS VARCHAR), n, (SELECT count(*) FROM g) FROM g ORDER BY n DESC, v LIMIT {MAX_CATEGORIES}"
    )
    return (found[0][2] if found else 0), tuple(ValueCount(value=_cut(value) or "", count=n) for value, n, _ in found)


def _estimated_top(rows: Rows, name: str) -> tuple[ValueCount, ...]:
    column = identifier(name)
    values = [value for value in rows.one(f"approx_top_k({column}, {_FEW})")[0] or () if value is not None]
    if not values:
        return ()
    marks = ", ".join("?" for _ in values)
    sql = f"SELECT CAST({column} AS VARCHAR), count(*) AS n FROM {rows.source} WHERE {column} IN ({marks}) GROUP BY 1"
    found = rows.db.execute(f"{sql} ORDER BY n DESC, 1", values).fetchall()
    return tuple(ValueCount(value=_cut(value) or "", count=n) for value, n in found)


def _labels(rows: Rows, label: str) -> bool:
    return label in rows.types and rows.one(f"count(DISTINCT {identifier(label)})")[0] <= _MAX_LABELS


def _labelled_bins(
    rows: Rows, label: str, edges: dict[str, tuple[float, ...]]
) -> dict[str, tuple[LabelledCounts, ...]]:
    """For each number, and each value of the label: its bins."""
    if not _labels(rows, label):
        return {}
    found: dict[str, list[LabelledCounts]] = {}
    said = f"CAST({identifier(label)} AS VARCHAR)"
    for (value,) in rows.all(f"SELECT DISTINCT {said} AS v FROM {rows.source} WHERE v IS NOT NULL ORDER BY v"):
        where = f"{said} = {text_literal(value)}"
        for name, counts in bin_counts(rows, edges, where).items():
            found.setdefault(name, []).append(LabelledCounts(label=value, counts=counts))
    return {name: tuple(counts) for name, counts in found.items()}


def _labelled_values(rows: Rows, label: str, column: ColumnProfile) -> tuple[LabelledCounts, ...]:
    """For each value of the label: the counts of the column's `top`."""
    if not column.top or not _labels(rows, label):
        return ()
    name, by = f"CAST({identifier(column.name)} AS VARCHAR)", f"CAST({identifier(label)} AS VARCHAR)"
    places = {value.value: index for index, value in enumerate(column.top)}
    found: dict[str, list[int]] = {}
    listed = ", ".join(map(text_literal, places))
    for value, said, count in rows.all(
        f"SELECT {name}[:{_MAX_TEXT}] AS v, {by} AS l, count(*) FROM {rows.source} "
        f"WHERE l IS NOT NULL AND v IN ({listed}) GROUP BY v, l ORDER BY l"
    ):
        found.setdefault(said, [0] * len(places))[places[value]] = count
    return tuple(LabelledCounts(label=said, counts=tuple(counts)) for said, counts in found.items())


def _fingerprints(rows: Rows, count: int) -> tuple[int, tuple[str, ...]]:
    """(rows beyond the first of their kind, the smallest hashes).

    A hash is the engine's own of its version and a row's values, in the order of the columns' names: what another
    version of the engine gave is like no other hash, so that after an upgrade repeats are looked for anew.
    """
    if not count or not rows.columns:
        return 0, ()
    cells = ", ".join(map(identifier, sorted(rows.columns)))
    rows.db.execute(f"CREATE OR REPLACE TEMP TABLE mesh_marks AS SELECT hash(version(), {cells}) AS h FROM {ROWS}")
    distinct = rows.all("SELECT count(DISTINCT h) FROM mesh_marks")[0][0]
    smallest = rows.all(f"SELECT DISTINCT h FROM mesh_marks ORDER BY h LIMIT {MAX_FINGERPRINTS}")
    return count - distinct, tuple(f"{number:016x}" for (number,) in smallest)


def _cut(text: str | None) -> str | None:
    return text[:_MAX_TEXT] if text is not None else None
