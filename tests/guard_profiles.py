"""A `TableProfile` of rows in plain Python, as the model documents it, for the guard's tests and experiments.

No engine is needed, and thousands of profiles are made in seconds. `kind` follows the Hive type, except that text of
few values is a category.
"""

import bisect
import hashlib
import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

from mesh.domain.onboarding.guard.history import reference_edges
from mesh.domain.onboarding.quality.model import (
    BINS,
    MAX_CATEGORIES,
    ColumnProfile,
    Histogram,
    LabelledCounts,
    PartProfile,
    TableProfile,
    ValueCount,
)
from mesh.domain.onboarding.quality.shapes import shape_edges, shape_of_values

type Row = Mapping[str, object]
MAX_FINGERPRINTS = 5_000


def profile_of(
    rows: Sequence[Row],
    edges: Mapping[str, tuple[float, ...]] | None = None,
    label: str = "",
    table: str = "t",
    names: Sequence[str] = (),
) -> TableProfile:
    """The rows' profile; a column that a row lacks, or None, is null there."""
    columns = list(names) or list(dict.fromkeys(name for row in rows for name in row))
    prints = [fingerprint(row, columns) for row in rows]
    found = [column_of(name, rows, (edges or {}).get(name, ()), label) for name in columns]
    return TableProfile(
        table=table,
        rows=len(rows),
        bytes=sum(len(str(value)) + 1 for row in rows for value in row.values()),
        objects=1,
        duplicate_rows=len(rows) - len(set(prints)),
        columns=tuple(found),
        fingerprints=tuple(sorted(set(prints))[:MAX_FINGERPRINTS]),
    )


def profile_of_parts(
    parts: Sequence[Sequence[Row]],
    edges: Mapping[str, tuple[float, ...]] | None = None,
    label: str = "",
    table: str = "t",
    keys: Sequence[str] = (),
) -> TableProfile:
    """Objects that arrived together: the profile of all rows, and each object in the same bins."""
    whole = profile_of([row for rows in parts for row in rows], edges, label, table)
    bins = {column.name: column.histogram.edges for column in whole.columns if column.histogram}
    names = [column.name for column in whole.columns]
    found = [profile_of(rows, bins, label, table, names) for rows in parts]
    by_key = zip(keys or [f"data/t/{number}.csv" for number in range(len(parts))], found, strict=True)
    return whole.model_copy(
        update={
            "objects": len(parts),
            "parts": tuple(
                PartProfile(
                    keys=(key,), rows=one.rows, duplicate_rows=one.duplicate_rows, columns=one.columns,
                    fingerprints=one.fingerprints[: MAX_FINGERPRINTS // len(parts)],
                )
                for key, one in by_key
            ),
        }
    )  # fmt: skip


def fingerprint(row: Row, columns: Sequence[str]) -> str:
    text = "\x1f".join("" if row.get(name) is None else str(row[name]) for name in sorted(columns))
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:16]


def column_of(name: str, rows: Sequence[Row], edges: tuple[float, ...] = (), label: str = "") -> ColumnProfile:
    values = [row.get(name) for row in rows]
    known = [value for value in values if value is not None]
    if known and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        return _number(name, rows, edges, label)
    counts = Counter(str(value) for value in known)
    kind = "category" if len(counts) <= MAX_CATEGORIES else "text"
    top = _top(counts)
    names = [item.value for item in top]
    return ColumnProfile(
        name=name, type="string", kind=kind, rows=len(rows), nulls=len(rows) - len(known), distinct=len(counts),
        low=min(counts, default=None), high=max(counts, default=None), top=top,
        max_length=max(map(len, counts), default=None),
        labelled=_labelled(rows, name, label, lambda value: names.index(str(value)), len(names))
        if kind == "category" else (),
    )  # fmt: skip


def _number(name: str, rows: Sequence[Row], edges: tuple[float, ...], label: str) -> ColumnProfile:
    known = [float(row[name]) for row in rows if row.get(name) is not None]
    ordered = sorted(known)
    texts = Counter(str(row[name]) for row in rows if row.get(name) is not None)
    quantiles = [_quantile(ordered, index / BINS) for index in range(BINS + 1)]
    bins = edges or reference_edges(known, quantiles, listed=len(texts) <= MAX_CATEGORIES)
    place = _placer(bins)
    counts = Counter(place(value) for value in known)
    whole = all(isinstance(row[name], int) for row in rows if row.get(name) is not None)
    edges_, logarithmic = shape_edges(quantiles, whole=whole)
    return ColumnProfile(
        name=name, type="bigint" if whole else "double", kind="number", rows=len(rows), nulls=len(rows) - len(known),
        distinct=len(texts), low=f"{ordered[0]:g}", high=f"{ordered[-1]:g}", mean=statistics.fmean(known),
        deviation=statistics.pstdev(known), quartiles=tuple(_quantile(ordered, share) for share in (0.25, 0.5, 0.75)),
        histogram=Histogram(edges=bins, counts=tuple(counts[index] for index in range(len(bins) - 1))),
        top=_top(texts), labelled=_labelled(rows, name, label, place, len(bins) - 1),
        shape=shape_of_values(Counter(known), edges_, logarithmic=logarithmic),
    )  # fmt: skip


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


def _placer(edges: Sequence[float]):
    last = len(edges) - 2
    return lambda value: min(max(bisect.bisect_right(edges, float(value)) - 1, 0), last)


def _top(counts: Counter) -> tuple[ValueCount, ...]:
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MAX_CATEGORIES]
    return tuple(ValueCount(value=value, count=count) for value, count in most)


def _labelled(rows: Sequence[Row], name: str, label: str, place, size: int) -> tuple[LabelledCounts, ...]:
    if not label or name == label:
        return ()
    by_label: dict[str, list[int]] = {}
    for row in rows:
        if row.get(label) is None:
            continue
        counts = by_label.setdefault(str(row[label]), [0] * size)
        if row.get(name) is not None:
            counts[place(row[name])] += 1
    return tuple(LabelledCounts(label=value, counts=tuple(by_label[value])) for value in sorted(by_label))
