"""Authorise the sender of an event by central's registry; a rejection is recorded and traced."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from mesh.domain.contracts.product import Product
from mesh.domain.errors import Rejected
from mesh.domain.events import Envelope, EventRefused, Reason, metadata_of, stable_id
from mesh.domain.membership.authorisation import NotTheOwner, authorise, authorise_central
from mesh.domain.membership.members import Member
from mesh.domain.model import Model
from mesh.ports import MemberTopics, Note
from mesh.usecases.central_context import CentralContext, Records
from mesh.usecases.member_notifications import notify_member


class Authorised(Model):
    """The sender behind an event, and where to answer."""

    account: str
    domains: tuple[str, ...]
    topic_arn: str
    product: str
    event_id: str
    correlation_id: str


def authorise_sender(envelope: Envelope, *, execution: str, records: Records) -> Authorised:
    """Authorise on the envelope's account; who it is, is traced. Raises what `authorise` raises."""
    member, _, received = sender_of(envelope, execution=execution, records=records)
    records.trace.keep(received)
    metadata = metadata_of(envelope)
    return Authorised(
        account=member.account,
        domains=member.domains,
        topic_arn=member.topic_arn,
        product=envelope.product,
        event_id=metadata.id,
        correlation_id=metadata.correlation_id,
    )


def sender_of(envelope: Envelope, *, execution: str, records: Records) -> tuple[Member, Product | None, Note]:
    """As `authorise_sender`, and returns the sender, the product that the event is about if any, and the trace entry
    that is to be kept."""
    metadata, name = metadata_of(envelope), envelope.product
    sender, product = records.registry.sender(envelope.account, name)
    member = authorise(envelope, sender, product.owner if product else None)
    facts = {"event": envelope.detail_type, "sender": envelope.account, "product": name, "execution": execution}
    return member, product, Note(metadata.correlation_id, "received", facts)


def require_sender(envelope: Envelope, context: CentralContext) -> None:
    """A member that may send this; or central itself, whose bus lets only DataMeshOwner send it.

    Raises what `authorise` raises. The caller records the rejection, together with its own.
    """
    if envelope.account == context.account:
        authorise_central(envelope)
    else:
        authorise(envelope, context.registry.member(envelope.account))


@contextmanager
def refusals_told(envelope: Envelope, *, records: Records, topics: MemberTopics) -> Iterator[None]:
    """Whatever is rejected in it is recorded, and the sender is told: of events that have no answer of their own."""
    try:
        yield
    except Rejected as refusal:
        refuse_event(envelope, refusal, records=records, topics=topics)
        raise


def refuse_event(envelope: Envelope, refusal: Rejected | Reason, *, records: Records, topics: MemberTopics) -> None:
    """Record that the event was rejected, and tell its sender, if it is a member."""
    record_refusal(envelope, refusal, records)
    news = EventRefused(event=envelope.detail_type, reason=_reason(refusal))
    notify_member(envelope.account, news, metadata_of(envelope), "refused", context=records, topics=topics)


def record_refusal(envelope: Envelope, refusal: Rejected | Reason, records: Records) -> None:
    """In the registry, and in the trace of the event."""
    reason, now = _reason(refusal).model_dump(mode="json"), records.clock.now()
    records.registry.record_refusal(envelope.account, envelope.detail_type, reason, now, event=same_event(envelope))
    records.trace.note(metadata_of(envelope).correlation_id, "refused", event=envelope.detail_type, reason=reason)


def _reason(refusal: Rejected | Reason) -> Reason:
    return Reason.model_validate(refusal.to_dict()) if isinstance(refusal, Rejected) else refusal


def same_event(envelope: Envelope) -> str:
    """What is the same whenever an event is delivered, or sent again by who was called twice. Another content under the
    same id is another event: a sender chooses its ids."""
    metadata = metadata_of(envelope).model_dump(mode="json", exclude={"time"})
    content = {**envelope.detail, "metadata": metadata}
    return stable_id(envelope.detail_type, json.dumps(content, sort_keys=True))


def owned(product: Product | None, name: str, account: str) -> Product:
    """The product of that name, which must be this account's. Raises NotTheOwner."""
    if product is None or product.owner != account:
        raise NotTheOwner(
            f"account {account} has no product {name!r}", account=account, remedy="declare it first, with a contract"
        )
    return product


def product_of(name: str, account: str, context: CentralContext) -> Product:
    """The product, which must be this account's; central may speak for the owner. Raises NotTheOwner."""
    product = context.registry.product(name)
    return owned(product, name, product.owner if product and account == context.account else account)
