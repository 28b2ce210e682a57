"""The producer's part of a rollback: make `data/` and the tables what a manifest says, and announce it as a batch.

Under the product's lease, so that nothing is onboarded meanwhile. First every pinned object is looked for: when one is
gone nothing is changed. Then objects, then tables and counts, then a new manifest. Every step may be repeated.
"""

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Literal

from mesh.domain.counting import TableTotal
from mesh.domain.events import (
    CrawledTable,
    DataCrawled,
    Envelope,
    Event,
    ManifestPointer,
    Metadata,
    Model,
    RestoreRequested,
    Rollback,
    follow,
    read_event,
)
from mesh.domain.manifest import (
    Manifest,
    PinnedObject,
    PinnedTable,
    VersionGone,
    definition_of,
    restoration,
    restored,
)
from mesh.domain.names import resource_link
from mesh.domain.product import ConcurrentChange
from mesh.ports import Catalog, Clock, ObjectVersions, Trace, Uploads, WorkFiles
from mesh.usecases.batches import LEASE
from mesh.usecases.histories import forget_batches
from mesh.usecases.manifests import read_manifest, write_manifest

_THREADS = 16
_AT_ONCE = 1_000
"""Objects that one call restores or hides; the machine calls again while some remain."""
MAX_LISTED = 20


class TakeRestore(Model):
    """`holder` is the execution's ARN."""

    envelope: Envelope
    holder: str


class Restore(Model):
    """A restoration that holds the product's lease (`busy`: somebody else does). `work` is where it keeps its notes."""

    status: Literal["taken", "busy"]
    product: str
    holder: str
    bucket: str
    correlation_id: str
    event_id: str
    rollback: Rollback
    manifest: ManifestPointer
    generation: int = 0

    @property
    def work(self) -> str:
        """The work file of the versions that are current after it."""
        return f"runs/{self.product}/{self.generation:08d}/restored.json"

    @property
    def metadata(self) -> Metadata:
        """Of the request, as the cause of what follows."""
        return Metadata(id=self.event_id, correlation_id=self.correlation_id)


class Progress(Model):
    """How far the objects are."""

    restored: int
    hidden: int
    remaining: int


def take_restore(command: TakeRestore, *, bucket: str, uploads: Uploads, clock: Clock, trace: Trace) -> Restore:
    """Take the product's lease. Taking again under the same holder gives the same generation."""
    event = read_event(RestoreRequested, command.envelope)
    now = clock.now()
    generation = uploads.take_lease(event.data.product, command.holder, now + LEASE, now)
    if generation is not None:
        facts = {"product": event.data.product, "version": event.data.rollback.version, "generation": generation}
        trace.note(event.metadata.correlation_id, "restore begun", execution=command.holder, **facts)
    return Restore(
        status="busy" if generation is None else "taken",
        product=event.data.product,
        holder=command.holder,
        bucket=bucket,
        correlation_id=event.metadata.correlation_id,
        event_id=event.metadata.id,
        rollback=event.data.rollback,
        manifest=event.data.manifest,
        generation=generation or 0,
    )


def restore_objects(
    restore: Restore, *, uploads: Uploads, versions: ObjectVersions, work: WorkFiles, clock: Clock
) -> Progress:
    """Bring back what the manifest pins, and hide what it lacks; at most so many objects a call.

    Raises VersionGone before anything is changed, ManifestDamaged, ConcurrentChange (the lease was lost).
    """
    _hold(restore, uploads, clock)
    target, current = _manifests(restore, uploads, versions)
    plan = restoration(current, target, uploads.pending_keys(restore.product))
    done: dict[str, str] = json.loads(work.get(restore.work) or "{}")
    if not done:
        require_all(target, restore.bucket, restore.rollback.version, versions)
    waiting = [item for item in plan.wanted if item.key not in done]
    hidden = list(plan.unwanted)

    def bring_back(item: PinnedObject) -> tuple[str, str]:
        version_id = versions.restore(restore.bucket, item.key, item.version_id or "")
        if version_id != item.version_id:
            uploads.know_restored(restore.product, item.key, version_id)
        return item.key, version_id

    batch = list(islice(waiting, _AT_ONCE))
    done |= dict(side_by_side(bring_back, batch))
    if len(batch) == len(waiting):
        side_by_side(lambda key: versions.remove(restore.bucket, key), hidden)
    work.put(restore.work, json.dumps(done))
    return Progress(restored=len(done), hidden=len(hidden), remaining=len(waiting) - len(batch))


def restore_catalog(
    restore: Restore,
    *,
    catalog: Catalog,
    uploads: Uploads,
    versions: ObjectVersions,
    work: WorkFiles,
    clock: Clock,
    trace: Trace,
) -> Event[DataCrawled]:
    """Tables, counts and manifest follow the objects; the event for central says whose wish it was.

    Partitions that came later stay registered, and empty: a query finds no file below them.
    """
    _hold(restore, uploads, clock)
    target, current = _manifests(restore, uploads, versions)
    version_ids: dict[str, str] = json.loads(work.get(restore.work) or "{}")
    link = resource_link(restore.product)
    for table in target.tables:
        _put_table(table, link, catalog)
    totals = _count(current, target, uploads)
    forget_batches(work, restore.product, totals, target.generation)
    newest = uploads.manifest(restore.product)
    if newest is not None and newest[0] == restore.generation:
        pointer, after = newest[1], read_manifest(restore.bucket, newest[1], versions)
    else:
        after = restored(current, target, generation=restore.generation, version_ids=version_ids)
        pointer = write_manifest(after, versions=versions, uploads=uploads)
    trace.note(
        restore.correlation_id, "restored", product=restore.product, version=restore.rollback.version,
        generation=restore.generation, objects=pointer.objects,
    )  # fmt: skip
    return Event[DataCrawled](
        metadata=follow(restore.metadata, "restored"),
        data=DataCrawled(
            product=restore.product,
            generation=restore.generation,
            mode="express",
            tables=tuple(_crawled(table, totals[table.table]) for table in after.tables),
            manifest=pointer,
            rollback=restore.rollback,
        ),
    )


def _hold(restore: Restore, uploads: Uploads, clock: Clock) -> None:
    """The lease lasts another while. Raises ConcurrentChange when it is not ours any more."""
    now = clock.now()
    if uploads.take_lease(restore.product, restore.holder, now + LEASE, now) != restore.generation:
        raise ConcurrentChange(f"the lease of {restore.product} was lost", product=restore.product)


def _manifests(restore: Restore, uploads: Uploads, versions: ObjectVersions) -> tuple[Manifest, Manifest | None]:
    """The one to go back to, and the newest (in a repeated step that may be the restoration's own)."""
    target = read_manifest(restore.bucket, restore.manifest, versions)
    newest = uploads.manifest(restore.product)
    return target, read_manifest(restore.bucket, newest[1], versions) if newest else None


def require_all(target: Manifest, bucket: str, version: int, versions: ObjectVersions) -> None:
    """Raises VersionGone when a pinned object does not exist any more."""
    items = list(target.objects().values())

    def there(item: PinnedObject) -> bool:
        return bool(item.version_id) and versions.exists(bucket, item.key, item.version_id)

    found = side_by_side(there, items)
    missing = [item.key for item, exists in zip(items, found, strict=True) if not exists]
    if missing:
        raise VersionGone(
            f"{len(missing)} of {len(items)} objects of version {version} do not exist any more",
            product=target.product,
            version=version,
            missing=missing[:MAX_LISTED],
            remedy="Choose another version (mesh history), or upload the data again.",
        )


def side_by_side[A, B](work: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """What `work` gives for each, in order; the first error that it raises."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(work, items))


def _put_table(table: PinnedTable, link: str, catalog: Catalog) -> None:
    """A table that is as it was is not touched: no new table version."""
    now = catalog.table(link, table.table)
    if now is None:
        catalog.create_table(link, table.definition)
    elif definition_of(now) != table.definition:
        catalog.update_table(link, table.definition)


def _count(current: Manifest | None, target: Manifest, uploads: Uploads) -> dict[str, TableTotal]:
    """Each table's total, once what is gone is not counted any more."""
    totals: dict[str, TableTotal] = {}
    for table in current.tables if current else ():
        kept = target.table(table.table)
        keys = {item.key for item in kept.objects} if kept else set()
        gone = [item.key for item in table.objects if item.key not in keys]
        totals[table.table] = uploads.uncount(target.product, table.table, gone)
    for table in target.tables:
        counts = [item.counted() for item in table.objects]
        totals[table.table] = uploads.count(target.product, table.table, counts)
    return totals


def _crawled(table: PinnedTable, total: TableTotal) -> CrawledTable:
    return CrawledTable(
        name=table.table,
        new_table=False,
        objects=len(table.objects),
        rows=sum(item.rows for item in table.objects),
        rows_exact=all(item.rows_exact for item in table.objects),
        bytes=sum(item.size for item in table.objects),
        total=total,
        partitions=table.partitions(),
        columns=tuple(column["Name"] for column in table.definition["StorageDescriptor"].get("Columns", [])),
    )
