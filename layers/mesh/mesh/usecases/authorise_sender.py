"""Who sent this, and may they say it? The first step of every machine in central."""

from mesh.domain.errors import Rejected
from mesh.domain.events import Envelope, Metadata, Model
from mesh.domain.membership import Member, authorise
from mesh.domain.product import Product
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
    member, _ = sender_of(envelope, execution=execution, registry=registry, trace=trace, clock=clock)
    metadata = _metadata(envelope)
    return Authorised(
        account=member.account,
        domain=member.domain,
        topic_arn=member.topic_arn,
        product=_product_name(envelope),
        event_id=metadata.id,
        correlation_id=metadata.correlation_id,
    )


def sender_of(
    envelope: Envelope, *, execution: str, registry: Registry, trace: Trace, clock: Clock
) -> tuple[Member, Product | None]:
    """As `authorise_sender`: who sent it, and the product that it is about, where there is one."""
    metadata, name = _metadata(envelope), _product_name(envelope)
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
    return member, product


def _metadata(envelope: Envelope) -> Metadata:
    return Metadata.model_validate(envelope.detail.get("metadata", {}))


def _product_name(envelope: Envelope) -> str:
    data = envelope.detail.get("data")
    return str(data.get("product", "")) if isinstance(data, dict) else ""
