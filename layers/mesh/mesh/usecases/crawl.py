"""From an inspection to the catalog and to central's bus."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, Literal

from mesh.domain.counting import TableTotal
from mesh.domain.errors import Transient
from mesh.domain.events import (
    CrawledTable,
    DataCrawled,
    Event,
    Metadata,
    Model,
    stable_id,
)
from mesh.domain.formats.model import Storage
from mesh.domain.glue_table import definition_of, partition_input, schema_from_table, storage_from_table, table_input
from mesh.domain.merging import MergedTable
from mesh.domain.names import data_location_uri
from mesh.domain.quality.summary import summary_of
from mesh.ports import Catalog, Clock, Objects, Uploads, WorkFiles
from mesh.usecases.batch_reports import BatchReports, read_reports
from mesh.usecases.inspection import Inspection, Round, TableInspection
from mesh.usecases.store_quality import store_quality, store_report

_LISTED_CHARACTERS = 60_000
"""All new partitions that one event lists; it starts an execution, whose input is at most 262,144 bytes."""


_COLUMN_CHARACTERS = 40_000
"""All names of columns that one event lists."""


class CatalogBehind(Transient):
    """The catalog does not show what was crawled yet."""


class Written(Model):
    """What express wrote."""

    tables: int
    partitions: int


class Summarise(Round):
    """A round whose crawl is done."""

    mode: Literal["express", "glue"]


def read_inspection(work: WorkFiles, round_: Round) -> Inspection:
    """The round's inspection, as the checks left it. Raises CatalogBehind if it is not written (it always is before
    these steps)."""
    text = work.get(round_.checked) or work.get(round_.inspection)
    if text is None:
        raise CatalogBehind(f"no inspection at {round_.inspection}")
    return Inspection.model_validate_json(text)


def write_catalog(round_: Round, *, catalog: Catalog, work: WorkFiles) -> Written:
    """Create or extend each table, then register its new partitions, through the resource link.

    A table that has all columns already is not touched: no new table version for an ordinary upload.
    """
    inspection = read_inspection(work, round_)
    partitions = 0
    for table in inspection.tables:
        if table.merged is None:
            continue
        _write_table(round_, inspection.bucket, table.merged, catalog)
        new = set(table.new_partitions)
        inputs = [
            partition_input(table.merged, partition, inspection.bucket)
            for partition in table.merged.partitions
            if tuple(value for _, value in partition.values) in new
        ]
        catalog.create_partitions(round_.facts.link, table.table, inputs)
        partitions += len(inputs)
    return Written(tables=len(inspection.tables), partitions=partitions)


def _write_table(round_: Round, bucket: str, merged: MergedTable, catalog: Catalog) -> None:
    location = f"{data_location_uri(bucket, round_.product)}{merged.table}/"
    current = catalog.table(round_.facts.link, merged.table)
    if current is None:
        catalog.create_table(round_.facts.link, table_input(merged, location))
    elif not _up_to_date(current, merged, storage_from_table(current)):
        catalog.update_table(round_.facts.link, table_input(merged, location, previous=current))


def _up_to_date(current: dict[str, Any], merged: MergedTable, storage: Storage | None) -> bool:
    have = schema_from_table(current)
    quoted = storage.dialect.quoted if storage and storage.dialect else False
    wants_quoted = merged.storage.dialect.quoted if merged.storage.dialect else False
    return have.types() == merged.table_schema.types() and quoted == wants_quoted


def summarise_crawl(
    command: Summarise,
    *,
    catalog: Catalog,
    uploads: Uploads,
    work: WorkFiles,
    objects: Objects,
    clock: Clock,
) -> Event[DataCrawled]:
    """Read the tables back, bring a crawler's types in line with the contract, store what was measured of them,
    and give the event for central.

    Raises CatalogBehind while a table or one of its inspected columns is missing.
    """
    inspection, reports = read_inspection(work, command), read_reports(work, command.work)
    definitions = {table.table: _confirm(command, inspection.bucket, table, catalog) for table in inspection.tables}
    totals = {table.table: uploads.count(command.product, table.table, table.counts) for table in inspection.tables}
    for report in reports.passed.tables if reports else ():
        name = report.profile.table
        definitions[name] = store_quality(
            command.facts, definitions[name], report, totals[name], catalog=catalog, at=clock.now()
        )
    if reports and reports.passed.tables:
        store_report(reports.passed, command.facts, inspection.bucket, objects=objects)
    tables = max(len(inspection.tables), 1)
    crawled = (
        _crawled(
            table,
            totals[table.table],
            _LISTED_CHARACTERS // tables,
            reports,
            _read(table, definitions[table.table], command.mode, _COLUMN_CHARACTERS // tables),
        )
        for table in inspection.tables
    )
    return Event[DataCrawled](
        metadata=metadata_of(command, "crawled"),
        data=DataCrawled(
            product=command.product,
            generation=command.generation,
            mode=command.mode,
            tables=tuple(crawled),
            quarantined=len(inspection.rejected),
        ),
    )


def _confirm(command: Summarise, bucket: str, table: TableInspection, catalog: Catalog) -> dict[str, Any]:
    """The table's definition as it stands in the end."""
    current = catalog.table(command.facts.link, table.table)
    if current is None:
        raise CatalogBehind(f"table {table.table} is not in the catalog", table=table.table)
    if table.merged is None:
        return definition_of(current)
    have = schema_from_table(current).types()
    missing = [name for name in table.merged.table_schema.types() if name not in have]
    if missing:
        raise CatalogBehind(f"table {table.table} lacks columns that were inspected", missing=missing[:10])
    if command.mode == "glue" and have != table.merged.table_schema.types():
        # The contract's types win in either mode: for the same files both give the same table.
        location = f"{data_location_uri(bucket, command.product)}{table.table}/"
        current = table_input(table.merged, location, previous=current)
        catalog.update_table(command.facts.link, current)
    return definition_of(current)


def _crawled(
    table: TableInspection,
    total: TableTotal,
    characters: int,
    reports: BatchReports | None,
    columns: tuple[str, ...] | None,
) -> CrawledTable:
    merged, report = table.merged, reports.table(table.table) if reports else None
    return CrawledTable(
        name=table.table,
        new_table=table.new_table,
        objects=table.objects,
        rows=merged.rows if merged else 0,
        rows_exact=merged.rows_exact if merged else False,
        bytes=table.bytes,
        total=total,
        partitions_added=_within(table.new_partition_paths, characters),
        partitions_added_count=len(table.new_partition_paths),
        findings=table.findings,
        columns=columns,
        quality=summary_of(report) if report else None,
    )


def _read(table: TableInspection, definition: Mapping[str, Any], mode: str, characters: int) -> tuple[str, ...] | None:
    """The columns that the findings are about; a crawler of Glue's may name others than the inspection, and wrote all.

    None: too many to list, or nobody read the files.
    """
    if table.merged is None or table.read is None:
        return None
    names = table.read if mode == "express" else tuple(map(str, schema_from_table(dict(definition)).types()))
    return names if sum(map(len, names)) <= characters else None


def _within(paths: Sequence[str], characters: int) -> tuple[str, ...]:
    """As many of the first paths as fit; their number is told beside them."""
    lengths = accumulate(len(path) for path in paths)
    return tuple(path for path, length in zip(paths, lengths, strict=True) if length <= characters)
