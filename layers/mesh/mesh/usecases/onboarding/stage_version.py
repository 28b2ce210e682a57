"""From checked files to a proposal: stage each table's next version, without touching a catalog.

The present version's index says which data files hold the rows of a key. A file whose sources are all removed is
removed; one shared with others is rewritten without them. Where a column's type has changed, the table's files are
rewritten under the new column id, up to `MAX_REWRITTEN` bytes.
"""

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from mesh.domain.errors import Rejected
from mesh.domain.events import ProposedTable, stable_id
from mesh.domain.onboarding.batches import CheckedTable, IndexEntry, StagedBatch
from mesh.domain.onboarding.bounds import statistics_of
from mesh.domain.onboarding.reading.model import RowRange, StoredFile
from mesh.domain.publishing.fields import rewritten_columns
from mesh.domain.publishing.proposals import TableDetails
from mesh.domain.publishing.staging import DataFile, ListedFile, StageOrder
from mesh.domain.publishing.table_state import TableState
from mesh.ports import Clock, PublishedFiles, Rewriter, TableContents, TableStaging, WorkFiles
from mesh.usecases.onboarding.batches import read_checked
from mesh.usecases.onboarding.rounds import Round

MAX_REWRITTEN: Final = 2 * 1024**3
"""The most bytes of data files that one batch may rewrite."""


class TooLargeToRewrite(Rejected):
    """A column changed its type in a table that is too large to be rewritten at once."""


@dataclass(frozen=True)
class StagingTools:
    """The ports that staging a batch needs."""

    published: PublishedFiles
    staging: TableStaging
    contents: TableContents
    rewriter: Rewriter
    work: WorkFiles
    clock: Clock


def read_staged(round_: Round, work: WorkFiles) -> StagedBatch | None:
    """What is staged of the batch, or was promoted for a crawler."""
    written = work.get(staged_path(round_.work))
    return StagedBatch.model_validate_json(written) if written else None


def stage_version(round_: Round, *, using: StagingTools) -> StagedBatch:
    """Stage every table of the batch. Idempotent: the first result stands. Raises
    TooLargeToRewrite."""
    checked = read_checked(using.work, round_.work)
    proposal = stable_id("proposal", round_.work, round_.correlation_id)
    staged = StagedBatch(
        proposal=proposal,
        contract_version=checked.contract_version,
        held=len(checked.held),
        tables=tuple(
            _TableStaging(table, proposal, checked.contract_version, using).stage() for table in checked.tables
        ),
        staged_at=using.clock.now(),
    )
    stands = using.work.put_first(staged_path(round_.work), staged.model_dump_json())
    return StagedBatch.model_validate_json(stands) if stands else staged


def staged_path(batch: str) -> str:
    """Beside the work file of the batch's objects."""
    return batch.replace("batch.json", "staged.json")


class _TableStaging:
    def __init__(self, table: CheckedTable, proposal: str, contract: str, using: StagingTools) -> None:
        self._table, self._proposal, self._contract, self._using = table, proposal, contract, using
        self._base = table.state

    def stage(self) -> ProposedTable:
        present = self._using.published.index(self._base.index) if self._base else []
        gone = set(self._table.gone)
        kept = [entry for entry in present if entry.key not in gone]
        removed, added, kept = self._rewritten(present, kept)
        entries = sorted((*kept, *self._table.sources), key=lambda entry: entry.key)
        index = f"{self._table.location}/metadata/{uuid4().hex}.index.parquet"
        self._using.published.write_index(index, entries)
        staged = self._using.staging.stage(
            StageOrder(
                location=self._table.location,
                base=self._base,
                fields=self._table.fields,
                partition=self._table.partition,
                add=(*self._table.added, *added),
                remove=frozenset(removed),
                marks=self._table.marks,
                index=index,
                proposal=self._proposal,
                contract=self._contract,
                only_nulls=self._table.only_nulls,
                details=self._details(entries).model_dump_json(),
            )
        )
        return ProposedTable(
            name=self._table.table,
            base=_file_name(self._table.base),
            staged=_file_name(staged.metadata),
            empty=_file_name(staged.empty),
            rows=staged.rows,
            bytes=staged.bytes,
            files=staged.files,
        )

    def _details(self, entries: Sequence[IndexEntry]) -> TableDetails:
        table = self._table
        return TableDetails(
            objects=len(table.sources),
            rows=sum(entry.rows for entry in table.sources),
            bytes=sum(entry.size for entry in table.sources),
            sources=len(entries),
            removed_objects=len(table.gone),
            findings=table.findings,
            quality=table.quality,
        )

    def _rewritten(
        self, present: Sequence[IndexEntry], kept: Sequence[IndexEntry]
    ) -> tuple[set[str], list[DataFile], list[IndexEntry]]:
        """Removed files, the files that replace them, and the remaining sources with their locations."""
        if self._base is None:
            return set(), [], list(kept)
        drifted = bool(rewritten_columns(self._base.fields, self._table.fields))
        by_file: dict[str, list[IndexEntry]] = defaultdict(list)
        for entry in kept:
            by_file[entry.file].append(entry)
        of_present = {entry.file for entry in present if entry.file}
        shared = {entry.file for entry in present if entry.key in set(self._table.gone)} & by_file.keys() - {""}
        again = sorted(set(by_file) - {""}) if drifted else sorted(shared)
        removed = of_present if drifted else (of_present - by_file.keys()) | set(again)
        if not again:
            return removed, [], list(kept)
        listed = {file.path: file for file in self._using.contents.read(self._table.base).files}
        self._check_size([listed[path] for path in again])
        added, moved = [], [entry for entry in kept if entry.file not in set(again)]
        for path in again:
            file, entries = self._write_again(listed[path], by_file[path], self._base)
            added.append(file)
            moved += entries
        return removed, added, moved

    def _check_size(self, files: Sequence[ListedFile]) -> None:
        size = sum(file.bytes for file in files)
        if size > MAX_REWRITTEN:
            columns = rewritten_columns(self._base.fields if self._base else (), self._table.fields)
            raise TooLargeToRewrite(
                f"{self._table.table} has {size:,} bytes that would have to be rewritten for the new types of "
                f"{', '.join(columns) or 'no column'}; {MAX_REWRITTEN:,} are possible",
                table=self._table.table,
                columns=list(columns),
                bytes=size,
                remedy="Upload values of the type that the column has, or publish a new table under another name.",
            )

    def _write_again(
        self, file: ListedFile, entries: Sequence[IndexEntry], base: TableState
    ) -> tuple[DataFile, list[IndexEntry]]:
        """The kept rows of one file, in the order in which they are."""
        ordered = sorted(entries, key=lambda entry: entry.first_row)
        with tempfile.TemporaryDirectory(prefix="mesh-") as folder:
            there = Path(folder) / "old.parquet"
            self._using.published.download(file.path, there)
            ranges = tuple(RowRange(first=entry.first_row, rows=entry.rows) for entry in ordered)
            written = self._using.rewriter.rewrite(
                [StoredFile(path=there, keep_rows=ranges)],
                base.fields,
                self._table.fields,
                Path(folder) / "new.parquet",
            )
            path = f"{self._table.location}/data/{uuid4().hex}.parquet"
            self._using.published.upload(written.path, path)
        moved, first = [], 0
        for entry in ordered:
            moved.append(entry.evolve(file=path, first_row=first))
            first += entry.rows
        # The earlier classification of these columns is unknown here: no bounds are written.
        hidden = [field.name for field in self._table.fields]
        statistics = statistics_of(written, self._table.fields, hidden)
        made = DataFile(path=path, rows=written.rows, bytes=written.bytes, partition=file.partition, columns=statistics)
        return made, moved


def _file_name(location: str) -> str:
    return location.rpartition("/")[2]
