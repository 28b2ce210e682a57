"""Who sent this, and may they say it? The first step of every machine in central."""

from mesh.domain.errors import Rejected
from mesh.domain.events import Envelope, Metadata, Model
from mesh.domain.membership import authorise
from mesh.ports import Clock, Registry, Trace


class Authorised(Model):
    """The sender behind an event, and where to answer."""

    account: str
    domain: str
    topic_arn: str
    product: str
    event_id: str
    correlation_id: str


def authorise_sender(
    envelope: Envelope, *, execution: str, registry: Registry, trace: Trace, clock: Clock
) -> Authorised:
    """Authorise on the envelope's account. A refusal is recorded, traced and raised (see `authorise`)."""
    metadata = Metadata.model_validate(envelope.detail.get("metadata", {}))
    data = envelope.detail.get("data")
    name = str(data.get("product", "")) if isinstance(data, dict) else ""
    product = registry.product(name) if name else None
    try:
        member = authorise(envelope, registry.member(envelope.account), product.owner if product else None)
    except Rejected as refusal:
        registry.record_refusal(envelope.account, envelope.detail_type, refusal.to_dict(), clock.now())
        trace.note(metadata.correlation_id, "refused", event=envelope.detail_type, reason=refusal.to_dict())
        raise
    trace.note(
        metadata.correlation_id,
        "received",
        event=envelope.detail_type,
        sender=envelope.account,
        product=name,
        execution=execution,
    )
    return Authorised(
        account=member.account,
        domain=member.domain,
        topic_arn=member.topic_arn,
        product=name,
        event_id=metadata.id,
        correlation_id=metadata.correlation_id,
    )
