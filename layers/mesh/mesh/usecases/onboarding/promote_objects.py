"""Move a checked batch of a `crawl: glue` product to where its Glue crawler reads.

A Hive table is the files below its folder, so readers see every change at once. New files are added before the
replaced ones are removed: for a moment a query may count rows twice, but never misses any. Nothing is
overwritten, and every step is idempotent.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from mesh.domain.events import ProposedTable, stable_id
from mesh.domain.model import Model
from mesh.domain.onboarding.batches import CheckedBatch, CheckedTable, IndexEntry, StagedBatch
from mesh.domain.onboarding.keys import DataKey, parse_key
from mesh.domain.onboarding.partitions import partition_path
from mesh.domain.publishing import hive_table
from mesh.domain.publishing.hive_table import file_name
from mesh.domain.publishing.proposals import TableDetails
from mesh.ports import Clock, PublishedFiles, Uploads, WorkFiles
from mesh.usecases.onboarding.batches import keep_lease, read_checked
from mesh.usecases.onboarding.rounds import Round
from mesh.usecases.onboarding.stage_version import staged_path

CRAWL_LEASE: Final = timedelta(hours=5)
"""Longer than a run waits for a crawler to become available and to end. A run that then waits for central renews the
lease."""
_THREADS: Final = 16


class Promote(Round):
    """A checked round. `holder` is its execution's ARN."""

    holder: str


class Promoted(Model):
    """The proposal to make after the crawl."""

    proposal: str
    tables: int


@dataclass(frozen=True)
class Promoting:
    """The ports that promoting a batch needs."""

    published: PublishedFiles
    uploads: Uploads
    work: WorkFiles
    clock: Clock


def promote_objects(command: Promote, *, using: Promoting) -> Promoted:
    """Move every table's files to the crawled folder, and record the proposal to make after the crawl.

    Can be repeated at any point. The lease is held until the crawl is over, so no other run works on the product.
    Raises LeaseLost.
    """
    now = using.clock.now()
    keep_lease(command, command.holder, now + CRAWL_LEASE, uploads=using.uploads)
    checked = read_checked(using.work, command.work)
    proposal = stable_id("proposal", command.work, command.correlation_id)
    tables = tuple(_Promotion(command.product, checked, table, using.published).run() for table in checked.tables)
    staged = StagedBatch(
        proposal=proposal,
        contract_version=checked.contract_version,
        held=len(checked.held),
        tables=tables,
        staged_at=now,
    )
    using.work.put(staged_path(command.work), staged.model_dump_json())
    return Promoted(proposal=proposal, tables=len(tables))


class _Promotion:
    def __init__(self, product: str, checked: CheckedBatch, table: CheckedTable, published: PublishedFiles) -> None:
        self._table, self._published, self._bucket, self._product = table, published, checked.bucket, product

    def run(self) -> ProposedTable:
        """The index is written first: every file of a failed attempt is known. Files that such an attempt left staged
        are removed with this promotion."""
        table, published, index = self._table, self._published, self._own(hive_table.PROMOTED)
        there = published.known_index(index)
        known = {entry.file for entry in there}
        published.write_index(index, _sorted([*there, *(each for each in table.sources if each.file not in known)]))
        brought = self._copied()
        replaced = {*table.gone, *(entry.key for entry in table.sources)}
        entries = _sorted([*(entry for entry in there if entry.key not in replaced), *brought])
        kept = {entry.file for entry in entries}
        _each(published.remove, [entry.file for entry in there if entry.file and entry.file not in kept])
        published.clear(hive_table.staged_folder(self._bucket, self._product, table.table))
        details = self._details(brought, entries, published.known_index(self._own(hive_table.INDEX)))
        published.write(self._own(hive_table.DETAILS), details.model_dump_json().encode())
        published.write_index(index, entries)
        return ProposedTable(
            name=table.table,
            details=hive_table.DETAILS,
            rows=sum(entry.rows for entry in entries),
            bytes=sum(entry.size for entry in entries),
            files=len(kept - {""}),
        )

    def _copied(self) -> list[IndexEntry]:
        """The batch's sources, now that their files are in place."""
        staged = {file_name(file.path): file.path for file in self._table.added}

        def in_place(entry: IndexEntry) -> bool:
            """The owner's version of an object that Meshwork does not read may be deleted for good: then the source is
            gone too, and the deletion has its own event. A missing staged file was copied by an earlier attempt."""
            if entry.unread:
                landed = f"s3://{self._bucket}/{entry.key}"
                return self._published.copy(landed, entry.file, version_id=entry.version_id)
            if entry.file:
                self._published.copy(staged[file_name(entry.file)], entry.file)
            return True

        sources = self._table.sources
        return [entry for entry, there in zip(sources, _each(in_place, sources), strict=True) if there]

    def _details(
        self, brought: Sequence[IndexEntry], entries: Sequence[IndexEntry], present: Sequence[IndexEntry]
    ) -> TableDetails:
        table, partitions = self._table, _partitions(entries)
        before = _partitions(present)
        return TableDetails(
            objects=len(brought),
            rows=sum(entry.rows for entry in brought),
            bytes=sum(entry.size for entry in brought),
            sources=len(entries),
            removed_objects=len(table.gone),
            findings=table.findings,
            quality=table.quality,
            columns=None if any(entry.unread for entry in brought) else table.read,
            partitions=len(partitions),
            partitions_added=tuple(name for name in partitions if name not in before),
            unread=sum(entry.unread for entry in entries),
        )

    def _own(self, name: str) -> str:
        return hive_table.own_file(self._bucket, self._product, self._table.table, name)


def _sorted(entries: Sequence[IndexEntry]) -> list[IndexEntry]:
    return sorted(entries, key=lambda entry: (entry.key, entry.file))


def _each[A, B](do: Callable[[A], B], items: Sequence[A]) -> list[B]:
    """In parallel; S3 takes some time for each."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(do, items))


def _partitions(entries: Sequence[IndexEntry]) -> list[str]:
    """Names of the folders that have a file (`dt=2026-11-21`), in order."""
    keys = [parse_key(entry.key) for entry in entries if entry.file]
    names = (partition_path(key.partitions) for key in keys if isinstance(key, DataKey))
    return sorted({name for name in names if name})
