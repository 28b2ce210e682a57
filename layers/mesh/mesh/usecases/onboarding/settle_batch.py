"""The end of a round: record what was held back, add what was published to the history, release the product."""

from itertools import accumulate
from typing import Final

from mesh.domain.contracts.contract import Contract
from mesh.domain.events import Event, Outcome, ProductQuarantined, ProposalSettled, QuarantinedObject, Reason
from mesh.domain.model import Model
from mesh.domain.onboarding.batches import CheckedBatch, HeldBack
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.quality.model import BatchReport
from mesh.domain.onboarding.quality.redaction import withheld_in, without_values
from mesh.domain.onboarding.quarantine import HeldBatch, HeldObject, HeldObjects
from mesh.domain.onboarding.report_page import render
from mesh.domain.publishing import hive_table
from mesh.domain.publishing.places import bucket_and_key
from mesh.ports import Clock, LandingObjects, Note, Objects, Quarantine, RawUploads, Uploads, WorkFiles
from mesh.usecases.onboarding.baselines import remember_batch
from mesh.usecases.onboarding.batches import LEASE, lease_lost, read_checked
from mesh.usecases.onboarding.curation import Curation, curation_of
from mesh.usecases.onboarding.held_objects import supersede
from mesh.usecases.onboarding.rounds import Round, metadata_of

_CRASHED: Final = "FunctionCrashed"
"""The reason that `onboard-upload` gives for a batch that broke a function (policies.yaml)."""
MAX_LISTED: Final = 50
"""Objects that one event lists; the listing in the bucket has all of them."""
MAX_LISTED_BYTES: Final = 180_000
"""Of these objects and the batch's reason, in UTF-8: a state returns 262,144 bytes with the event, and a topic takes as
many."""


class SettleBatch(Round):
    """A round with central's answer; without one nothing was proposed. `holder` is the execution's ARN."""

    holder: str
    answer: ProposalSettled | None = None

    @property
    def outcome(self) -> Outcome | str:
        """What came of the round."""
        return self.answer.outcome if self.answer else "nothing"

    @property
    def version(self) -> int:
        """The version that was published; 0 where none was."""
        return self.answer.version if self.answer else 0

    @property
    def staged_again(self) -> bool:
        """Whether the batch has to be: its base moved, or nobody answered in time."""
        reason = self.answer.reason if self.answer else None
        return self.outcome == "rebase" or bool(reason and reason.code == "ProposalExpired")

    @property
    def crashed(self) -> bool:
        """Whether the batch broke a function: then no check has looked at all of it."""
        return bool(self.answer and self.answer.reason and self.answer.reason.code == _CRASHED)


class Settled(Model):
    """`more`: objects wait for another round, those of this batch among them if it has to be staged again. `same`
    counts those that were uploaded again with the bytes that are published.

    `news` is the event for the owner, None if nothing was held back.
    """

    outcome: Outcome | str
    more: bool
    held: int
    accepted: int
    same: int = 0
    version: int = 0
    news: Event[ProductQuarantined] | None = None


def settle_batch(
    command: SettleBatch,
    *,
    uploads: Uploads,
    raw: RawUploads,
    objects: Objects,
    quarantine: Quarantine,
    work: WorkFiles,
    clock: Clock,
    landing: LandingObjects | None = None,
) -> Settled:
    """Record what was held, update the history, settle the objects and drop the lease, then check for more. Idempotent.

    With `landing`, objects whose rows are published are tagged for the bucket's lifecycle rule.

    An upload is recorded first, then tries the lease; this drops the lease first, then looks. So one of the two always
    sees the other. Objects that have to be staged again stay pending; so do deletions in a batch that is held as a
    whole, since nobody could release them: they have a round of their own. If that breaks a function as well they wait
    for a later run.

    Raises LeaseLost, before anything is written: the history and the index are read, and written anew. Unless this held
    objects before, and its answer was lost: nobody else would tell their owner.
    """
    checked = read_checked(work, command.work)
    held, news, done = tuple[HeldBack, ...](), None, tuple[ObjectRef, ...]()
    curation = None if command.staged_again else curation_of(command, work)
    if not _is_own(command, uploads, clock):
        known = quarantine.batch(command.product, command.run)
        if known is None or known.status != "held" or command.staged_again:
            raise lease_lost(command)
        held = _held(checked, command.answer, curation)
        return _settled(command, checked, held, _news(command, known, held))
    if not command.staged_again:
        held = _held(checked, command.answer, curation)
        news = _hold(command, checked, held, objects=objects, quarantine=quarantine, clock=clock) if held else None
        _remember_published(command, checked, held, objects=objects, work=work)
        if landing:
            landing.mark_published(_published(checked, command.outcome))
        keys = {ref.key for ref in checked.objects}
        supersede(command.product, command.run, keys, quarantine=quarantine, objects=objects)
        waiting = _await_recipe(command, held, curation, raw=raw)
        refused = command.answer is not None and command.outcome != "published"
        alone = command.crashed or bool(refused and held)
        done = tuple(ref for ref in checked.objects if ref.key not in waiting and not (alone and ref.deleted))
    uploads.finish(command.product, command.holder, done, _note(command, checked, held))
    more = bool(held or not command.crashed) and uploads.has_pending(command.product)
    return _settled(command, checked, held, news).evolve(more=more)


def _settled(
    command: SettleBatch, checked: CheckedBatch, held: tuple[HeldBack, ...], news: Event[ProductQuarantined] | None
) -> Settled:
    return Settled(
        outcome=command.outcome,
        more=False,
        held=len(held),
        accepted=sum(len(table.sources) for table in checked.tables) if command.outcome == "published" else 0,
        same=len(checked.same),
        version=command.version,
        news=news,
    )


def _is_own(command: SettleBatch, uploads: Uploads, clock: Clock) -> bool:
    """Whether the batch is this run's: it has the lease; or it dropped it when this was done before, and nobody took it
    since."""
    if uploads.renew_lease(command.product, command.holder, clock.now() + LEASE):
        return True
    return uploads.standing(command.product).lease.generation == command.generation


def _note(command: SettleBatch, checked: CheckedBatch, held: tuple[HeldBack, ...]) -> Note:
    facts = {
        "product": command.product,
        "outcome": command.outcome,
        "held": len(held),
        "version": command.version,
        "same": list(checked.same[:MAX_LISTED]),
    }
    return Note(command.correlation_id, "batch settled", facts)


def _remember_published(
    command: SettleBatch, checked: CheckedBatch, held: tuple[HeldBack, ...], *, objects: Objects, work: WorkFiles
) -> None:
    """Store the report, the present index, and the history that later batches are compared with."""
    if command.outcome != "published" or checked.reports is None:
        return
    _store(checked.reports.passed, command, checked, held, objects)
    _keep_indexes(command, checked, objects)
    remember_batch(command, checked.reports, checked.objects, command.version, work=work)


def _published(checked: CheckedBatch, outcome: str) -> list[ObjectRef]:
    """The batch's objects, as their owner uploaded them, that are in the present version."""
    keys = set(checked.same)
    if outcome == "published":
        keys |= {entry.key for table in checked.tables for entry in table.sources}
    return [ref for ref in checked.objects if ref.key in keys and not ref.deleted]


def _await_recipe(
    command: SettleBatch, held: tuple[HeldBack, ...], curation: Curation | None, *, raw: RawUploads
) -> set[str]:
    """Keys of raw objects that wait for the next recipe: there is none yet, it does not fit, or its output was not
    published. They are no longer pending.

    A recipe is recorded first, then looks for waiting objects; this holds them first, then looks for a recipe.
    """
    if curation is None:
        return set()
    waiting = {ref.key: ref for ref in (*curation.waiting, *(each.ref for each in held if each.ref.curated))}
    raw.hold(command.product, waiting.values())
    if waiting and raw.recipe(command.product) != curation.recipe:
        raw.take_up(command.product)
    return set(waiting)


def _held(checked: CheckedBatch, answer: ProposalSettled | None, curation: Curation | None) -> tuple[HeldBack, ...]:
    """What recipe and checks held, and everything else if it was not published, but raw objects that wait for a
    recipe."""
    if answer is None or answer.outcome == "published":
        return checked.held
    reason = answer.reason or Reason(code="Refused", message="central did not publish it")
    by_key = {held.ref.key: held for held in (*(curation.held if curation else ()), *checked.held)}
    known = {*by_key, *(ref.key for ref in (curation.waiting if curation else ()))}
    rest = [ref for ref in checked.objects if ref.key not in known and not ref.deleted]
    return (*by_key.values(), *(HeldBack(ref=ref, reason=reason, releasable=True) for ref in rest))


def _hold(
    command: SettleBatch,
    checked: CheckedBatch,
    held: tuple[HeldBack, ...],
    *,
    objects: Objects,
    quarantine: Quarantine,
    clock: Clock,
) -> Event[ProductQuarantined]:
    """Listing, report page and record, and the event for the owner. Nothing is moved: the objects stay in place."""
    reports = checked.reports
    page = _place(command, "report.held.html") if reports and reports.held.tables else None
    batch = HeldBatch(
        product=command.product,
        run=command.run,
        bucket=checked.bucket or held[0].ref.bucket,
        correlation_id=command.correlation_id,
        reason=held[0].reason,
        objects=len(held),
        releasable=any(each.releasable for each in held),
        page=page,
        held_at=clock.now(),
    )
    listed = tuple(
        HeldObject(key=each.ref.key, size=each.ref.size, reason=each.reason, ref=each.ref, releasable=each.releasable)
        for each in held
    )
    objects.write(batch.bucket, batch.listing, HeldObjects.dump_json(listed, indent=2), "application/json")
    if page and reports:
        fates = _fates(checked, held, "published" if command.outcome == "published" else "not published")
        text = _page(batch, reports.held, fates, command.facts.promised)
        objects.write(batch.bucket, page, text.encode(), "text/html; charset=utf-8", report=True)
    quarantine.hold(batch)
    return _news(command, batch, held)


def _news(command: SettleBatch, batch: HeldBatch, held: tuple[HeldBack, ...]) -> Event[ProductQuarantined]:
    shown = _shown(held, batch)
    return Event[ProductQuarantined](
        metadata=metadata_of(command, "held"),
        data=ProductQuarantined(
            product=command.product, bucket=batch.bucket, reason=batch.reason, objects=shown, objects_count=len(held)
        ),
    )


def _shown(held: tuple[HeldBack, ...], batch: HeldBatch) -> tuple[QuarantinedObject, ...]:
    """The first objects, as many as an event has room for: one reason may have many changes and readers."""
    first = held[:MAX_LISTED]
    listed = [QuarantinedObject(key=each.ref.key, report=batch.listing, reason=each.reason) for each in first]
    _, *sizes = accumulate(len(each.model_dump_json().encode()) for each in (batch.reason, *listed))
    return tuple(each for each, size in zip(listed, sizes, strict=True) if size <= MAX_LISTED_BYTES)


def _page(batch: HeldBatch, report: BatchReport, fates: list[tuple[str, str]], contract: Contract | None) -> str:
    commands = (f"mesh release {batch.name} --reason TEXT",) if batch.releasable else ()
    return render(
        report,
        batch=batch.name,
        status=batch.status,
        objects=fates,
        commands=(*commands, f"mesh reject {batch.name} --reason TEXT"),
        hidden={f"{t.profile.table}.{column}" for t in report.tables for column in withheld_in(t, contract)},
    )


def _fates(checked: CheckedBatch, held: tuple[HeldBack, ...], passed: str) -> list[tuple[str, str]]:
    """Each object of the batch with its outcome, held ones first, grouped by reason."""
    aside = [(each.ref.key, _why(each.reason)) for each in held]
    known = {key for key, _ in aside}
    sources = [entry.key for table in checked.tables for entry in table.sources if entry.key not in known]
    left = [table for table in checked.tables if not table.dropped]
    gone = [key for table in left for key in table.gone if key not in {*known, *sources}]
    dropped = [key for table in checked.tables if table.dropped for key in table.gone]
    return [
        *aside,
        *((key, passed) for key in sources),
        *((key, "deleted by its owner: its rows are taken out") for key in gone),
        *((key, "of a table that the contract drops: its rows are taken out") for key in dropped),
        *((key, "the same bytes as published: nothing changed") for key in checked.same),
    ]


def _why(reason: Reason) -> str:
    column = reason.where.get("column", "")
    return f"held back: {reason.code}{f' in column {column}' if column else ''}"


def _store(
    report: BatchReport,
    command: SettleBatch,
    checked: CheckedBatch,
    held: tuple[HeldBack, ...],
    objects: Objects,
) -> None:
    """The report of a published batch: JSON without withheld values, and the HTML page."""
    hidden = {table.profile.table: withheld_in(table, command.facts.promised) for table in report.tables}
    public = report.evolve(tables=tuple(without_values(table, hidden[table.profile.table]) for table in report.tables))
    secret = {f"{table}.{column}" for table, columns in hidden.items() for column in columns}
    page = render(
        report,
        batch=f"{command.product}/{command.run}",
        status="published",
        objects=_fates(checked, held, f"published in version {command.version}"),
        commands=(f"mesh quarantine {command.product}/{command.run}",) if held else (),
        hidden=secret,
        held=len(held),
    )
    bucket, body = checked.bucket, public.model_dump_json(indent=1).encode()
    objects.write(bucket, _place(command, "report.json"), body, "application/json", report=True)
    objects.write(bucket, _place(command, "report.html"), page.encode(), "text/html; charset=utf-8", report=True)


def _keep_indexes(command: SettleBatch, checked: CheckedBatch, objects: Objects) -> None:
    """The crawled index becomes the present version's: the same bytes will then be recognised as unchanged."""
    for table in checked.tables if command.facts.crawl == "glue" else ():
        promoted, index = (
            bucket_and_key(hive_table.own_file(checked.bucket, command.product, table.table, name))[1]
            for name in (hive_table.PROMOTED, hive_table.INDEX)
        )
        objects.copy(checked.bucket, promoted, index)


def _place(command: SettleBatch, name: str) -> str:
    return f"{command.product}/reports/{command.run}.{name}"
