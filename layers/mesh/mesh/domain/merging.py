"""One table from many objects: columns, types, partitions and storage that all of them agree on."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Never

from pydantic import BaseModel, ConfigDict, Field

from mesh.domain.formats.model import ObjectInspection, Storage
from mesh.domain.hive_types import fits, is_number, told, wider
from mesh.domain.partitions import PartitionValue, partition_path
from mesh.domain.rejections import (
    ColumnDropped,
    InconsistentPartitions,
    MisplacedColumns,
    MixedDialects,
    MixedFormats,
    UnmergeableTypes,
)
from mesh.domain.schema import UNDECLARED, Column, TableSchema

TABLE = "the table in the catalog"
CONTRACT = "the contract"


class Partition(BaseModel):
    """A partition of the batch: `values` in key order, `folder` the key prefix with its `/`, as uploaded."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    values: tuple[PartitionValue, ...]
    folder: str
    objects: int = 0
    rows: int = 0
    bytes: int = 0

    @property
    def path(self) -> str:
        """`dt=2026-11-21`."""
        return partition_path(self.values)


class MergedTable(BaseModel):
    """The table after a batch. Counts are of the batch alone; `partitions` are those the batch touches."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    table: str
    table_schema: TableSchema
    storage: Storage
    partitions: tuple[Partition, ...] = ()
    objects: int = Field(ge=0)
    rows: int = Field(ge=0)
    rows_exact: bool
    bytes: int = Field(ge=0)


class _Typed(NamedTuple):
    type: str
    source: str


def merge_inspections(
    existing: TableSchema | None,
    inspections: Sequence[ObjectInspection],
    *,
    expected: TableSchema | None = None,
    storage: Storage | None = None,
) -> MergedTable:
    """The table that holds what there is (`existing`, `storage`) and all `inspections` (one table's, at least one).

    Columns keep the existing order, new ones are appended. Types the contract (`expected`) declares win where the data
    allow. Raises `MixedFormats`, `MixedDialects`, `InconsistentPartitions`, `MisplacedColumns`, `UnmergeableTypes`,
    each naming the object and what it disagrees with.
    """
    first = inspections[0]
    if any(inspection.table != first.table for inspection in inspections):
        raise ValueError("inspections of several tables")
    merged_storage = _merge_storage(storage, inspections)
    keys = _partition_keys(existing, expected, inspections)
    types = _merge_types(existing, expected, inspections, merged_storage)
    if merged_storage.format == "csv":
        _check_positions(list(types), inspections)
    comments = {column.name: column.comment for schema in (existing, expected) if schema for column in schema.columns}
    columns = (
        Column(name=name, type=told(typed.type), comment=comments.get(name, "")) for name, typed in types.items()
    )
    return MergedTable(
        table=first.table,
        table_schema=TableSchema(columns=tuple(columns), partition_keys=keys),
        storage=merged_storage,
        partitions=_partitions(inspections),
        objects=len(inspections),
        rows=sum(inspection.rows for inspection in inspections),
        rows_exact=all(inspection.rows_exact for inspection in inspections),
        bytes=sum(inspection.bytes for inspection in inspections),
    )


def _merge_storage(known: Storage | None, inspections: Sequence[ObjectInspection]) -> Storage:
    first = inspections[0]
    reference, source = (known, TABLE) if known else (first.storage, first.ref.key)
    for inspection in inspections:
        where = {"bucket": inspection.ref.bucket, "key": inspection.ref.key, "other": source}
        if inspection.format != reference.format:
            raise MixedFormats(
                f"{inspection.ref.key} is {inspection.format}, {source} is {reference.format}",
                remedy="Keep one format per table; upload the other to a table of its own.",
                **where,
            )
        ours, theirs = inspection.dialect, reference.dialect
        if ours and theirs and (ours.delimiter, ours.header) != (theirs.delimiter, theirs.header):
            raise MixedDialects(
                f"{inspection.ref.key} has delimiter {ours.delimiter!r} and {'a' if ours.header else 'no'} header, "
                f"{source} has {theirs.delimiter!r} and {'a' if theirs.header else 'no'} header",
                remedy="Write all files of the table alike.",
                **where,
            )
    dialect = reference.dialect
    quoted = any(inspection.dialect.quoted for inspection in inspections if inspection.dialect)
    zipped = [inspection.compression == "gzip" for inspection in inspections]
    return Storage(
        format=reference.format,
        compression="gzip" if all(zipped) and (known is None or known.compression == "gzip") else "none",
        dialect=dialect.model_copy(update={"quoted": dialect.quoted or quoted}) if dialect else None,
    )


def _partition_keys(
    existing: TableSchema | None, expected: TableSchema | None, inspections: Sequence[ObjectInspection]
) -> tuple[Column, ...]:
    """Names have to agree in order. A new table's keys are strings whatever the contract says: a crawler's are."""
    known, source = _known_keys(existing, expected, inspections[0])
    for inspection in inspections:
        found = [name for name, _ in inspection.partition]
        if found != [column.name for column in known]:
            raise InconsistentPartitions(
                f"{inspection.ref.key} is partitioned by {', '.join(found) or 'nothing'}, "
                f"{source} by {', '.join(column.name for column in known) or 'nothing'}",
                bucket=inspection.ref.bucket,
                key=inspection.ref.key,
                other=source,
                expected=[column.name for column in known],
                found=found,
                remedy="Use the same key=value folders, in the same order, for every object of the table.",
            )
    return known


def _known_keys(
    existing: TableSchema | None, expected: TableSchema | None, first: ObjectInspection
) -> tuple[tuple[Column, ...], str]:
    if existing is not None:
        return existing.partition_keys, TABLE
    if expected is not None and expected.partition_keys:
        return tuple(key.model_copy(update={"type": "string"}) for key in expected.partition_keys), CONTRACT
    return tuple(Column(name=name, type="string") for name, _ in first.partition), first.ref.key


def _merge_types(
    existing: TableSchema | None,
    expected: TableSchema | None,
    inspections: Sequence[ObjectInspection],
    storage: Storage,
) -> dict[str, _Typed]:
    """Column → type and who said it, in the table's order."""
    types = {column.name: _Typed(column.type, TABLE) for column in existing.columns} if existing else {}
    declared = {name: type_ for name, type_ in expected.types().items() if type_} if expected else {}
    found: dict[str, _Typed] = {}
    before: tuple[Column, ...] = ()
    for inspection in inspections:
        if inspection.columns == before:
            continue  # as the file before it: nothing new to merge
        before = inspection.columns
        for column in inspection.columns:
            new = _Typed(column.type, inspection.ref.key)
            if column.name in declared:
                new = _as_declared(column, declared[column.name], inspection, storage)
            known = found.get(column.name, _Typed(UNDECLARED, ""))
            found[column.name] = _both(column.name, known, new, inspection)
    last = inspections[-1]
    for name, new in found.items():
        known = types.get(name, _Typed(UNDECLARED, ""))
        if name in declared and new.type == declared[name]:
            types[name] = new
        elif known.type == "string" and storage.format != "parquet":
            types[name] = known  # text can hold anything; the table said so first
        else:
            source = next((i for i in inspections if i.ref.key == new.source), last)
            types[name] = _both(name, known, new, source)
    return types


def _as_declared(column: Column, declared: str, inspection: ObjectInspection, storage: Storage) -> _Typed:
    """The contract's type where this object's values can be read as it."""
    inferred, source = column.type, inspection.ref.key
    if storage.format == "parquet":
        # The file fixes the type: the contract may widen it, or be less precise about a number, and no more.
        if not inferred or wider(inferred, declared) == declared:
            return _Typed(declared, source)
        if is_number(inferred) and is_number(declared):
            return _Typed(inferred, source)
    elif not inferred or fits(inferred, declared):
        return _Typed(declared, source)
    elif inferred == "string" and declared in {"date", "timestamp"} and storage.serde in {"open-csv", "openx-json"}:
        return _Typed(inferred, source)  # these SerDes read no written dates; text keeps them
    return _refuse(column.name, _Typed(declared, CONTRACT), _Typed(inferred, source), inspection)


def _both(name: str, known: _Typed, new: _Typed, inspection: ObjectInspection) -> _Typed:
    if not known.type:
        return new
    both = wider(known.type, new.type)
    if both is None:
        _refuse(name, known, new, inspection)
    return known if both == known.type else _Typed(both, new.source)


def _refuse(name: str, known: _Typed, new: _Typed, inspection: ObjectInspection) -> Never:
    raise UnmergeableTypes(
        f"column {name!r} is {new.type} in {new.source} and {known.type} in {known.source}",
        bucket=inspection.ref.bucket,
        key=new.source,
        other=known.source,
        column=name,
        expected=known.type,
        found=new.type,
        remedy="Correct the values, or declare a type in the contract that holds both (string always does in text).",
    )


def _check_positions(columns: list[str], inspections: Iterable[ObjectInspection]) -> None:
    """CSV is read by position: each file's columns have to be the table's first ones, in order."""
    before: tuple[Column, ...] = ()
    for inspection in inspections:
        if inspection.columns == before:
            continue
        before = inspection.columns
        _check_none_dropped([column.name for column in inspection.columns], columns, inspection)
        for position, (column, expected) in enumerate(zip(inspection.columns, columns, strict=False), start=1):
            if column.name != expected:
                raise MisplacedColumns(
                    f"column {position} of {inspection.ref.key} is {column.name!r}, the table's is {expected!r}",
                    bucket=inspection.ref.bucket,
                    key=inspection.ref.key,
                    column=position,
                    expected=expected,
                    found=column.name,
                    remedy="Keep the table's order of columns and add new ones at the end.",
                )


def _partitions(inspections: Iterable[ObjectInspection]) -> tuple[Partition, ...]:
    """Distinct partitions in the order of their values."""
    found: dict[tuple[PartitionValue, ...], Partition] = {}
    for inspection in inspections:
        if not inspection.partition:
            continue
        folder = inspection.ref.key.rpartition("/")[0] + "/"
        known = found.get(inspection.partition, Partition(values=inspection.partition, folder=folder))
        if known.folder != folder:
            raise InconsistentPartitions(
                f"{known.folder} and {folder} are one partition, once keys are lower-case",
                bucket=inspection.ref.bucket,
                key=inspection.ref.key,
                other=known.folder,
                remedy="Write the folder's key in one way.",
            )
        counts = {
            "objects": known.objects + 1,
            "rows": known.rows + inspection.rows,
            "bytes": known.bytes + inspection.bytes,
        }
        found[inspection.partition] = known.model_copy(update=counts)
    return tuple(found[values] for values in sorted(found))


def _check_none_dropped(names: Sequence[str], columns: Sequence[str], inspection: ObjectInspection) -> None:
    """A file that has the table's columns in their order, but not all: the ones after the gap would be misread."""
    last = max((columns.index(name) for name in names if name in columns), default=-1)
    if [name for name in columns[: last + 1] if name in names] != list(names[: len(columns)]):
        return
    dropped = [name for name in columns[: last + 1] if name not in names]
    if dropped:
        key = inspection.ref.key
        raise ColumnDropped(
            f"{key} lacks {', '.join(map(repr, dropped[:5]))}; the table has it before {columns[last]!r}",
            bucket=inspection.ref.bucket,
            key=inspection.ref.key,
            missing=dropped[:20],
            remedy="Keep the column, empty if need be: CSV is read by position. Without it, the data is another table.",
        )
