"""The owner releases a held batch, or rejects it for good.

A released object goes through `onboard-upload` again, as exactly the version that was checked: its ticket turns
the checks' errors into warnings, which are published with the version. No step is skipped.
"""

from dataclasses import dataclass
from typing import Final, Literal

from mesh.domain.errors import Rejected
from mesh.domain.events import (
    Envelope,
    Event,
    QuarantineClosed,
    QuarantineDecided,
    follow,
    metadata_of,
    read_event,
)
from mesh.domain.onboarding.quarantine import (
    BatchAlreadyDecided,
    HeldBatch,
    HeldStatus,
    NotReleasable,
    UnknownBatch,
)
from mesh.ports import Bus, Clock, Executions, LandingObjects, Objects, Quarantine, Trace, Uploads
from mesh.usecases.onboarding.held_objects import file_listing, look_at, read_listing, release_objects, start_run

_REMEDIES: Final = {
    "rejected": "Upload the data again if it should be published after all.",
    "releasing": "If that release did not finish, release it again: it completes what is left.",
    "superseded": "All of its objects were uploaded again, or deleted, and checked as such: mesh quarantine",
}


@dataclass(frozen=True)
class Deciding:
    """The ports that a decision needs."""

    quarantine: Quarantine
    objects: Objects
    landing: LandingObjects
    uploads: Uploads
    executions: Executions
    bus: Bus
    trace: Trace
    clock: Clock


def decide_quarantine(envelope: Envelope, *, using: Deciding) -> Event[QuarantineClosed]:
    """Idempotent: the same event completes what is left, and announces the same outcome. So does another release of a
    batch whose release never finished.

    Raises MalformedEvent, UnknownBatch, BatchAlreadyDecided, NotReleasable, AlreadyReplaced, HeldObjectsDeleted; a
    refused decision is recorded in the trace, and changes nothing.
    """
    try:
        return _decide(read_event(QuarantineDecided, envelope), using)
    except Rejected as refusal:
        about = metadata_of(envelope).correlation_id
        using.trace.note(about, "refused", event=envelope.detail_type, reason=refusal.to_dict())
        raise


def _decide(event: Event[QuarantineDecided], using: Deciding) -> Event[QuarantineClosed]:
    decided = event.data
    batch = _decidable(using.quarantine.batch(decided.product, decided.run), decided, event.metadata.id)
    taken = batch.evolve(
        decision=event.metadata.id, decided_by=decided.by, why=decided.reason, decided_at=using.clock.now()
    )
    done, left = batch.released or batch.objects, dict[str, int]()
    if decided.decision == "release" and batch.status != "released":
        batch, done, left = _release(batch, taken, event, using)
        taken = taken.evolve(released=done)
    outcome: Literal["released", "rejected"] = "released" if decided.decision == "release" else "rejected"
    if batch.status != outcome:
        _save(taken, outcome, batch, using.quarantine)
    file_listing(batch, using.objects)
    closed = Event[QuarantineClosed](
        metadata=follow(event.metadata, "closed"),
        data=QuarantineClosed(
            product=decided.product,
            run=decided.run,
            outcome=outcome,
            reason=decided.reason,
            by=decided.by,
            objects=done,
        ),
    )
    using.bus.put(QuarantineClosed.detail_type(), closed.model_dump_json())
    for correlation_id in dict.fromkeys([batch.correlation_id, event.metadata.correlation_id]):
        using.trace.note(
            correlation_id, outcome, batch=batch.name, by=decided.by, reason=decided.reason, objects=done, left=left
        )
    return closed


def _release(
    batch: HeldBatch, taken: HeldBatch, event: Event[QuarantineDecided], using: Deciding
) -> tuple[HeldBatch, int, dict[str, int]]:
    """The batch as recorded now, how many objects are pending again, and how many are not, by reason."""
    found = look_at(batch, read_listing(batch, using.objects), using.landing)
    if batch.status == "held":
        batch = _save(taken, "releasing", batch, using.quarantine)
    correlation_id = event.metadata.correlation_id
    found = release_objects(
        batch, found, event.data, quarantine=using.quarantine, uploads=using.uploads, correlation_id=correlation_id
    )
    start_run(
        batch.product,
        event.metadata.id,
        correlation_id,
        uploads=using.uploads,
        executions=using.executions,
        now=using.clock.now(),
    )
    return batch, len(found.current), found.left


def _decidable(batch: HeldBatch | None, decided: QuarantineDecided, event_id: str) -> HeldBatch:
    if batch is None:
        raise UnknownBatch(
            f"no batch {decided.product}/{decided.run} was held back", product=decided.product, remedy="mesh quarantine"
        )
    resumed = batch.status == "releasing" and decided.decision == "release"
    if batch.status != "held" and batch.decision != event_id and not resumed:
        raise BatchAlreadyDecided(
            f"{batch.name} is {batch.status}" + (f" by {batch.decided_by}: {batch.why}" if batch.decided_by else ""),
            batch=batch.name,
            remedy=_REMEDIES.get(batch.status, ""),
        )
    if decided.decision == "release" and not batch.releasable:
        raise NotReleasable(
            f"{batch.name} holds objects that cannot be read ({batch.reason.code})",
            batch=batch.name,
            remedy="Fix the data and upload it again; the batch's listing says what is wrong.",
        )
    return batch


def _save(taken: HeldBatch, status: HeldStatus, was: HeldBatch, quarantine: Quarantine) -> HeldBatch:
    changed = taken.evolve(status=status)
    quarantine.save(changed, was=was.status)
    return changed
