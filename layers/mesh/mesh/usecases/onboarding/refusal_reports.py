"""Reports on what is rejected before it becomes part of a batch: contracts, recipes, and objects that belong to no
table.

Rejected objects stay where they are. The report is below `reports/`, and an event on the producer's own bus notifies
its owner.
"""

import hashlib
import json
from datetime import datetime
from typing import Any

from mesh.domain.events import Event, Metadata, ProductQuarantined, QuarantinedObject, Reason, stable_id
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.keys import REFUSAL_SUFFIX, UnknownPrefix, refusal_report_key
from mesh.ports import Bus, Clock, Objects


def report_refusal(
    ref: ObjectRef, reason: dict[str, Any], *, product: str, objects: Objects, bus: Bus, clock: Clock
) -> None:
    """Write the report, then notify the owner. Idempotent: the same object gives the same report and the same event."""
    identity = stable_id("refused", ref.bucket, ref.key, ref.version_id, ref.sequencer)
    metadata = Metadata(id=identity, correlation_id=identity)
    reported = _report(ref, Reason.model_validate(reason), metadata, run=identity, objects=objects, at=clock.now())
    event = Event[ProductQuarantined](
        metadata=metadata,
        data=ProductQuarantined(
            product=product, bucket=ref.bucket, reason=reported.reason, objects=(reported,), objects_count=1
        ),
    )
    bus.put(ProductQuarantined.detail_type(), event.model_dump_json())


def file_report(event: Event[ProductQuarantined], *, bucket: str, objects: Objects, clock: Clock) -> None:
    """Write the reports of a rejection by central.

    Only in the account's own `bucket`: a declaration may have been rejected because it named another account's.
    """
    if event.data.bucket != bucket:
        return
    for item in event.data.objects:
        ref = ObjectRef(bucket=bucket, key=item.key, size=0)
        run = stable_id(event.metadata.id)
        _report(ref, item.reason, event.metadata, run=run, objects=objects, at=clock.now())


def _report(
    ref: ObjectRef, reason: Reason, metadata: Metadata, *, run: str, objects: Objects, at: datetime
) -> QuarantinedObject:
    place = refusal_report_place(ref.key, run)
    document = {
        "bucket": ref.bucket,
        "key": ref.key,
        "version_id": ref.version_id,
        "size": ref.size,
        "reason": reason.model_dump(mode="json"),
        "correlation_id": metadata.correlation_id,
        "at": at.isoformat(),
    }
    objects.write(
        ref.bucket, place, json.dumps(document, indent=2, ensure_ascii=False).encode(), "application/json", report=True
    )
    return QuarantinedObject(key=ref.key, report=place, reason=reason)


def refusal_report_place(key: str, run: str) -> str:
    """The key of the report; for a key outside any product, in the bucket's own `reports/`, under a name derived from
    it."""
    try:
        return refusal_report_key(key, run)
    except UnknownPrefix:
        name = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        return f"reports/{name}{REFUSAL_SUFFIX}"
