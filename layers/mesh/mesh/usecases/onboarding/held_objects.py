"""Held objects stay where their owner put them: released as exactly the versions that were checked, or superseded.

Nothing is moved or copied. A ticket names the released version, which becomes pending again.
"""

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from typing import Final

from mesh.domain.errors import Rejected
from mesh.domain.events import QuarantineDecided, stable_id
from mesh.domain.model import Model
from mesh.domain.names import execution_name
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.quarantine import (
    AlreadyReplaced,
    HeldBatch,
    HeldObject,
    HeldObjects,
    HeldObjectsDeleted,
    Ticket,
)
from mesh.ports import Executions, LandingObjects, Objects, Quarantine, Uploads
from mesh.usecases.onboarding.rounds import Start

MAX_LISTING: Final = 16 * 1024 * 1024
"""The most bytes of a listing that are read: 5,000 objects with reasons take about 5 MB."""
_NAMED: Final = 10


class Releasable(Model):
    """What of a held batch can be released. `unreadable` objects were held for reasons that no release overrules."""

    current: tuple[HeldObject, ...] = ()
    replaced: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()

    @property
    def left(self) -> dict[str, int]:
        """How many are not released, by reason; for the trace."""
        counts = {"replaced": len(self.replaced), "deleted": len(self.deleted), "unreadable": len(self.unreadable)}
        return {why: count for why, count in counts.items() if count}


def read_listing(batch: HeldBatch, objects: Objects) -> tuple[HeldObject, ...]:
    """All objects of a held batch. Raises ObjectGone."""
    return HeldObjects.validate_json(objects.read(batch.bucket, batch.listing, limit=MAX_LISTING), extra="ignore")


def file_listing(batch: HeldBatch, objects: Objects) -> None:
    """Nothing of the batch waits for its owner any more: its listing is a report from now on. Idempotent; one that
    somebody deleted stays deleted."""
    with suppress(Rejected):
        body = objects.read(batch.bucket, batch.listing, limit=MAX_LISTING)
        objects.write(batch.bucket, batch.listing, body, "application/json", report=True)


def look_at(batch: HeldBatch, held: Collection[HeldObject], landing: LandingObjects) -> Releasable:
    """Compare the held objects with what S3 has at their keys now. Raises AlreadyReplaced and HeldObjectsDeleted where
    nothing of the batch can be released any more."""
    current, replaced, deleted = [], [], []
    unreadable = tuple(item.key for item in held if not item.releasable)
    for item in held:
        if not item.releasable:
            continue
        now = landing.present(batch.bucket, item.key)
        if now is None:
            deleted.append(item.key)
        elif item.superseded_by or not _is_still(now, item.ref):
            replaced.append(item.key)
        else:
            current.append(item)
    found = Releasable(current=tuple(current), replaced=tuple(replaced), deleted=tuple(deleted), unreadable=unreadable)
    if not current:
        raise _nothing_left(batch, found)
    return found


def _is_still(now: ObjectRef, held: ObjectRef) -> bool:
    """What an audit found was listed, without its version."""
    return now.version_id == held.version_id if held.version_id else now.etag == held.etag


def release_objects(
    batch: HeldBatch,
    found: Releasable,
    decided: QuarantineDecided,
    *,
    quarantine: Quarantine,
    uploads: Uploads,
    correlation_id: str,
) -> Releasable:
    """Write a ticket for each version, then make it pending again. Idempotent.

    An object uploaded since the comparison is newer, and stays: the held version then counts as replaced.
    """
    waiting, replaced = [], list(found.replaced)
    for item in found.current:
        version = item.ref.version_id or item.ref.etag
        ticket = Ticket(run=decided.run, by=decided.by, reason=decided.reason, version_id=version)
        quarantine.put_ticket(batch.product, item.key, ticket)
        if uploads.add_again(batch.product, item.ref, correlation_id):
            waiting.append(item)
        else:
            replaced.append(item.key)
    return found.evolve(current=tuple(waiting), replaced=tuple(replaced))


def start_run(
    product: str, decision: str, correlation_id: str, *, uploads: Uploads, executions: Executions, now: datetime
) -> None:
    """Start `onboard-upload`, once for each decision; not where a run holds the lease, since that run looks for more at
    its end."""
    if uploads.lease_held(product, now):
        return
    name = execution_name(product, stable_id(product, decision))
    executions.start(name, Start(product=product, correlation_id=correlation_id).model_dump_json())


def supersede(product: str, run: str, keys: Collection[str], *, quarantine: Quarantine, objects: Objects) -> None:
    """`run` processed a later upload, or the deletion, of `keys`: mark them as superseded in older held batches, and
    close batches with nothing else left. Idempotent; only by the holder of the product's lease."""
    for batch in quarantine.undecided(product):
        if batch.run >= run:
            continue
        listed = read_listing(batch, objects)
        newer = [item.key for item in listed if item.key in keys and not item.superseded_by]
        if newer:
            marked = tuple(item.evolve(superseded_by=run) if item.key in newer else item for item in listed)
            over = all(item.superseded_by for item in marked)
            body = HeldObjects.dump_json(marked, indent=2)
            objects.write(batch.bucket, batch.listing, body, "application/json", report=over)
            listed = marked
        count = sum(bool(item.superseded_by) for item in listed)
        if count != batch.superseded:
            closed = {"status": "superseded"} if count == len(listed) else {}
            quarantine.save(batch.evolve(superseded=count, **closed), was="held")


def _nothing_left(batch: HeldBatch, found: Releasable) -> AlreadyReplaced | HeldObjectsDeleted:
    close = f"mesh reject {batch.name} --reason TEXT"
    if found.deleted:
        return HeldObjectsDeleted(
            f"nothing of {batch.name} can be released: {len(found.deleted)} of its objects were deleted"
            + (f", {len(found.replaced)} uploaded again" if found.replaced else ""),
            batch=batch.name,
            keys=list(found.deleted[:_NAMED]),
            remedy=f"Upload them again if they should be published. Close this batch: {close}",
        )
    return AlreadyReplaced(
        f"all objects of {batch.name} that could be released were uploaded again meanwhile",
        batch=batch.name,
        keys=list(found.replaced[:_NAMED]),
        remedy=f"The newer ones were checked on their own. Close this batch: {close}",
    )
