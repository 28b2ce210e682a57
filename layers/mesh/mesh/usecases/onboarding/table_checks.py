"""The checks of one table's objects, and the files that are written of what passes.

Objects with an error are held back: they stay where they are, and the rows that are published for their keys stay as
well. A finding that names its objects holds those alone, any other the whole table's. Objects that the owner released
pass with their errors on record, unless they cannot be read, or a value is not of its column's type.

Of `crawl: glue` the files wait until the whole batch has passed (`promote_objects`). Types of the table are fixed
there, and objects of a format that only a Glue crawler reads pass as they are.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mesh.domain.onboarding.batches import CheckedTable, HeldBack, IndexEntry, held_for
from mesh.domain.onboarding.bounds import statistics_of
from mesh.domain.onboarding.file_plans import files_of_partitions, partition_of, plan_files
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.guard.evaluation import judge
from mesh.domain.onboarding.guard.history import History, edges_of, forget_objects, forget_repeats
from mesh.domain.onboarding.guard.settings import GuardSettings, settings_of
from mesh.domain.onboarding.hive_checks import (
    PARQUET,
    drifted,
    format_there,
    fresh_name,
    mixed_formats,
    needs_express,
    reserved_name,
    suffix,
)
from mesh.domain.onboarding.partitions import PartitionValue
from mesh.domain.onboarding.quality.model import Finding, TableProfile, TableReport
from mesh.domain.onboarding.quality.redaction import classified
from mesh.domain.onboarding.quality.summary import summary_of
from mesh.domain.onboarding.quality.verdicts import culprits, waived
from mesh.domain.onboarding.reading.column_types import declared_types
from mesh.domain.onboarding.reading.model import RowRange, TableSources, contract_layout
from mesh.domain.onboarding.sensitivity import find_personal
from mesh.domain.publishing.fields import Field, FieldIds, assign_fields
from mesh.domain.publishing.hive_table import RESERVED, crawled_file
from mesh.domain.publishing.staging import DataFile
from mesh.domain.publishing.version_diff import new_major
from mesh.ports import (
    Catalog,
    Clock,
    LandingObjects,
    PublishedFiles,
    Quarantine,
    Readings,
    TableReading,
    Trace,
    WorkFiles,
)
from mesh.usecases.onboarding.baselines import read_history
from mesh.usecases.onboarding.batches import is_raw, look_up
from mesh.usecases.onboarding.rounds import Round, sources_of
from mesh.usecases.onboarding.table_bases import (
    TableBase,
    hive_base,
    iceberg_base,
    retyped,
    revised,
    with_present_types,
)

MAX_MEASURED: Final = 5
"""How often a table of one batch is measured again without bad objects; after that all of it is held."""


@dataclass(frozen=True)
class Checking:
    """The ports that checking a batch needs."""

    readings: Readings
    landing: LandingObjects
    published: PublishedFiles
    catalog: Catalog
    work: WorkFiles
    quarantine: Quarantine
    clock: Clock
    trace: Trace


class TableCheck:
    """The checks of one table."""

    def __init__(self, round_: Round, table: str, using: Checking) -> None:
        self.table, self._round, self._using = table, round_, using
        self._contract = round_.facts.promised
        self._crawled = round_.facts.crawl == "glue"
        self._base = TableBase(location="", files="")
        self._accepted = History(table=table)
        self.held: list[HeldBack] = []
        self.same: list[str] = []
        self.passed: list[TableReport] = []
        self.failed: list[TableReport] = []
        self.released: dict[str, str] = {}

    def drop(self, bucket: str) -> CheckedTable | None:
        """Empty the table once: later uploads stay. None where it has no rows. A former owner's table is followed by
        one of the same columns."""
        base = self._base_in(bucket)
        if base.left is not None:
            fields = assign_fields(base.left.columns, (), FieldIds(base.marks.column))
            return self._unchanged(base, ()).evolve(fields=fields, dropped=True)
        later = not self._contract or not new_major(base.contract, self._contract.version)
        if later or not base.contract or not base.there:
            return None
        return self._unchanged(base, tuple(sorted(base.there))).evolve(dropped=True)

    def run(self, refs: Sequence[ObjectRef]) -> CheckedTable | None:
        """What changes in the table; None if nothing does."""
        base = self._base_in(refs[0].bucket)
        if not self._crawled:
            base = revised(base, self._contract, self._round.facts.expected(self.table))
        self._base = base
        there, deleted = self._present(refs)
        fresh = [ref for ref in there if not (ref.key in base.index and base.index[ref.key].is_of(ref))]
        self.same = [ref.key for ref in there if ref not in fresh]
        gone = [ref.key for ref in deleted if ref.key in base.there]
        found = self._unchanged(base, tuple(gone))
        accepted = self._read(found, fresh) if fresh else None
        if accepted is not None:
            return accepted
        return found if gone else None

    def _base_in(self, bucket: str) -> TableBase:
        current = self._using.catalog.table(self._round.facts.link, self.table)
        base_of = hive_base if self._crawled else iceberg_base
        return base_of(current, bucket, self._round.product, self.table, published=self._using.published)

    def _unchanged(self, base: TableBase, gone: tuple[str, ...]) -> CheckedTable:
        """The table unchanged except for removed rows."""
        return CheckedTable(
            table=self.table,
            location=base.location,
            new=base.new,
            base=base.pointer,
            state=base.state,
            marks=base.marks,
            fields=base.fields,
            partition=base.partition,
            gone=gone,
        )

    def _present(self, refs: Sequence[ObjectRef]) -> tuple[list[ObjectRef], list[ObjectRef]]:
        """Objects to read, and deleted ones. Raw objects were looked up when they were curated; those that were not
        curated are held, or wait."""
        there, deleted = look_up((ref for ref in refs if not is_raw(ref)), self._using.landing)
        raw = [ref for ref in refs if is_raw(ref)]
        return [*there, *(ref for ref in raw if ref.curated)], [*deleted, *(ref for ref in raw if ref.deleted)]

    def _read(self, found: CheckedTable, refs: Sequence[ObjectRef]) -> CheckedTable | None:
        part = self._contract.table(self.table) if self._contract else None
        settings = settings_of(part) if part else GuardSettings()
        self._accepted = read_history(self._using.work, self._round.product, self.table)
        expected = self._round.facts.expected(self.table)
        sources = TableSources(
            table=self.table,
            refs=tuple(refs),
            expected=with_present_types(expected, self._base.schema) if self._crawled else expected,
            present=self._base.schema,
            edges=edges_of(self._replacing(refs)),
            label=settings.label,
            **contract_layout(self._contract, self.table),
        )
        with self._using.readings.open(sources) as reading:
            refs, unread = self._unread(reading, refs)
            report = self._measured(reading, refs, settings) if refs else None
            if report:
                return self._written(found, reading, report, refs)
        return self._as_they_are(found, unread) if unread else None

    def _unread(
        self, reading: TableReading, refs: Sequence[ObjectRef]
    ) -> tuple[Sequence[ObjectRef], Sequence[ObjectRef]]:
        """Objects that Meshwork reads, and those that only a Glue crawler reads: a crawled table has one kind only,
        since its files have one format."""
        if not self._crawled:
            return refs, ()
        declined = {key for each in reading.findings if each.code == "FormatDeclined" for key in each.keys}
        formats = {ref.key: suffix(ref.key) if ref.key in declined else PARQUET for ref in refs}
        there = format_there(self._base.there.values())
        usual = PARQUET if PARQUET in formats.values() else next(iter(formats.values()))
        wanted = usual if there is None else there
        finding = reserved_name(self.table) if self.table in RESERVED else mixed_formats(self.table, wanted)
        held = [ref for ref in refs if self.table in RESERVED or formats[ref.key] != wanted]
        self.held += [_held(ref, finding, releasable=False) for ref in held]
        reading.exclude({*declined, *(ref.key for ref in held)})
        left = [ref for ref in refs if ref not in held]
        return [ref for ref in left if ref.key not in declined], [ref for ref in left if ref.key in declined]

    def _as_they_are(self, found: CheckedTable, refs: Sequence[ObjectRef]) -> CheckedTable:
        sources = tuple(
            _entry(ref, self._place(partition_of(ref.key), fresh_name(suffix(ref.key))), None) for ref in refs
        )
        return found.evolve(sources=sources, gone=self._gone(found, sources))

    def _place(self, partition: Sequence[PartitionValue], name: str) -> str:
        """The final location of a new file."""
        base = self._base
        return crawled_file(base.location, partition, name) if self._crawled else f"{base.files}/{name}"

    def _gone(self, found: CheckedTable, sources: Sequence[IndexEntry]) -> tuple[str, ...]:
        return (*found.gone, *(entry.key for entry in sources if entry.key in self._base.there))

    def _measured(
        self, reading: TableReading, refs: Sequence[ObjectRef], settings: GuardSettings
    ) -> TableReport | None:
        """The report of the objects that pass; the others are excluded, and held back."""
        left = list(refs)
        for attempt in range(MAX_MEASURED):
            report = self._report(reading, left, settings)
            if not report.errors:
                self.passed.append(report)
                return report if reading.sources else None
            bad = culprits(report.errors, left) if attempt < MAX_MEASURED - 1 else {}
            bad = bad or {ref.key: report.errors[0] for ref in left}
            self.failed.append(report)
            never = _faults(reading)
            held = [(ref, bad[ref.key]) for ref in left if ref.key in bad and not _vanished(bad[ref.key])]
            self.held += [_held(ref, finding, releasable=finding.code not in never) for ref, finding in held]
            reading.exclude(set(bad))
            left = [ref for ref in left if ref.key not in bad]
            if not left:
                return None
        return None

    def _report(self, reading: TableReading, refs: Sequence[ObjectRef], settings: GuardSettings) -> TableReport:
        report = reading.measure(self._contract, now=self._using.clock.now())
        read = {source.key for source in reading.sources}
        checked = [ref for ref in refs if ref.key in read]
        findings = self._fixed_types(report.findings) if self._crawled else report.findings
        if report.profile.rows:  # otherwise there is nothing to compare
            history = self._history(refs)
            expected = self._round.facts.expected(self.table)
            brought = _brought(report.profile, reading)
            findings += judge(brought, history, settings, sources=sources_of(checked), refs=checked, expected=expected)
        released = self._tickets(refs)
        self.released |= released
        keys = [ref.key for ref in refs]
        passed_over = tuple(waived(finding, keys, released, never=_faults(reading)) for finding in findings)
        return report.evolve(findings=passed_over)

    def _fixed_types(self, findings: Sequence[Finding]) -> tuple[Finding, ...]:
        """Types that differ from the published table's, since crawled files are not rewritten."""
        expected, present = self._round.facts.expected(self.table), self._base.schema
        open_ = set(present.types() if present else ()) - declared_types(expected).keys()
        drift = [each.code == "ValueNotOfType" and each.column in open_ for each in findings]
        shown = (drifted(each) if drifts else each for each, drifts in zip(findings, drift, strict=True))
        return (*shown, *(needs_express(self.table, change) for change in retyped(expected, present)))

    def _history(self, refs: Sequence[ObjectRef]) -> History:
        """Accepted objects, without those that are no longer published or that this batch replaces: they cannot be
        repeated."""
        present = {(entry.key, entry.etag, entry.size) for entry in self._base.index.values()}
        return forget_repeats(self._replacing(refs), present)

    def _replacing(self, refs: Sequence[ObjectRef]) -> History:
        return forget_objects(self._accepted, {ref.key for ref in refs})

    def _tickets(self, refs: Sequence[ObjectRef]) -> dict[str, str]:
        """Key → who released that very version, and why."""
        found = {}
        for ref in refs:
            ticket = self._using.quarantine.ticket(self._round.product, ref.key)
            if ticket is not None and ticket.version_id in {ref.version_id, ref.etag}:
                found[ref.key] = f"{ticket.by}: {ticket.reason}"
        return found

    def _written(
        self,
        found: CheckedTable,
        reading: TableReading,
        report: TableReport,
        refs: Sequence[ObjectRef],
    ) -> CheckedTable:
        columns, partition = reading.schema.columns, reading.partition_keys if found.new else found.partition
        kept = [column for column in columns if not (self._crawled and column.name in partition)]
        fields = assign_fields(kept, found.fields, FieldIds(found.marks.column))
        personal = find_personal(columns, {c.name: [v.value for v in c.top] for c in report.profile.columns})
        secret = classified(self._contract, self.table, [column.name for column in columns])
        secret |= {each.column for each in personal}
        added, sources = self._files(reading, fields, secret, {ref.key: ref for ref in refs})
        return found.evolve(
            fields=fields,
            partition=partition,
            added=tuple(added),
            sources=tuple(sources),
            only_nulls=frozenset() if self._crawled else self._only_nulls(fields, added),
            gone=self._gone(found, sources),
            read=tuple(dict.fromkeys(name for source in reading.sources for name in source.columns)),
            findings=tuple(personal),
            quality=summary_of(report),
        )

    def _files(
        self, reading: TableReading, fields: Sequence[Field], secret: Collection[str], refs: Mapping[str, ObjectRef]
    ) -> tuple[list[DataFile], list[IndexEntry]]:
        """Write the rows, and record where each object's rows are."""
        added, sources = [], []
        read = {source.key: source for source in reading.sources}
        for plan in plan_files(reading.sources, None if self._crawled else files_of_partitions(self._base.index)):
            (written,) = reading.write([plan], fields)
            partition = read[plan.keys[0]].partition
            file = DataFile(
                path=f"{self._base.files}/{written.name}",
                rows=written.rows,
                bytes=written.bytes,
                partition=tuple(value.value for value in partition),
                columns=statistics_of(written, fields, secret),
            )
            if written.rows:
                self._using.published.upload(written.path, file.path)
                added.append(file)
            place = self._place(partition, written.name)
            sources += [_entry(refs[key], place, rows) for key, rows in written.first_rows.items()]
            written.path.unlink(missing_ok=True)
        return added, sources

    def _only_nulls(self, fields: Sequence[Field], added: Sequence[DataFile]) -> frozenset[int]:
        """Columns that the contract leaves open and that have had no value yet."""
        base = self._base
        expected = self._round.facts.expected(self.table)
        declared = {column.name for column in expected.columns if column.type} if expected else set()
        known = {field.id for field in base.fields}
        open_ = {
            field.id
            for field in fields
            if field.type == "string"
            and field.name not in declared
            and (field.id not in known or field.id in base.only_nulls)
        }
        valued = {id_ for file in added for id_, column in file.columns.items() if column.values > column.nulls}
        return frozenset(open_ - valued)


def _entry(ref: ObjectRef, file: str, rows: RowRange | None) -> IndexEntry:
    """`rows` is None for an object that Meshwork does not read."""
    found = rows or RowRange(first=0, rows=0)
    return IndexEntry(
        key=ref.key,
        version_id=ref.version_id,
        etag=ref.digest,
        size=ref.size,
        file=file if rows is None or rows.rows else "",
        first_row=found.first,
        rows=found.rows,
    )


def _brought(profile: TableProfile, reading: TableReading) -> TableProfile:
    """Without columns that no object of the batch has: they are NULL in the table, and say nothing about the batch."""
    there = {name for source in reading.sources for name in source.columns}
    return profile.evolve(columns=tuple(each for each in profile.columns if each.name in there))


def _faults(reading: TableReading) -> set[str]:
    """Codes that no release overrules: objects that cannot be read, or values that are not of the column's type."""
    return {"TypeNeedsExpress", *(finding.code for finding in reading.findings if finding.severity == "error")}


def _vanished(finding: Finding) -> bool:
    """An object that its owner deleted meanwhile is not an error: its deletion has its own event."""
    return finding.code == "ObjectGone"


def _held(ref: ObjectRef, finding: Finding, *, releasable: bool) -> HeldBack:
    if ref.curated:
        remedy = f"{finding.remedy} Or correct the recipe: the object is curated again with the next one.".lstrip()
        finding = finding.evolve(remedy=remedy)
    return held_for(ref, finding, releasable=releasable)
