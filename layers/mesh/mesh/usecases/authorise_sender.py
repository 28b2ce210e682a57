"""Who sent this, and may they say it? The first step of every machine in central."""

from mesh.domain.errors import Rejected
from mesh.domain.events import Envelope, Metadata, Model
from mesh.domain.membership import Member, authorise
from mesh.domain.product import Product
from mesh.ports import Clock, Note, Registry, Trace


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
    member, _, received = sender_of(envelope, execution=execution, registry=registry, trace=trace, clock=clock)
    trace.keep(received)
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
) -> tuple[Member, Product | None, Note]:
    """As `authorise_sender`: who sent it, the product that it is about, where there is one, and what is to be told."""
    metadata, name = _metadata(envelope), _product_name(envelope)
    sender, product = registry.sender(envelope.account, name)
    try:
        member = authorise(envelope, sender, product.owner if product else None)
    except Rejected as refusal:
        registry.record_refusal(envelope.account, envelope.detail_type, refusal.to_dict(), clock.now())
        trace.note(metadata.correlation_id, "refused", event=envelope.detail_type, reason=refusal.to_dict())
        raise
    facts = {"event": envelope.detail_type, "sender": envelope.account, "product": name, "execution": execution}
    return member, product, Note(metadata.correlation_id, "received", facts)


def _metadata(envelope: Envelope) -> Metadata:
    return Metadata.model_validate(envelope.detail.get("metadata", {}))


def _product_name(envelope: Envelope) -> str:
    data = envelope.detail.get("data")
    return str(data.get("product", "")) if isinstance(data, dict) else ""
