"""What of a batch did not pass goes aside: objects, a report for each, one of the batch for people, and a record."""

from pydantic import TypeAdapter

from mesh.domain.contract import Contract
from mesh.domain.events import Event, ProductQuarantined
from mesh.domain.quality.model import BatchReport
from mesh.domain.quality.withholding import withheld_in
from mesh.domain.quarantine import HeldBatch, HeldObject, listing_key, page_key
from mesh.domain.report_page import render
from mesh.ports import Clock, Objects, Quarantine, WorkFiles
from mesh.usecases.batch_reports import read_reports
from mesh.usecases.inspection import Inspection, Round, metadata_of, read_inspection
from mesh.usecases.reject_objects import quarantine_place, reject_objects

HeldObjects = TypeAdapter(tuple[HeldObject, ...])


def quarantine_objects(
    round_: Round, *, objects: Objects, work: WorkFiles, quarantine: Quarantine, clock: Clock
) -> Event[ProductQuarantined]:
    """Set the batch's bad objects aside, and give the event for the owner. Repeatable.

    Report, listing and record come before anything is moved: what is in quarantine can always be released.
    """
    inspection = read_inspection(work, round_)
    reports = read_reports(work, round_.work)
    batch = _held(round_, inspection, clock, with_page=bool(reports and reports.held.tables))
    listed = tuple(
        HeldObject(
            key=rejection.ref.key,
            moved_to=quarantine_place(rejection.ref.key, round_.run)[0] if rejection.moves else None,
            size=rejection.ref.size,
            reason=rejection.reason,
        )
        for rejection in inspection.rejected
    )
    body = HeldObjects.dump_json(listed, indent=2)
    objects.write(batch.bucket, listing_key(round_.product, round_.run), body, "application/json")
    if reports and batch.page:
        page = _page(batch, reports.held, listed, round_.facts.promised)
        objects.write(batch.bucket, batch.page, page.encode(), "text/html; charset=utf-8")
    quarantine.hold(batch)
    return reject_objects(
        round_.product,
        inspection.rejected,
        metadata_of(round_, "quarantined"),
        run=round_.run,
        objects=objects,
        clock=clock,
    )


def _held(round_: Round, inspection: Inspection, clock: Clock, *, with_page: bool) -> HeldBatch:
    aside = [rejection for rejection in inspection.rejected if rejection.moves]
    return HeldBatch(
        product=round_.product,
        run=round_.run,
        bucket=inspection.rejected[0].ref.bucket,
        correlation_id=round_.correlation_id,
        reason=inspection.rejected[0].reason,
        objects=len(inspection.rejected),
        releasable=bool(aside) and all(rejection.releasable for rejection in aside),
        page=page_key(round_.product, round_.run) if with_page else None,
        held_at=clock.now(),
    )


def _page(batch: HeldBatch, report: BatchReport, listed: tuple[HeldObject, ...], contract: Contract | None) -> str:
    commands = (f"mesh release {batch.name} --reason TEXT",) if batch.releasable else ()
    return render(
        report,
        batch=batch.name,
        status=batch.status,
        objects=[(item.key, item.reason.code) for item in listed],
        commands=(*commands, f"mesh reject {batch.name} --reason TEXT"),
        hidden={
            f"{table.profile.table}.{column}" for table in report.tables for column in withheld_in(table, contract)
        },
    )
