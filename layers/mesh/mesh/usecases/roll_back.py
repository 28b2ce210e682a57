"""Central's part of a rollback: may they, is there such a version; then it is committed.

A version from before metadata files is restored by its owner's account, which is asked for it.
"""

import json
from datetime import timedelta

from mesh.domain.errors import Rejected
from mesh.domain.events import (
    Envelope,
    EventData,
    Metadata,
    Model,
    Reason,
    RestoreRequested,
    Rollback,
    RollbackRefused,
    RollbackRequested,
    metadata_of,
    read_event,
    stable_id,
)
from mesh.domain.membership import NotTheOwner, authorise
from mesh.domain.names import execution_name
from mesh.domain.product import Product, ProductVersion, RollbackOrder
from mesh.domain.publishing.keeping import require_kept
from mesh.ports import Executions, MemberTopics, Proposals
from mesh.usecases.books import Books
from mesh.usecases.telling import tell

WAITS = timedelta(hours=2)
"""How long a rollback that nothing is heard of keeps others from beginning."""


class UnknownVersion(Rejected):
    """A version that was never published."""


class AlreadyThere(Rejected):
    """A rollback to the version that is the present one."""


class VersionNotPinned(Rejected):
    """A version from before manifests, or one whose manifest does not hold every object."""


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

    Raises what `authorise` raises, MalformedEvent, NotTheOwner, UnknownVersion, AlreadyThere, VersionNotPinned,
    RollbackInProgress; every refusal is recorded, and told to the sender.
    """
    metadata = metadata_of(envelope)
    try:
        require_sender(envelope, books)
        wish = read_event(RollbackRequested, envelope).data
        product = product_of(wish.product, envelope.account, books)
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
    if target.staged:
        run = json.dumps({"product": product.name, "request": order.request})
        commits.start(execution_name(product.name, stable_id(order.request)), run)
        _note_requested(target, order, books)
    else:
        _ask_owner(product, target, order, books=books, topics=topics)
    return RolledBack(product=product.name, version=target.version, request=order.request, status="requested")


def refuse_rollback(envelope: Envelope, *, books: Books, topics: MemberTopics) -> RolledBack:
    """The owner's account could not restore the version: nothing was changed. Who asked for it, and its story, know.

    Repeatable. Raises what `authorise` raises, MalformedEvent, NotTheOwner.
    """
    metadata = metadata_of(envelope)
    try:
        authorise(envelope, books.registry.member(envelope.account), None)
        news = read_event(RollbackRefused, envelope).data
        product = books.registry.product(news.product)
        order = books.registry.rollback(news.product, news.request)
        if product is None or product.owner != envelope.account or order is None:
            raise NotTheOwner(f"no rollback of {news.product!r} was asked of this account", account=envelope.account)
    except Rejected as refusal:
        _record_refusal(envelope, refusal, metadata, books)
        raise
    books.registry.end_rollback(product.name, order.request, "refused")
    if order.requested_by not in (product.owner, books.central):
        tell(order.requested_by, news, metadata, "rollback refused", books=books, topics=topics)
    reason = news.reason.model_dump(mode="json")
    books.trace.note(order.correlation_id, "rollback refused", product=product.name, reason=reason)
    return RolledBack(product=product.name, version=order.version, request=order.request, status="refused")


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
    if number == product.version and (target.staged or not books.registry.held_back(product.name)):
        raise AlreadyThere(f"version {number} is the present one", remedy=history, **where)
    if target.manifest is None and not target.staged:
        raise VersionNotPinned(f"nothing says which objects version {number} had", remedy=history, **where)
    return target


def _ask_owner(
    product: Product, target: ProductVersion, order: RollbackOrder, *, books: Books, topics: MemberTopics
) -> None:
    if target.manifest is None:
        raise VersionNotPinned(f"nothing says which objects version {target.version} had", product=product.name)
    metadata = Metadata(id=order.request, correlation_id=order.correlation_id)
    wanted = Rollback.model_validate(order.model_dump(include=set(Rollback.model_fields)))
    request = RestoreRequested(product=product.name, rollback=wanted, manifest=target.manifest)
    tell(product.owner, request, metadata, "restore", books=books, topics=topics)
    _note_requested(target, order, books)


def _note_requested(target: ProductVersion, order: RollbackOrder, books: Books) -> None:
    facts = {"product": target.product, "version": target.version, "by": order.requested_by, "why": order.reason}
    books.trace.note(order.correlation_id, "rollback requested", **facts)


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
