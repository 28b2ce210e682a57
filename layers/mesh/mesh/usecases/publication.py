"""The steps of `publish-version`: what changed, tag it, record it, see that it can be read, tell who subscribed."""

from collections.abc import Iterator, Mapping
from typing import Any

from mesh.domain import names
from mesh.domain.errors import Rejected
from mesh.domain.events import (
    ColumnRef,
    CrawledTable,
    DataCrawled,
    Envelope,
    Event,
    ManifestPointer,
    Metadata,
    Model,
    ProductUpdated,
    Query,
    Rollback,
    TableChange,
    follow,
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
from mesh.ports import Catalog, Clock, LakeFormation, MemberTopics, Registry, Trace

MAX_WARNINGS = 20
_SHOWN_COLUMNS = 10
"""Of the new columns, how many the sample query names."""
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
    manifest: ManifestPointer | None = None
    rollback: Rollback | None = None


class RollbackNotRequested(Rejected):
    """A crawl that says it is a rollback which central knows nothing of."""


class Notified(Model):
    """Whom a version was announced to. `already` had been told by an earlier attempt."""

    product: str
    version: int
    told: tuple[str, ...]
    already: tuple[str, ...]


def diff_version(envelope: Envelope, *, catalog: Catalog, registry: Registry) -> VersionDraft:
    """Compare the catalog, which is the truth, with the last version.

    Raises NotYetReadable for a missing table, RollbackNotRequested, and BreakingSchemaChange: what breaks readers is
    published under a new major of the contract, as a rollback, or in a draft, which has no readers; else not at all.
    """
    event = Event[DataCrawled].model_validate(envelope.detail)
    product = owned_product(registry, event.data.product, envelope.account)
    rollback = _rollback(event.data, registry)
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
    if last is not None and not (rollback or _may_break(product, last)):
        require_compatible(product.name, differences, product.contract_version)
    return VersionDraft(
        product=product.name,
        follows=last.version if last else 0,
        run=event.metadata.id,
        correlation_id=event.metadata.correlation_id,
        tables=tuple(snapshots[name] for name in sorted(snapshots)),
        changes=tuple(changes),
        compatibility=together(change.compatibility for change in differences),
        severity=severity(changes, bool(breaking(differences)), rollback is not None),
        manifest=event.data.manifest,
        rollback=rollback,
    )


def _may_break(product: Product, last: ProductVersion) -> bool:
    """A draft has no readers, and promised nothing; a new major tells them to look."""
    return product.draft or last.draft or new_major(last.contract_version, product.contract_version)


def _rollback(crawl: DataCrawled, registry: Registry) -> Rollback | None:
    """Who wanted it, and why, by central's own record: what the crawl says of that is not believed."""
    if crawl.rollback is None:
        return None
    order = registry.rollback(crawl.product, crawl.rollback.request)
    if order is None or order.version != crawl.rollback.version:
        raise RollbackNotRequested(
            f"no rollback of {crawl.product} to version {crawl.rollback.version} was asked for",
            product=crawl.product,
            remedy="mesh rollback PRODUCT VERSION asks for one",
        )
    return Rollback.model_validate(order.model_dump(include=set(Rollback.model_fields)))


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
        columns=columns_of(table["StorageDescriptor"].get("Columns", [])),
        partition_keys=columns_of(table.get("PartitionKeys", [])),
        rows=crawled.total.rows,
        rows_exact=crawled.total.rows_exact,
        bytes=crawled.total.bytes,
        objects=crawled.total.objects,
        partitions=crawled.partitions
        if crawled.partitions is not None
        else crawled.partitions_added_count + (last.partitions if last else 0),
        findings=tuple(
            {found.column: found for found in (*(last.findings if last else ()), *crawled.findings)}.values()
        ),
    )


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
        _end_rollback(existing, registry)
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
            manifest=draft.manifest,
            rollback=draft.rollback,
        )
    )
    _end_rollback(version, registry)
    trace.note(draft.correlation_id, "version recorded", product=draft.product, version=version.version)
    return version


def _end_rollback(version: ProductVersion, registry: Registry) -> None:
    if version.rollback is not None:
        registry.end_rollback(version.product, version.rollback.request, "published")


def confirm_readable(version: ProductVersion, *, catalog: Catalog, lake: LakeFormation) -> None:
    """Tables, columns and tags of the version are what central reads now. Raises NotYetReadable."""
    for snapshot in version.tables:
        table = catalog.table(version.product, snapshot.table)
        found = {column.name for column in columns_of(table["StorageDescriptor"]["Columns"])} if table else set()
        missing = [column.name for column in snapshot.columns if column.name not in found]
        if table is None or missing:
            raise NotYetReadable(
                f"{version.product}.{snapshot.table} cannot be read as recorded", missing=missing[:10] or None
            )
        tags, _ = lake.table_tags(version.product, snapshot.table)
        if tags.get("product") != version.product:
            raise NotYetReadable(f"{version.product}.{snapshot.table} does not carry its tags yet", tags=tags)


def notify_subscribers(
    version: ProductVersion,
    *,
    catalog_id: str,
    registry: Registry,
    topics: MemberTopics,
    clock: Clock,
    trace: Trace,
) -> Notified:
    """Tell each subscriber, and the owner, once per version.

    The event's id is the same at every attempt, so a repeated publish is recognised in the member's inbox; a member
    that has gone, or is not admitted, is passed over. A draft is told to its owner alone.
    """
    product = registry.product(version.product)
    if product is None:
        raise NotTheOwner(f"there is no product {version.product!r}", product=version.product)
    detail = notice(version, product, catalog_id)
    wanted = [] if product.draft else list(registry.subscribers(product.name))
    told, already = [], []
    for account in dict.fromkeys([*wanted, product.owner]):
        member = registry.member(account)
        if member is None or member.status != "admitted":
            continue
        if registry.notice_sent(product.name, version.version, account):
            already.append(account)
            continue
        topics.publish(member.topic_arn, ProductUpdated.detail_type(), detail.model_dump_json())
        registry.record_notice(product.name, version.version, account, clock.now())
        told.append(account)
    trace.note(version.correlation_id, "notified", product=product.name, version=version.version, told=told)
    return Notified(product=product.name, version=version.version, told=tuple(told), already=tuple(already))


def notice(version: ProductVersion, product: Product, catalog_id: str) -> Event[ProductUpdated]:
    """The notice of a version: what changed, and how to query it."""
    cause = Metadata(id=version.run, correlation_id=version.correlation_id)
    warnings = [found for change in version.changes if change.quality for found in change.quality.findings]
    return Event[ProductUpdated](
        metadata=follow(cause, "updated", version.version),
        data=ProductUpdated(
            product=product.name,
            version=version.version,
            domain=product.domain,
            owner_account=product.owner,
            contract_version=version.contract_version,
            changes=version.changes,
            queries=tuple(query for change in version.changes for query in _queries(change, catalog_id, product.name)),
            draft=product.draft,
            follows=version.follows,
            severity=version.severity,
            compatibility=version.compatibility,
            rollback=version.rollback,
            manifest=version.manifest,
            warnings=tuple(warnings)[:MAX_WARNINGS],
        ),
    )


def _queries(change: TableChange, catalog_id: str, database: str) -> Iterator[Query]:
    """One for the whole table, and one that shows what is new in it."""
    link = names.resource_link(database)
    selections = ["*"]
    if change.added_columns:
        shown = ", ".join(f'"{column.name}"' for column in change.added_columns[:_SHOWN_COLUMNS])
        selections.append(shown)
    for columns in selections:
        yield Query(
            catalog_id=catalog_id,
            database=database,
            table=change.table,
            resource_link=link,
            sql=f'SELECT {columns} FROM "{link}"."{change.table}" LIMIT 10',  # noqa: S608 - told, not run
        )
