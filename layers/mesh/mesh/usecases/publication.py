"""The steps of `publish-version`: what changed, what may be published, record it, see that it can be read."""

from collections.abc import Mapping
from typing import Any

from mesh.domain.access.published import is_published
from mesh.domain.events import (
    ColumnRef,
    CrawledTable,
    DataCrawled,
    Envelope,
    Event,
    Model,
    TableChange,
)
from mesh.domain.evolution import Change, Compatibility, ContractDiff, together
from mesh.domain.membership import NotTheOwner
from mesh.domain.product import NotYetReadable, Product, ProductVersion, Severity, TableSnapshot
from mesh.domain.schema import Column, SchemaDiff, TableSchema, diff_schema
from mesh.domain.version_diff import (
    breaking,
    diff_snapshots,
    new_major,
    require_compatible,
    severity,
)
from mesh.ports import Catalog, Clock, LakeFormation, Registry, Trace

MAX_LISTED = 100
"""A notice lists at most this many columns or partitions of a table; counts are always whole."""


class VersionDraft(Model):
    """A version before it has a number. `follows` is the version it was compared with, 0 for none."""

    product: str
    follows: int
    run: str
    correlation_id: str
    tables: tuple[TableSnapshot, ...]
    changes: tuple[TableChange, ...]
    compatibility: Compatibility = "full"
    severity: Severity = "info"


def diff_version(envelope: Envelope, *, catalog: Catalog, registry: Registry) -> VersionDraft:
    """Compare the catalog, which is the truth, with the last version.

    Raises NotYetReadable for a missing table, and BreakingSchemaChange: what breaks readers is published under a new
    major of the contract, or in a draft, which has no readers; else not at all.
    """
    event = Event[DataCrawled].model_validate(envelope.detail)
    product = owned_product(registry, event.data.product, envelope.account)
    last = registry.latest_version(product.name)
    known = {snapshot.table: snapshot for snapshot in last.tables} if last else {}
    snapshots, changes = dict(known), []
    differences: list[Change] = []
    for crawled in event.data.tables:
        before = known.get(crawled.name)
        now = _snapshot(catalog, product.name, crawled, before)
        diff = diff_snapshots(before, now) if before else ContractDiff()
        changes.append(_change(before, now, crawled, diff))
        differences.extend(diff.changes)
        snapshots[crawled.name] = now
    if last is not None and not _may_break(product, last):
        require_compatible(product.name, differences, product.contract_version)
    return VersionDraft(
        product=product.name,
        follows=last.version if last else 0,
        run=event.metadata.id,
        correlation_id=event.metadata.correlation_id,
        tables=tuple(snapshots[name] for name in sorted(snapshots)),
        changes=tuple(changes),
        compatibility=together(change.compatibility for change in differences),
        severity=severity(changes, bool(breaking(differences)), rollback=False),
    )


def _may_break(product: Product, last: ProductVersion) -> bool:
    """A draft has no readers, and promised nothing; a new major tells them to look."""
    return product.draft or last.draft or new_major(last.contract_version, product.contract_version)


def owned_product(registry: Registry, name: str, account: str) -> Product:
    """The product, which must be this account's. Raises NotTheOwner."""
    product = registry.product(name)
    if product is None or product.owner != account:
        raise NotTheOwner(
            f"account {account} has no product {name!r}", account=account, remedy="declare it first, with a contract"
        )
    return product


def _snapshot(catalog: Catalog, database: str, crawled: CrawledTable, last: TableSnapshot | None) -> TableSnapshot:
    table = catalog.table(database, crawled.name)
    if table is None:
        raise NotYetReadable(f"table {database}.{crawled.name} is not in the catalog yet", database=database)
    return TableSnapshot(
        table=crawled.name,
        columns=_told(columns_of(table["StorageDescriptor"].get("Columns", [])), crawled, last),
        partition_keys=columns_of(table.get("PartitionKeys", [])),
        rows=crawled.total.rows,
        rows_exact=crawled.total.rows_exact,
        bytes=crawled.total.bytes,
        objects=crawled.total.objects,
        partitions=crawled.partitions_added_count + (last.partitions if last else 0),
        findings=tuple(
            {found.column: found for found in (*(last.findings if last else ()), *crawled.findings)}.values()
        ),
    )


def _told(there: tuple[ColumnRef, ...], crawled: CrawledTable, last: TableSnapshot | None) -> tuple[ColumnRef, ...]:
    """The columns that are in the catalog, without those of which only another crawl can say what is in them.

    That crawl's event is on its way, or its run has failed: until it is heard they belong to no version, and are not
    published.
    """
    if crawled.columns is None:
        return there
    known = {name.lower() for name in crawled.columns} | {column.name for column in (last.columns if last else ())}
    return tuple(column for column in there if column.name in known)


def columns_of(columns: list[Mapping[str, Any]]) -> tuple[ColumnRef, ...]:
    """Glue's column list as ours."""
    return tuple(ColumnRef(name=column["Name"], type=column["Type"]) for column in columns)


def _change(
    last: TableSnapshot | None, now: TableSnapshot, crawled: CrawledTable, semantic: ContractDiff
) -> TableChange:
    diff = diff_schema(_schema(last), _schema(now)) if last else SchemaDiff()
    return TableChange(
        table=now.table,
        new_table=last is None,
        added_columns=tuple(ColumnRef(name=column.name, type=column.type) for column in diff.added)[:MAX_LISTED],
        removed_columns=tuple(column.name for column in diff.removed)[:MAX_LISTED],
        changed_types=diff.type_changed[:MAX_LISTED],
        added_partitions=crawled.partitions_added[:MAX_LISTED],
        added_partitions_count=crawled.partitions_added_count,
        columns=len(now.columns) + len(now.partition_keys),
        rows=crawled.rows,
        rows_exact=crawled.rows_exact,
        bytes=crawled.bytes,
        objects=crawled.objects,
        rows_total=now.rows,
        rows_delta=now.rows - (last.rows if last else 0),
        compatibility=semantic.compatibility,
        schema_changes=tuple(change.text for change in semantic.changes)[:MAX_LISTED],
        quality=crawled.quality,
    )


def _schema(snapshot: TableSnapshot) -> TableSchema:
    return TableSchema(columns=tuple(Column(name=column.name, type=column.type) for column in snapshot.columns))


def record_version(draft: VersionDraft, *, registry: Registry, clock: Clock, trace: Trace) -> ProductVersion:
    """Claim the number after the version it was compared with; a redelivered run gets the version it already has.

    Raises ConcurrentChange when another run took that number first: diff again, then retry.
    """
    existing = registry.version_of_run(draft.product, draft.run)
    if existing is not None:
        return existing
    product = registry.product(draft.product)
    if product is None:
        raise NotTheOwner(f"there is no product {draft.product!r}", product=draft.product)
    version = registry.record_version(
        ProductVersion(
            product=draft.product,
            version=draft.follows + 1,
            run=draft.run,
            correlation_id=draft.correlation_id,
            contract_version=product.contract_version,
            tables=draft.tables,
            changes=draft.changes,
            published=clock.now(),
            follows=draft.follows,
            draft=product.draft,
            compatibility=draft.compatibility,
            severity=draft.severity,
        )
    )
    trace.note(draft.correlation_id, "version recorded", product=draft.product, version=version.version)
    return version


def confirm_readable(version: ProductVersion, *, catalog: Catalog, lake: LakeFormation) -> None:
    """Tables, columns and tags of the version are what central reads now. Raises NotYetReadable."""
    for snapshot in version.tables:
        table = catalog.table(version.product, snapshot.table)
        if faults := table_faults(version.product, snapshot, table, lake):
            raise NotYetReadable(f"{version.product}.{snapshot.table} cannot be read as recorded", faults=faults)


def table_faults(
    database: str, snapshot: TableSnapshot, table: Mapping[str, Any] | None, lake: LakeFormation
) -> list[str]:
    """What keeps a table from being read as this version has it; [] for nothing."""
    if table is None:
        return ["it is not in the catalog"]
    found = {column.name for column in columns_of(table["StorageDescriptor"]["Columns"])}
    missing = [column.name for column in snapshot.columns if column.name not in found]
    tags, by_column = lake.table_tags(database, snapshot.table)
    hidden = [column.name for column in snapshot.columns if not is_published(by_column.get(column.name, {}))]
    faults = [f"columns are missing: {', '.join(missing[:10])}"] * bool(missing)
    faults += [f"columns are not published: {', '.join(hidden[:10])}"] * bool(hidden)
    if tags.get("product") != database:
        faults.append(f"its LF-Tag product is {tags.get('product')}, and not {database}")
    return faults
