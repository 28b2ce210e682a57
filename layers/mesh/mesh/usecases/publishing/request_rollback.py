"""A rollback is requested: check the sender and the version; then `roll-back` commits it."""

import json
from datetime import timedelta

from mesh.domain.contracts.product import Product, ProductVersion, RollbackOrder
from mesh.domain.errors import Rejected
from mesh.domain.events import (
    Envelope,
    Metadata,
    Reason,
    RollbackRefused,
    RollbackRequested,
    metadata_of,
    read_event,
    stable_id,
)
from mesh.domain.membership.authorisation import NotTheOwner
from mesh.domain.model import Model
from mesh.domain.names import execution_name
from mesh.domain.publishing.keeping import require_kept, require_metadata
from mesh.ports import Executions, MemberTopics, Proposals
from mesh.usecases.authorisation import owned, record_refusal, refuse_event, require_sender
from mesh.usecases.central_context import CentralContext
from mesh.usecases.member_notifications import notify_member

WAITS = timedelta(hours=2)
"""How long a rollback without an outcome blocks other rollbacks."""


class UnknownVersion(Rejected):
    """A version that was never published."""


class AlreadyThere(Rejected):
    """A rollback to the present version."""


class RollbackInProgress(Rejected):
    """Another rollback of the product has not ended."""


class RolledBack(Model):
    """A requested rollback, or its outcome."""

    product: str
    version: int
    request: str
    status: str


class NotCommitted(Model):
    """A rollback that could not be committed."""

    product: str
    request: str
    reason: Reason


def request_rollback(
    envelope: Envelope, *, context: CentralContext, topics: MemberTopics, commits: Executions
) -> RolledBack:
    """Record who requests which version and why, then have it committed (`commits`). Idempotent.

    Raises what `authorise` raises, MalformedEvent, NotTheOwner, UnknownVersion, VersionEnded, NeedsExpress,
    AlreadyThere, RollbackInProgress; every rejection is recorded and sent to the sender.
    """
    metadata = metadata_of(envelope)
    try:
        require_sender(envelope, context)
        request = read_event(RollbackRequested, envelope).data
        product = product_of(request.product, envelope.account, context)
        known = context.registry.rollback(product.name, metadata.id)
        if known is not None and known.status != "started":  # delivered again after its end
            return RolledBack(product=product.name, version=known.version, request=metadata.id, status=known.status)
        target = _target(product, request.version, context)
        order = RollbackOrder(
            product=product.name,
            version=target.version,
            request=metadata.id,
            requested_by=envelope.account,
            reason=request.reason,
            correlation_id=metadata.correlation_id,
            at=context.clock.now(),
        )
        if not context.registry.begin_rollback(order, order.at + WAITS):
            raise RollbackInProgress(
                f"{product.name} is being rolled back already",
                product=product.name,
                remedy=f"Wait until it has ended: mesh history {product.name}.",
            )
    except Rejected as refusal:
        _refuse(envelope, refusal, metadata, context, topics)
        raise
    run = json.dumps({"product": product.name, "request": order.request})
    commits.start(execution_name(product.name, stable_id(order.request)), run)
    facts = {"product": target.product, "version": target.version, "by": order.requested_by, "why": order.reason}
    context.trace.note(order.correlation_id, "rollback requested", **facts)
    return RolledBack(product=product.name, version=target.version, request=order.request, status="requested")


def settle_refusal(
    lost: NotCommitted, *, context: CentralContext, proposals: Proposals, topics: MemberTopics
) -> RolledBack:
    """The rollback failed; nothing was changed. End its turn, record it in the trace, notify the requester. Idempotent.

    Raises NotTheOwner for one that was never requested.
    """
    product, request, reason = lost.product, lost.request, lost.reason
    order = context.registry.rollback(product, request)
    if order is None:
        raise NotTheOwner(f"no rollback {request} of {product!r} was requested", product=product)
    proposals.release(product, rollback_id(request))
    context.registry.end_rollback(product, request, "refused")
    news = RollbackRefused(product=product, version=order.version, request=request, reason=reason)
    cause = Metadata(id=order.request, correlation_id=order.correlation_id)
    if order.requested_by != context.account:
        notify_member(order.requested_by, news, cause, "rollback refused", context=context, topics=topics)
    reason_json = reason.model_dump(mode="json")
    context.trace.note(order.correlation_id, "rollback refused", product=product, reason=reason_json)
    return RolledBack(product=product, version=order.version, request=request, status="refused")


def rollback_id(request: str) -> str:
    """The proposal id of a rollback: one that no producer can send."""
    return f"rollback-{stable_id(request, 'rollback')}"


def product_of(name: str, account: str, context: CentralContext) -> Product:
    """The product; central may speak for its owner. Raises NotTheOwner."""
    product = context.registry.product(name)
    return owned(product, name, product.owner if product and account == context.account else account)


def _target(product: Product, number: int, context: CentralContext) -> ProductVersion:
    target = context.registry.version(product.name, number)
    where = {"product": product.name, "version": number, "present": product.version}
    history = f"mesh history {product.name} lists the versions."
    if target is None:
        raise UnknownVersion(f"{product.name} has no version {number}", remedy=history, **where)
    require_kept(target)
    require_metadata(target)
    if number == product.version:
        raise AlreadyThere(f"version {number} is the present version", remedy=history, **where)
    return target


def _refuse(
    envelope: Envelope, refusal: Rejected, metadata: Metadata, context: CentralContext, topics: MemberTopics
) -> None:
    if envelope.version is None:
        refuse_event(envelope, refusal, records=context, topics=topics)
        return
    record_refusal(envelope, refusal, context)
    reason = Reason.model_validate(refusal.to_dict())
    news = RollbackRefused(
        product=envelope.quoted("product"), version=envelope.version, request=metadata.id, reason=reason
    )
    notify_member(envelope.account, news, metadata, "refused", context=context, topics=topics)
