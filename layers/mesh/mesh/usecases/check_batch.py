"""Are the accepted objects of a batch what its contract promises, and like what was accepted before?

Objects with an error are taken out of the batch and go to quarantine with a report; a finding that names its objects
takes out those alone, any other takes out the whole table's. What the owner released passes with its errors on record.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from mesh.domain.events import Reason
from mesh.domain.formats.model import ObjectRef
from mesh.domain.guard.history import edges_of
from mesh.domain.guard.judging import judge
from mesh.domain.guard.settings import GuardSettings, settings_of
from mesh.domain.quality.model import BatchReport, Finding, TableData, TableProfile, TableReport
from mesh.domain.quarantine import ReleaseUnfinished
from mesh.domain.sensitivity import find_personal, stricter
from mesh.ports import Catalog, Clock, Measurements, Objects, Quarantine, Trace, WorkFiles
from mesh.usecases.batch_reports import BatchReports, reports_path
from mesh.usecases.batches import read_batch
from mesh.usecases.histories import read_history
from mesh.usecases.inspection import (
    Inspected,
    Inspection,
    Round,
    TableInspection,
    crawl_mode,
    inspect_tables,
    read_inspection,
    sources_of,
    summary,
    table_of,
)
from mesh.usecases.reject_objects import Rejection

UNREADABLE: Final = frozenset({
    "BinaryContent", "CorruptParquet", "ExpandsTooFar", "InconsistentCompression", "LineTooLong", "MalformedCsv",
    "MalformedJson", "ObjectGone", "RaggedRows", "UnclosedQuote", "UnsupportedEncoding",
})  # fmt: skip
"""Faults of the object itself: Athena would fail on it, or read values that are not meant, whatever its owner says."""
MAX_MEASURED: Final = 5
"""Times that a table of one batch is measured again without the objects found bad; after that all of it is held."""


class Checker:
    """The checks of one batch. `released` is key → who released it and why."""

    def __init__(
        self,
        round_: Round,
        *,
        objects: Objects,
        catalog: Catalog,
        measurements: Measurements,
        work: WorkFiles,
        quarantine: Quarantine,
        clock: Clock,
    ) -> None:
        self._round = round_
        self._objects, self._catalog, self._work = objects, catalog, work
        self._measurements, self._quarantine, self._clock = measurements, quarantine, clock
        self._contract = round_.facts.promised
        self.held: list[TableReport] = []
        self.passed: list[TableReport] = []
        self.rejected: list[Rejection] = []
        self.released: dict[str, str] = {}

    def check(self, table: TableInspection, refs: Sequence[ObjectRef]) -> TableInspection | None:
        """The table without what has to be held back; None if nothing is left of it."""
        for attempt in range(MAX_MEASURED):
            if table.merged is None:  # only the Glue crawler knows how to read it
                return table
            report = self._report(table, refs)
            gone = [finding for finding in report.findings if finding.code == "ObjectGone"]
            if not (errors := (*report.errors, *gone)):
                self.passed.append(report)
                return _with_findings(table, report.profile)
            bad = culprits(errors, refs) if attempt < MAX_MEASURED - 1 else {ref.key: errors[0] for ref in refs}
            self.rejected += [_rejection(ref, bad[ref.key]) for ref in refs if ref.key in bad]
            if report.errors:
                self.held.append(report)
            refs = [ref for ref in refs if ref.key not in bad]
            tables, rejected, _ = inspect_tables(refs, self._round.facts, self._objects, self._catalog)
            self.rejected += rejected
            if not tables:
                return None
            table = tables[0]
            refs = [ref for ref in refs if ref.key in {count.key for count in table.counts}]
        return None

    def _report(self, table: TableInspection, refs: Sequence[ObjectRef]) -> TableReport:
        settings = self._settings(table.table)
        history = read_history(self._work, self._round.product, table.table, refs)
        merged = table.merged
        if merged is None:
            raise ValueError(f"{table.table} was not read")
        data = TableData(
            table=table.table,
            table_schema=merged.table_schema,
            storage=merged.storage,
            refs=tuple(refs),
            edges=edges_of(history),
            label=settings.label,
        )
        report = self._measurements.measure(data, self._contract, now=self._clock.now())
        if report.errors and not report.profile.rows:  # nothing could be read, so there is nothing to compare
            return self._waive(report, refs)
        expected = self._round.facts.expected(table.table)
        suspicions = judge(report.profile, history, settings, sources=sources_of(refs), refs=refs, expected=expected)
        return self._waive(report.model_copy(update={"findings": (*report.findings, *suspicions)}), refs)

    def _settings(self, table: str) -> GuardSettings:
        part = self._contract.table(table) if self._contract else None
        return settings_of(part) if part else GuardSettings()

    def _waive(self, report: TableReport, refs: Sequence[ObjectRef]) -> TableReport:
        """Without the errors that the owner lets pass."""
        released = self._released(refs)
        self.released |= released
        findings = tuple(waived(finding, [ref.key for ref in refs], released) for finding in report.findings)
        return report.model_copy(update={"findings": findings})

    def _released(self, refs: Sequence[ObjectRef]) -> dict[str, str]:
        found = {}
        for ref in refs:
            ticket = self._quarantine.ticket(self._round.product, ref.key)
            if ticket is None:
                continue
            if not ticket.version_id:
                raise ReleaseUnfinished(f"{ref.key} is being released", key=ref.key)
            if ticket.version_id == ref.version_id:
                found[ref.key] = f"{ticket.by}: {ticket.reason}"
        return found


def _with_findings(table: TableInspection, profile: TableProfile) -> TableInspection:
    """The inspection has values of text files alone, of their beginnings; the profile of all rows, and of Parquet."""
    columns = table.merged.table_schema.columns if table.merged else ()
    frequent = {column.name: [item.value for item in column.top] for column in profile.columns}
    findings = stricter(*table.findings, *find_personal(columns, frequent))
    return table.model_copy(update={"findings": findings})


def check_batch(
    round_: Round,
    *,
    objects: Objects,
    catalog: Catalog,
    work: WorkFiles,
    measurements: Measurements,
    quarantine: Quarantine,
    clock: Clock,
    trace: Trace,
) -> Inspected:
    """Check what the inspection accepted. Written once per generation, so a retry of the step finds what it found."""
    written = work.get(round_.checked)
    if written is not None:
        return summary(Inspection.model_validate_json(written))
    before = read_inspection(work, round_)
    checker = Checker(
        round_,
        objects=objects,
        catalog=catalog,
        measurements=measurements,
        work=work,
        quarantine=quarantine,
        clock=clock,
    )
    refs = _by_table(read_batch(work, round_.work), before)
    kept = [checker.check(table, refs[table.table]) for table in before.tables]
    tables = tuple(table for table in kept if table is not None)
    after = Inspection(
        bucket=before.bucket,
        mode=crawl_mode(round_.facts, tables),
        tables=tables,
        rejected=(*before.rejected, *checker.rejected),
    )
    work.put(reports_path(round_.work), _reports(round_, checker).model_dump_json())
    work.put(round_.checked, after.model_dump_json())
    trace.note(
        round_.correlation_id,
        "batch checked",
        product=round_.product,
        generation=round_.generation,
        held=sorted({finding.code for report in checker.held for finding in report.errors}),
        warnings=sum(finding.severity == "warning" for report in checker.passed for finding in report.findings),
    )
    return summary(after)


def _by_table(refs: Sequence[ObjectRef], inspection: Inspection) -> Mapping[str, list[ObjectRef]]:
    """Accepted objects only."""
    accepted = {count.key for table in inspection.tables for count in table.counts}
    return {
        table.table: [ref for ref in refs if ref.key in accepted and table_of(ref) == table.table]
        for table in inspection.tables
    }


def waived(
    finding: Finding, keys: Sequence[str], released: Mapping[str, str], never: Collection[str] = UNREADABLE
) -> Finding:
    """An error is a warning where all objects that it is in came back from quarantine by their owner's word; where some
    of those that it names did, it is in the others. `keys` are the table's."""
    if finding.severity != "error" or finding.code in never:
        return finding
    others = tuple(key for key in finding.keys or keys if key not in released)
    if others:
        return finding.model_copy(update={"keys": others}) if finding.keys else finding
    said = f"{finding.message} (released by {released[(finding.keys or keys)[0]]})"
    return finding.model_copy(update={"severity": "warning", "message": said})


def culprits(errors: Sequence[Finding], refs: Sequence[ObjectRef]) -> dict[str, Finding]:
    """Key → what it is held back for. An error that names no object is in all of them."""
    anywhere = next((error for error in errors if not error.keys), None)
    named = {key: error for error in reversed(errors) for key in error.keys}
    if anywhere is None:
        return named
    return {ref.key: named.get(ref.key, anywhere) for ref in refs}


def _rejection(ref: ObjectRef, finding: Finding) -> Rejection:
    where = {"bucket": ref.bucket, "key": ref.key, "table": finding.table}
    if finding.column:
        where["column"] = finding.column
    if finding.where:
        where["rule"] = finding.where
    reason = Reason(code=finding.code, message=finding.message, where=where, remedy=finding.remedy)
    readable = finding.code not in UNREADABLE
    return Rejection(ref=ref, reason=reason, releasable=readable, move=finding.code != "ObjectGone")


def _reports(round_: Round, checker: Checker) -> BatchReports:
    contract_version = str((round_.facts.contract or {}).get("version", ""))

    def of(tables: Sequence[TableReport], released: str = "") -> BatchReport:
        return BatchReport(
            product=round_.product,
            generation=round_.generation,
            correlation_id=round_.correlation_id,
            contract_version=contract_version,
            tables=tuple(tables),
            released=released,
        )

    said = "; ".join(dict.fromkeys(checker.released.values()))
    first_held = {report.profile.table: report for report in reversed(checker.held)}
    return BatchReports(passed=of(checker.passed, said), held=of(list(first_held.values())))
