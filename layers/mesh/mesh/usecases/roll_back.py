"""A rollback is asked for: may they, is there such a version; then `roll-back` commits it."""

import json
from datetime import timedelta

from mesh.domain.errors import Rejected
from mesh.domain.events import (
    Envelope,
    EventData,
    Metadata,
    Model,
    Reason,
    RollbackRefused,
    RollbackRequested,
    metadata_of,
    read_event,
    stable_id,
)
from mesh.domain.membership import NotTheOwner, authorise
from mesh.domain.names import execution_name
from mesh.domain.product import Product, ProductVersion, RollbackOrder
from mesh.domain.publishing.keeping import require_kept, require_metadata
from mesh.ports import Executions, MemberTopics, Proposals
from mesh.usecases.books import Books
from mesh.usecases.telling import tell

WAITS = timedelta(hours=2)
"""How long a rollback that nothing is heard of keeps others from beginning."""


class UnknownVersion(Rejected):
    """A version that was never published."""


class AlreadyThere(Rejected):
    """A rollback to the version that is the present one."""


class RollbackInProgress(Rejected):
    """Another rollback of the product has not ended."""


class RolledBack(Model):
    """What was asked for, or how it ended."""

    product: str
    version: int
    request: str
    status: str


class NotCommitted(Model):
    """A rollback that could not be committed."""

    product: str
    request: str
    reason: Reason


def request_rollback(envelope: Envelope, *, books: Books, topics: MemberTopics, commits: Executions) -> RolledBack:
    """Record who wants which version back and why, then have it committed (`commits`). Repeatable.

    Raises what `authorise` raises, MalformedEvent, NotTheOwner, UnknownVersion, VersionEnded, NeedsExpress,
    AlreadyThere, RollbackInProgress; every refusal is recorded, and told to the sender.
    """
    metadata = metadata_of(envelope)
    try:
        require_sender(envelope, books)
        wish = read_event(RollbackRequested, envelope).data
        product = product_of(wish.product, envelope.account, books)
        known = books.registry.rollback(product.name, metadata.id)
        if known is not None and known.status != "started":  # delivered again after its end
            return RolledBack(product=product.name, version=known.version, request=metadata.id, status=known.status)
        target = _target(product, wish.version, books)
        order = RollbackOrder(
            product=product.name,
            version=target.version,
            request=metadata.id,
            requested_by=envelope.account,
            reason=wish.reason,
            correlation_id=metadata.correlation_id,
            at=books.clock.now(),
        )
        if not books.registry.begin_rollback(order, order.at + WAITS):
            raise RollbackInProgress(
                f"{product.name} is being rolled back already",
                product=product.name,
                remedy=f"Wait until it has ended: mesh history {product.name}.",
            )
    except Rejected as refusal:
        _refuse(envelope, refusal, metadata, books, topics)
        raise
    run = json.dumps({"product": product.name, "request": order.request})
    commits.start(execution_name(product.name, stable_id(order.request)), run)
    facts = {"product": target.product, "version": target.version, "by": order.requested_by, "why": order.reason}
    books.trace.note(order.correlation_id, "rollback requested", **facts)
    return RolledBack(product=product.name, version=target.version, request=order.request, status="requested")


def settle_refusal(lost: NotCommitted, *, books: Books, proposals: Proposals, topics: MemberTopics) -> RolledBack:
    """The rollback cannot be committed: nothing was changed, others may be. Who asked, and its story, know. Repeatable.

    Raises NotTheOwner for one that nobody asked for.
    """
    product, request, reason = lost.product, lost.request, lost.reason
    order = books.registry.rollback(product, request)
    if order is None:
        raise NotTheOwner(f"no rollback {request} of {product!r} was asked for", product=product)
    proposals.release(product, rollback_id(request))
    books.registry.end_rollback(product, request, "refused")
    news = RollbackRefused(product=product, version=order.version, request=request, reason=reason)
    cause = Metadata(id=order.request, correlation_id=order.correlation_id)
    if order.requested_by != books.central:
        tell(order.requested_by, news, cause, "rollback refused", books=books, topics=topics)
    told = reason.model_dump(mode="json")
    books.trace.note(order.correlation_id, "rollback refused", product=product, reason=told)
    return RolledBack(product=product, version=order.version, request=request, status="refused")


def rollback_id(request: str) -> str:
    """What a rollback is committed as: no id that a producer can propose."""
    return f"rollback-{stable_id(request, 'rollback')}"


def require_sender(envelope: Envelope, books: Books) -> None:
    """A member; or central itself, whose bus lets DataMeshOwner alone say this."""
    if envelope.account != books.central:
        authorise(envelope, books.registry.member(envelope.account), None)


def product_of(name: str, account: str, books: Books) -> Product:
    product = books.registry.product(name)
    if product is None or account not in (product.owner, books.central):
        raise NotTheOwner(
            f"account {account} has no product {name!r}",
            account=account,
            remedy="its owner, and central, may roll back",
        )
    return product


def _target(product: Product, number: int, books: Books) -> ProductVersion:
    target = books.registry.version(product.name, number)
    where = {"product": product.name, "version": number, "present": product.version}
    history = f"mesh history {product.name} lists the versions."
    if target is None:
        raise UnknownVersion(f"{product.name} has no version {number}", remedy=history, **where)
    require_kept(target)
    require_metadata(target)
    if number == product.version:
        raise AlreadyThere(f"version {number} is the present one", remedy=history, **where)
    return target


def _refuse(envelope: Envelope, refusal: Rejected, metadata: Metadata, books: Books, topics: MemberTopics) -> None:
    _record_refusal(envelope, refusal, metadata, books)
    data = envelope.detail.get("data")
    wish = data if isinstance(data, dict) else {}
    version = wish.get("version")
    if not isinstance(version, int) or version < 1:
        return
    news: EventData = RollbackRefused.model_validate(
        {
            "product": str(wish.get("product", "")),
            "version": version,
            "request": metadata.id,
            "reason": refusal.to_dict(),
        }
    )
    tell(envelope.account, news, metadata, "refused", books=books, topics=topics)


def _record_refusal(envelope: Envelope, refusal: Rejected, metadata: Metadata, books: Books) -> None:
    books.registry.record_refusal(envelope.account, envelope.detail_type, refusal.to_dict(), books.clock.now())
    books.trace.note(metadata.correlation_id, "refused", event=envelope.detail_type, reason=refusal.to_dict())
