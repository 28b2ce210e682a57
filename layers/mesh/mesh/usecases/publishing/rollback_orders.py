"""Orders to go back to an earlier version: who may give one, and what is recorded and sent when it is refused."""

from mesh.domain.contracts.product import Product, RollbackOrder
from mesh.domain.errors import Rejected
from mesh.domain.events import Envelope, Reason, RollbackRefused, RollbackRequested, metadata_of, read_event, stable_id
from mesh.domain.model import Model
from mesh.ports import MemberTopics, Proposals
from mesh.usecases.authorisation import product_of, record_refusal, refuse_event, require_sender
from mesh.usecases.central_context import CentralContext
from mesh.usecases.member_notifications import notify_member


class Refusal(Model):
    """A request to roll back that came to nothing: RollbackRequested, and why."""

    envelope: Envelope
    reason: Reason


class RolledBack(Model):
    """What became of a request. `published` where another run of the same request was quicker: nothing was refused."""

    status: str
    reason: Reason | None = None


def read_order(envelope: Envelope, context: CentralContext) -> tuple[RollbackOrder, Product]:
    """The order that an event gives, of the product's owner or of central; and the product.

    Raises what `authorise` raises, MalformedEvent, NotTheOwner.
    """
    require_sender(envelope, context)
    event = read_event(RollbackRequested, envelope)
    product = product_of(event.data.product, envelope.account, context)
    order = RollbackOrder(
        product=product.name,
        version=event.data.version,
        request=event.metadata.id,
        requested_by=envelope.account,
        reason=event.data.reason,
        correlation_id=event.metadata.correlation_id,
        at=context.clock.now(),
    )
    return order, product


def rollback_id(request: str) -> str:
    """The proposal id of a rollback: one that no producer can send."""
    return f"rollback-{stable_id(request, 'rollback')}"


def refuse_rollback(
    refusal: Refusal, *, context: CentralContext, proposals: Proposals, topics: MemberTopics
) -> RolledBack:
    """Nothing was changed: end the order, record the refusal, notify the requester. Idempotent.

    An order is refused once, for its first reason. Without one (the sender may not give it, or it is malformed) there
    is only the refusal to record.
    """
    envelope, reason = refusal.envelope, refusal.reason
    try:
        order = _end(read_order(envelope, context)[0], reason, context, proposals)
    except Rejected:
        order = None
    if order is not None and order.status != "refused":
        return RolledBack(status=order.status)
    reason = order.refusal if order and order.refusal else reason
    _tell(envelope, reason, context, topics)
    return RolledBack(status="refused", reason=reason)


def _tell(envelope: Envelope, reason: Reason, context: CentralContext, topics: MemberTopics) -> None:
    if envelope.version is None:
        refuse_event(envelope, reason, records=context, topics=topics)
        return
    record_refusal(envelope, reason, context)
    metadata = metadata_of(envelope)
    news = RollbackRefused(
        product=envelope.quoted("product"), version=envelope.version, request=metadata.id, reason=reason
    )
    notify_member(envelope.account, news, metadata, "rollback refused", context=context, topics=topics)


def _end(order: RollbackOrder, reason: Reason, context: CentralContext, proposals: Proposals) -> RollbackOrder | None:
    """The order as it stands then; None for one that was never recorded."""
    run = rollback_id(order.request)
    if context.registry.version_of_run(order.product, run) is not None:
        return context.registry.publish_rollback(order.product, order.request)
    proposals.release(order.product, run)
    return context.registry.refuse_rollback(order.product, order.request, reason)
