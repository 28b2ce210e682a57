"""What did not pass: set aside with a report beside it, and its owner told. Nothing is lost."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from mesh.domain.errors import Rejected
from mesh.domain.events import (
    Event,
    Metadata,
    Model,
    ProductQuarantined,
    QuarantinedObject,
    Reason,
    stable_id,
)
from mesh.domain.formats.model import ObjectRef
from mesh.domain.keys import REPORT_SUFFIX, refusal_report_key
from mesh.domain.rejections import UnknownPrefix
from mesh.ports import Bus, Clock, Objects

MAX_LISTED = 50
"""An event lists at most this many objects; each has its report in the bucket all the same."""


class Rejection(Model):
    """One object and why it did not pass. `move` is False for what must stay where it is (a contract, a stray key).

    `releasable`: it can be read, and its owner may overrule the check that held it back.
    """

    ref: ObjectRef
    reason: Reason
    move: bool = True
    releasable: bool = False

    @property
    def moves(self) -> bool:
        """Whether there is something to move."""
        return self.move and self.reason.code != "ObjectGone"


def reject_objects(
    product: str,
    rejections: Sequence[Rejection],
    metadata: Metadata,
    *,
    run: str,
    objects: Objects,
    clock: Clock,
) -> Event[ProductQuarantined]:
    """Move what is to be moved, write each report, and give the event for the owner.

    The report comes first: an object is never moved without one. All of it can be repeated.
    """
    listed = [_set_aside(rejection, metadata, run, objects, clock.now()) for rejection in rejections]
    first = listed[0].reason
    return Event[ProductQuarantined](
        metadata=metadata,
        data=ProductQuarantined(
            product=product,
            bucket=rejections[0].ref.bucket,
            reason=first,
            objects=tuple(listed[:MAX_LISTED]),
            objects_count=len(listed),
        ),
    )


def report_refusal(
    ref: ObjectRef, reason: dict[str, Any], *, product: str, objects: Objects, bus: Bus, clock: Clock
) -> None:
    """One object that stays where it is: its report, and the event on the producer's own bus."""
    identity = stable_id("refused", ref.bucket, ref.key, ref.version_id, ref.sequencer)
    rejection = Rejection(ref=ref, reason=Reason.model_validate(reason), move=False)
    metadata = Metadata(id=identity, correlation_id=identity)
    event = reject_objects(product, [rejection], metadata, run=identity, objects=objects, clock=clock)
    bus.put(ProductQuarantined.detail_type(), event.model_dump_json())


def file_report(event: Event[ProductQuarantined], *, bucket: str, objects: Objects, clock: Clock) -> None:
    """The reports of a rejection that came from central; what it names stays where it is.

    Only in the account's own `bucket`: a declaration may have been refused because it named another's.
    """
    if event.data.bucket != bucket:
        return
    for item in event.data.objects:
        rejection = Rejection(ref=ObjectRef(bucket=bucket, key=item.key, size=0), reason=item.reason, move=False)
        _set_aside(rejection, event.metadata, stable_id(event.metadata.id), objects, clock.now())


def _set_aside(rejection: Rejection, metadata: Metadata, run: str, objects: Objects, at: datetime) -> QuarantinedObject:
    ref = rejection.ref
    place, report = quarantine_place(ref.key, run)
    moved_to = place if rejection.moves else None
    document = {
        "bucket": ref.bucket,
        "key": ref.key,
        "version_id": ref.version_id,
        "size": ref.size,
        "moved_to": moved_to,
        "reason": rejection.reason.model_dump(mode="json"),
        "correlation_id": metadata.correlation_id,
        "at": at.isoformat(),
    }
    objects.write(ref.bucket, report, json.dumps(document, indent=2, ensure_ascii=False).encode(), "application/json")
    if moved_to:
        objects.move(ref, moved_to)
    return QuarantinedObject(key=ref.key, moved_to=moved_to, report=report, reason=rejection.reason)


def quarantine_place(key: str, run: str) -> tuple[str, str]:
    """Where an object goes and where its report lies; a key below no product is reported at the bucket's own
    `quarantine/`, under a name made from it."""
    try:
        return refusal_report_key(key, run)
    except UnknownPrefix:
        name = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        return f"quarantine/{name}", f"quarantine/{name}{REPORT_SUFFIX}"


def reason_of(refusal: Rejected, ref: ObjectRef) -> Reason:
    """The error as a reason that names bucket and key."""
    reason = refusal.to_dict()
    where = {"bucket": ref.bucket, "key": ref.key, **reason["where"]}
    return Reason.model_validate({**reason, "where": where})
