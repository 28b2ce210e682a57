"""What a batch of one table is compared with, and where its files go: an Iceberg table, or one of `crawl: glue`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mesh.domain.contracts.contract import Contract
from mesh.domain.names import table_location
from mesh.domain.onboarding.batches import IndexEntry
from mesh.domain.onboarding.reading.column_types import declared_types
from mesh.domain.onboarding.reading.types import published
from mesh.domain.publishing import hive_table
from mesh.domain.publishing.fields import Field
from mesh.domain.publishing.glue_table import schema_from_table
from mesh.domain.publishing.iceberg_table import marks_of, own_metadata, pointer_of
from mesh.domain.publishing.table_state import Marks, TableState
from mesh.domain.publishing.version_diff import new_major
from mesh.domain.schema import Column, TableSchema, TypeChange
from mesh.ports import PublishedFiles


@dataclass(frozen=True)
class TableBase:
    """`location` is the table's, `files` the folder for new data files. `index` has the sources of the present version
    by key, `there` the keys of all that readers may see. `schema` is None for a new table; `contract` is the version of
    it that the present one was checked by. `left` has the columns that readers see of a former owner's table, while
    this one is new."""

    location: str
    files: str
    new: bool = True
    pointer: str = ""
    state: TableState | None = None
    marks: Marks = field(default_factory=Marks)
    fields: tuple[Field, ...] = ()
    partition: tuple[str, ...] = ()
    only_nulls: frozenset[int] = frozenset()
    schema: TableSchema | None = None
    contract: str = ""
    index: Mapping[str, IndexEntry] = field(default_factory=dict)
    there: Mapping[str, IndexEntry] = field(default_factory=dict)
    left: TableSchema | None = None


def iceberg_base(
    current: Mapping[str, Any] | None, bucket: str, product: str, table: str, *, published: PublishedFiles
) -> TableBase:
    """`current` is the table as the catalog has it: its pointer says which metadata file is the present one."""
    location, marks = table_location(bucket, product, table), marks_of(current)
    pointer = own_metadata(pointer_of(current), location)
    if not pointer:
        left = schema_from_table(current) if current and pointer_of(current) else None
        return TableBase(location=location, files=f"{location}/data", marks=marks, left=left)
    state = published.state(pointer)
    index = {entry.key: entry for entry in published.index(state.index)}
    return TableBase(
        location=location,
        files=f"{location}/data",
        new=False,
        pointer=pointer,
        state=state,
        marks=marks.covering(state.marks),
        fields=state.fields,
        partition=state.partition,
        only_nulls=state.only_nulls,
        schema=_schema(state),
        contract=state.contract,
        index=index,
        there=index,
    )


def hive_base(
    current: Mapping[str, Any] | None, bucket: str, product: str, table: str, *, published: PublishedFiles
) -> TableBase:
    """For a crawled table the catalog has the columns; its sources are in Meshwork's own indexes."""
    index, there = (
        {entry.key: entry for entry in published.known_index(hive_table.own_file(bucket, product, table, name))}
        for name in (hive_table.INDEX, hive_table.PROMOTED)
    )
    schema = schema_from_table(current) if current else None
    return TableBase(
        location=hive_table.table_folder(bucket, product, table),
        files=hive_table.staged_folder(bucket, product, table),
        new=schema is None,
        partition=tuple(column.name for column in schema.partition_keys) if schema else (),
        schema=schema,
        index=index,
        there={**index, **there},
    )


def revised(base: TableBase, contract: Contract | None, expected: TableSchema | None) -> TableBase:
    """The base under a new major revision of the contract, without columns that it no longer describes. A rename
    removes one column and adds another. Partition keys stay, and so do columns that only a draft named."""
    if base.schema is None or expected is None or contract is None or not base.contract:
        return base
    if not new_major(base.contract, contract.version):
        return base
    kept = {*expected.types(), *(column.name for column in expected.partition_keys), *base.partition}
    columns = tuple(column for column in base.schema.columns if column.name in kept)
    fields = tuple(field for field in base.fields if field.name in kept)
    return replace(base, fields=fields, schema=base.schema.evolve(columns=columns))


def with_present_types(expected: TableSchema | None, present: TableSchema | None) -> TableSchema | None:
    """The contract's schema, in which the types of the present columns count as declared: files that are published are
    not written again. Partition keys lie in the names of folders, and keep the contract's type."""
    if present is None:
        return expected
    types = present.types()
    columns = [
        column.evolve(type=types.get(column.name, column.type)) for column in (expected.columns if expected else ())
    ]
    named = {column.name for column in columns}
    columns += [column for column in present.columns if column.name not in named]
    keys = expected.partition_keys if expected else present.partition_keys
    return TableSchema(columns=tuple(columns), partition_keys=keys)


def retyped(expected: TableSchema | None, present: TableSchema | None) -> Sequence[TypeChange]:
    """Columns whose type in the contract differs from the present table's."""
    declared = declared_types(expected)
    return [
        TypeChange(name=name, before=type_, after=declared[name])
        for name, type_ in (present.types() if present else {}).items()
        if name in declared and declared[name] != published(type_)
    ]


def _schema(state: TableState) -> TableSchema:
    keys = set(state.partition)
    columns = [
        Column(name=field.name, type="" if field.id in state.only_nulls else field.hive_type) for field in state.fields
    ]
    return TableSchema(
        columns=tuple(column for column in columns if column.name not in keys),
        partition_keys=tuple(column for column in columns if column.name in keys),
    )
