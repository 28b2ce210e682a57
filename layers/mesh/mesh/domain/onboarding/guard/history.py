"""What was accepted of a table: the objects that a new batch is compared with, each by itself.

Objects that arrived together are parts of one generation, and each is remembered like a batch of its own: a first load
of 20 files is a history of 20, and shows how much they differ. Small ones are combined (`parts_of`).

Kept small (a batch of the credit data is about 10 KB of JSON), since it is read and written with each batch: counts on
common bins instead of values, and of the fingerprints as many as find a repeated slice.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from pydantic import Field

from mesh.domain.model import Model
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.guard.fingerprints import pack, unpack
from mesh.domain.onboarding.quality.model import (
    MAX_CATEGORIES,
    MAX_PARTS,
    ColumnProfile,
    Histogram,
    Kind,
    PartProfile,
    TableProfile,
)

MAX_BATCHES: Final = 50
"""Parts, of one or several generations: seven weeks of daily uploads of one object, or a year of weekly ones. What is
known after fifty hardly grows with more (errors shrink with the root of their number), and a season that is over should
fade."""
MAX_OBJECTS: Final = 1_000
"""Objects that are remembered of one batch."""
MAX_FINGERPRINTS: Final = 2_000
"""Fingerprints that are remembered of one batch: a share of repeated rows is then known to about two in a hundred."""
MIN_PART_ROWS: Final = 20
"""Statistics of fewer rows say nothing."""
_FENCE: Final = 3.0
"""Tukey's outer fences lie this many interquartile ranges beyond the quartiles."""


class PastColumn(Model):
    """`counts` lie in the bins of `History.edges`; `values` holds how often each value came, where all are known.
    `labelled` has the label's value → counts: a number's by the same bins, others' by `values` in their order."""

    kind: Kind
    type: str
    rows: int
    nulls: int
    counts: tuple[int, ...] = ()
    values: dict[str, int] = Field(default_factory=dict)
    labelled: dict[str, tuple[int, ...]] = Field(default_factory=dict)


class PastBatch(Model):
    """One accepted batch, or one part of it, published as `version` (0: not known).

    `objects` are (key, digest, size), the digest as of `ObjectRef`; `fingerprints` are packed, `fingerprints_cut` says
    that they are only the smallest of them.
    """

    generation: int
    version: int = 0
    rows: int
    duplicate_rows: int
    sources: tuple[str, ...] = ()
    objects: tuple[tuple[str, str, int], ...] = ()
    fingerprints: str = Field(default="", repr=False)
    fingerprints_cut: bool = False
    columns: dict[str, PastColumn]

    def hashes(self) -> frozenset[int]:
        """The fingerprints as numbers."""
        return frozenset(unpack(self.fingerprints))


class History(Model):
    """Accepted batches of one table, in parts, the newest last, at most `MAX_BATCHES`.

    `edges` are the common bins by column; `volumes` has the rows of as many generations, whose parts may be forgotten,
    and `uploads` their objects.
    """

    table: str
    edges: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    batches: tuple[PastBatch, ...] = ()
    volumes: dict[int, int] = Field(default_factory=dict)
    uploads: dict[int, int] = Field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows of all batches."""
        return sum(batch.rows for batch in self.batches)

    def column(self, name: str) -> list[PastColumn]:
        """The column in all batches that have it."""
        return [batch.columns[name] for batch in self.batches if name in batch.columns]


def edges_of(history: History) -> dict[str, tuple[float, ...]]:
    """The bins to count the next batch's numbers in, by column: for `TableData.edges`.

    They are those of the first accepted batch that has the column (`reference_edges`), and are renewed when the column
    stops being a number, or when no batch that is remembered has it any more (all rolled back, or long without it).
    """
    return dict(history.edges)


def parts_of(rows: Sequence[int], limit: int = MAX_PARTS) -> list[int]:
    """The part that each object belongs to, from 0; `rows` of the objects, in the order of their keys.

    An object is a part of its own unless it is small: neighbours (so objects of one partition) are then taken together
    until they have the rows that statistics need, and so that there are at most `limit` parts.
    """
    enough = max(MIN_PART_ROWS, -(-sum(rows) // limit))
    found, part, together = [], 0, 0
    for count in rows:
        if together >= enough:
            part, together = part + 1, 0
        found.append(part)
        together += count
    if part and together < enough:  # the rest is too little to be one
        found = [min(each, part - 1) for each in found]
    return found


def remember(
    history: History,
    generation: int,
    profile: TableProfile,
    sources: Iterable[str] = (),
    refs: Sequence[ObjectRef] = (),
    *,
    version: int = 0,
) -> History:
    """The history with one more accepted batch. The same generation again takes its own place: a retried step gives
    the same."""
    before = tuple(batch for batch in history.batches if batch.generation < generation)
    after = tuple(batch for batch in history.batches if batch.generation > generation)
    edges = {**_new_edges(profile), **_known_edges(history, profile, (*before, *after))}
    from_ = tuple(sorted(set(sources)))
    made = (_past_batch(generation, part, edges, from_, refs) for part in _parts(profile, refs))
    parts = [batch.evolve(version=version) for batch in made]
    batches = (*before, *parts, *after)[-MAX_BATCHES:]
    return History(
        table=profile.table,
        edges=_used(edges, batches),
        batches=batches,
        volumes=_newest({**history.volumes, generation: profile.rows}),
        uploads=_newest({**history.uploads, generation: profile.objects}),
    )


def _newest(counts: Mapping[int, int]) -> dict[int, int]:
    return dict(sorted(counts.items())[-MAX_BATCHES:])


def _parts(profile: TableProfile, refs: Sequence[ObjectRef]) -> tuple[PartProfile, ...]:
    """Those that were profiled, else the batch as one."""
    return profile.parts or (
        PartProfile(
            keys=tuple(ref.key for ref in refs),
            rows=profile.rows,
            duplicate_rows=profile.duplicate_rows,
            columns=profile.columns,
            fingerprints=profile.fingerprints,
        ),
    )


def in_force(history: History, rollbacks: Mapping[int, int]) -> History:
    """The history without what was rolled back. `rollbacks`: version → the one that it went back to.

    The newest version has its own batch and those of all before it, unless it is a rollback: then it has those of the
    version that it went back to. So rolled back batches count again once a later rollback restores them.
    """
    present = versions_in(max([*rollbacks, *(batch.version for batch in history.batches)], default=0), rollbacks)
    batches = tuple(batch for batch in history.batches if not batch.version or batch.version in present)
    gone = {batch.generation for batch in history.batches} - {batch.generation for batch in batches}
    volumes, uploads = (
        {known: count for known, count in counts.items() if known not in gone}
        for counts in (history.volumes, history.uploads)
    )
    return History(
        table=history.table, edges=_used(history.edges, batches), batches=batches, volumes=volumes, uploads=uploads
    )


def versions_in(version: int, rollbacks: Mapping[int, int]) -> set[int]:
    """The versions whose batches a version has."""
    found = set()
    while version > 0:
        if version in rollbacks:
            version = min(rollbacks[version], version - 1)  # never on and on
        else:
            found.add(version)
            version -= 1
    return found


def forget_objects(history: History, keys: Collection[str]) -> History:
    """The history without batches of which every object was uploaded again: replaced data cannot be repeated."""
    batches = tuple(
        batch for batch in history.batches if not batch.objects or any(key not in keys for key, _, _ in batch.objects)
    )
    return history.evolve(edges=_used(history.edges, batches), batches=batches)


def forget_repeats(history: History, present: Collection[tuple[str, str, int]]) -> History:
    """The history without rows and objects that are no longer published: deleted or replaced data may come again.

    `present` are (key, digest, size) of what is published. Shapes stay: they are still what the table looked like.
    """
    return history.evolve(batches=tuple(_as_published(batch, present) for batch in history.batches))


def _as_published(batch: PastBatch, present: Collection[tuple[str, str, int]]) -> PastBatch:
    there = tuple(known for known in batch.objects if known in present)
    if batch.objects and not there:
        return batch.evolve(objects=(), fingerprints="", fingerprints_cut=False)
    return batch.evolve(objects=there)


def reference_edges(values: Sequence[float], quantiles: Sequence[float], *, listed: bool) -> tuple[float, ...]:
    """Bins to count a number in that has no history: one for each of its `values` where all are `listed` (codes: 3 and
    4 are not neighbours), else those between the `quantiles`, which are of equal counts; and outer ones beyond the
    fences. Empty without a number."""
    if not quantiles:
        return ()
    inner = sorted(set(values if listed and values else map(float, quantiles)))
    # A greatest value that is frequent has a bin of its own; else the last bin contains its upper edge. The bin beyond
    # it must not.
    own = (listed and values) or len(inner) == 1 or quantiles[-1] == quantiles[-2]
    inner = [*(inner if own else inner[:-1]), math.nextafter(inner[-1], math.inf)]
    low, high = (float(quantiles[round(share * (len(quantiles) - 1))]) for share in (0.25, 0.75))
    # Wide enough to be a bin of its own beside any value, however large.
    width = max((high - low) * _FENCE, inner[-1] - inner[0], 1.0, abs(inner[0]) / 1e6, abs(inner[-1]) / 1e6)
    fences = min(inner[0], low - (high - low) * _FENCE), max(inner[-1], high + (high - low) * _FENCE)
    return tuple(sorted({fences[0] - width, fences[0], *inner, fences[1], fences[1] + width}))


def rebinned(column: ColumnProfile, edges: Sequence[float]) -> tuple[int, ...]:
    """The column's counts in those bins: as they are, from the values where all are known, or from bins that these
    only extend. Empty where none of it holds."""
    histogram = column.histogram
    if histogram is None:
        return ()
    if tuple(histogram.edges) == tuple(edges):
        return histogram.counts
    if all_values(column) and all(_number(item.value) is not None for item in column.top):
        return _count({item.value: item.count for item in column.top}, edges)
    return _extended(histogram, edges)


def _new_edges(profile: TableProfile) -> dict[str, tuple[float, ...]]:
    return {
        column.name: column.histogram.edges
        for column in profile.columns
        if column.kind == "number" and column.histogram and column.rows > column.nulls
    }


def _known_edges(history: History, profile: TableProfile, others: Iterable[PastBatch]) -> dict[str, tuple[float, ...]]:
    """Those that other batches count in already; not those of a column that is not a number any more."""
    used = _used(history.edges, others)
    return {
        name: edges
        for name, edges in used.items()
        if (column := profile.column(name)) is None or column.kind == "number" or column.rows == column.nulls
    }


def _used(edges: Mapping[str, tuple[float, ...]], batches: Iterable[PastBatch]) -> dict[str, tuple[float, ...]]:
    counted = {name for batch in batches for name, column in batch.columns.items() if column.counts}
    return {name: bins for name, bins in edges.items() if name in counted}


def _past_batch(
    generation: int,
    part: PartProfile,
    edges: Mapping[str, tuple[float, ...]],
    sources: tuple[str, ...],
    refs: Sequence[ObjectRef],
) -> PastBatch:
    kept, keys = sorted(part.fingerprints)[:MAX_FINGERPRINTS], set(part.keys)
    of_part = [ref for ref in refs if ref.key in keys]
    return PastBatch(
        generation=generation,
        rows=part.rows,
        duplicate_rows=part.duplicate_rows,
        sources=sources,
        objects=tuple((ref.key, ref.digest, ref.size) for ref in of_part[:MAX_OBJECTS]),
        fingerprints=pack(kept),
        fingerprints_cut=len(kept) < distinct_rows(part),
        columns={column.name: _past_column(column, edges.get(column.name, ())) for column in part.columns},
    )


def distinct_rows(profile: TableProfile | PartProfile) -> int:
    """Rows that differ from each other."""
    return profile.rows - profile.duplicate_rows


def all_values(column: ColumnProfile) -> bool:
    """Whether `top` lists every value."""
    return 0 < column.distinct <= MAX_CATEGORIES and len(column.top) == column.distinct


def _past_column(column: ColumnProfile, edges: Sequence[float]) -> PastColumn:
    counts = rebinned(column, edges) if edges else ()
    listed = all_values(column)
    # Labels were counted by the profile's own bins; where those are others than the common ones, they say nothing.
    same = (
        column.histogram is not None and tuple(column.histogram.edges) == tuple(edges)
        if column.kind == "number"
        else listed
    )
    return PastColumn(
        kind=column.kind,
        type=column.type,
        rows=column.rows,
        nulls=column.nulls,
        counts=counts,
        values={item.value: item.count for item in column.top} if listed else {},
        labelled={item.label: item.counts for item in column.labelled} if same else {},
    )


def _extended(histogram: Histogram, edges: Sequence[float]) -> tuple[int, ...]:
    inner = [*histogram.edges[:-1], math.nextafter(histogram.edges[-1], math.inf)] if histogram.edges else []
    places = {edge: place for place, edge in enumerate(edges)}
    if not inner or any(edge not in places for edge in inner) or len(inner) != len(histogram.counts) + 1:
        return ()
    counts = [0] * (len(edges) - 1)
    for edge, count in zip(inner, histogram.counts, strict=False):
        counts[places[edge]] = count
    return tuple(counts) if places[inner[-1]] - places[inner[0]] == len(histogram.counts) else ()


def _count(values: Mapping[str, int], edges: Sequence[float]) -> tuple[int, ...]:
    counts = [0] * (len(edges) - 1)
    for text, count in values.items():
        value = float(text)
        place = sum(1 for edge in edges[1:-1] if value >= edge)
        counts[place] += count
    return tuple(counts)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
