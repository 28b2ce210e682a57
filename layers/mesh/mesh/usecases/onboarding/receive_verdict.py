"""What central says of a product's contract other than that it is registered: data that waited for it goes on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mesh.domain.events import (
    ContractChangeAnnounced,
    Envelope,
    Metadata,
    ProductHandedOver,
    ProductQuarantined,
    read_event,
)
from mesh.ports import Clock, Executions, Objects, Revisions, Uploads
from mesh.usecases.onboarding.contract_revisions import leave_product, settle_unregistered
from mesh.usecases.onboarding.refusal_reports import file_report


@dataclass(frozen=True)
class Receiving:
    """The account's own `bucket`, and the ports that a verdict needs."""

    bucket: str
    objects: Objects
    uploads: Uploads
    revisions: Revisions
    executions: Executions
    clock: Clock


def receive_verdict(envelope: Envelope, *, using: Receiving) -> None:
    """Idempotent. Raises MalformedEvent."""
    _READERS[envelope.detail_type](envelope, using)


def _rejected(envelope: Envelope, using: Receiving) -> None:
    """Its report is filed; the batch is checked against the contract before it."""
    event = read_event(ProductQuarantined, envelope)
    file_report(event, bucket=using.bucket, objects=using.objects, clock=using.clock)
    _settle(event.data.product, event.metadata, using)


def _announced(envelope: Envelope, using: Receiving) -> None:
    """Until the notice period is over the contract before it applies."""
    event = read_event(ContractChangeAnnounced, envelope)
    _settle(event.data.product, event.metadata, using)


def _handed_over(envelope: Envelope, using: Receiving) -> None:
    event = read_event(ProductHandedOver, envelope)
    leave_product(event, uploads=using.uploads, executions=using.executions)


def _settle(product: str, metadata: Metadata, using: Receiving) -> None:
    settle_unregistered(
        product,
        metadata.causation_id or "",
        revisions=using.revisions,
        uploads=using.uploads,
        executions=using.executions,
    )


_READERS: Mapping[str, Callable[[Envelope, Receiving], None]] = {
    ProductQuarantined.detail_type(): _rejected,
    ContractChangeAnnounced.detail_type(): _announced,
    ProductHandedOver.detail_type(): _handed_over,
}
"""What an event of each type says."""
