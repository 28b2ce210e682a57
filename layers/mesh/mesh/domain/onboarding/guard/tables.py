"""Counts of every column's cells by label, over the same cells in the batch and in the accepted ones."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from mesh.domain.onboarding.guard.findings import Case
from mesh.domain.onboarding.guard.history import PastBatch, PastColumn, all_values
from mesh.domain.onboarding.quality.model import ColumnProfile

MAX_LABELS: Final = 10

type ByLabel = Mapping[str, tuple[int, ...]]


class LabelTable(NamedTuple):
    """`sizes`: label → rows; `counts`: column → label → counts of the column's cells."""

    sizes: Mapping[str, int]
    counts: Mapping[str, ByLabel]


def tables_of(case: Case) -> tuple[list[LabelTable], LabelTable] | None:
    """Of the accepted batches that can be compared, and of the new one; `None` where labels are unknown."""
    label = case.label
    if label is None or not all_values(label) or not case.history.batches:
        return None
    newest = case.history.batches[-1]
    columns = [column for column in case.columns if _comparable(column, newest.columns.get(column.name), case)]
    known = [batch for batch in case.history.batches if _has(batch, label.name, columns)]
    labels = sorted({name for batch in known for name in batch.columns[label.name].values})
    if not columns or not 2 <= len(labels) <= MAX_LABELS:
        return None
    cells = {column.name: _names(column, known) for column in columns}
    past = [_past_table(batch, label.name, labels, cells) for batch in known]
    return past, _batch_table(label, columns, labels, cells)


def summed(tables: Iterable[LabelTable]) -> LabelTable:
    """All of them together."""
    found = list(tables)
    sizes = Counter[str]()
    for table in found:
        sizes.update(table.sizes)
    counts = {
        column: {label: _sum(table.counts[column][label] for table in found) for label in by_label}
        for column, by_label in found[0].counts.items()
    }
    return LabelTable(sizes, counts)


def without(total: LabelTable, part: LabelTable) -> LabelTable:
    """All but one of them."""
    sizes = {label: size - part.sizes.get(label, 0) for label, size in total.sizes.items()}
    counts = {
        column: {label: _less(cells, part.counts[column][label]) for label, cells in by_label.items()}
        for column, by_label in total.counts.items()
    }
    return LabelTable(sizes, counts)


def _sum(rows: Iterable[Sequence[int]]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*rows, strict=True)))


def _less(left: Sequence[int], right: Sequence[int]) -> tuple[int, ...]:
    return tuple(one - other for one, other in zip(left, right, strict=True))


def _comparable(column: ColumnProfile, past: PastColumn | None, case: Case) -> bool:
    if past is None or not past.labelled or not column.labelled or column.name == case.settings.label:
        return False
    if past.kind != column.kind:
        return False
    if column.kind == "number":
        edges = case.history.edges.get(column.name)
        return edges is not None and column.histogram is not None and tuple(column.histogram.edges) == edges
    return all_values(column)


def _has(batch: PastBatch, label: str, columns: Sequence[ColumnProfile]) -> bool:
    known = batch.columns
    return bool(label in known and known[label].values) and all(
        column.name in known and known[column.name].labelled and known[column.name].kind == column.kind
        for column in columns
    )


def _names(column: ColumnProfile, known: Sequence[PastBatch]) -> list[str]:
    """The values of a category, in one order for all; none for a number, whose bins are the same already."""
    if column.kind == "number":
        return []
    past = {name for batch in known for name in batch.columns[column.name].values}
    return sorted(past | {item.value for item in column.top})


def _past_table(batch: PastBatch, label: str, labels: Sequence[str], cells: Mapping[str, list[str]]) -> LabelTable:
    counts = {}
    for name, order in cells.items():
        column = batch.columns[name]
        size = len(order) or len(column.counts)
        counts[name] = {one: _aligned(column.labelled.get(one, ()), list(column.values), order, size) for one in labels}
    values = batch.columns[label].values
    return LabelTable({one: values.get(one, 0) for one in labels}, counts)


def _batch_table(
    label: ColumnProfile, columns: Sequence[ColumnProfile], labels: Sequence[str], cells: Mapping[str, list[str]]
) -> LabelTable:
    counts = {}
    for column in columns:
        found = {item.label: item.counts for item in column.labelled}
        order = cells[column.name]
        size = len(order) or len(column.histogram.counts if column.histogram else ())
        given = [item.value for item in column.top]
        counts[column.name] = {one: _aligned(found.get(one, ()), given, order, size) for one in labels}
    sizes = {item.value: item.count for item in label.top}
    return LabelTable({one: sizes.get(one, 0) for one in labels}, counts)


def _aligned(counts: Sequence[int], given: Sequence[str], order: Sequence[str], size: int) -> tuple[int, ...]:
    """`counts` belong to `given`; as they are for a number."""
    if not counts:
        return (0,) * size
    if not order:
        return tuple(counts)
    by_name = dict(zip(given, counts, strict=False))
    return tuple(by_name.get(name, 0) for name in order)
