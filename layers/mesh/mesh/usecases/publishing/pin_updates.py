"""What central's pin steps share: updating the product's pins, and notifying its readers."""

from collections.abc import Callable, Iterator
from typing import Final

from mesh.domain import names
from mesh.domain.access.record import Access
from mesh.domain.contracts.product import ConcurrentChange
from mesh.domain.errors import Rejected
from mesh.domain.events import (
    Envelope,
    Metadata,
    PinEnded,
    PinReady,
    PinRefused,
    Query,
    Reason,
    metadata_of,
)
from mesh.domain.publishing.pins import Holder, Pin, Pins
from mesh.ports import MemberTopics, Registry
from mesh.usecases.authorisation import record_refusal, refuse_event
from mesh.usecases.central_context import CentralContext
from mesh.usecases.member_notifications import notify_member

_ATTEMPTS: Final = 5


def schedule_name(pin: Pin, holder: Holder) -> str:
    """The schedule that ends one holder's pin."""
    return f"{pin.id}-{holder.account}"


def change_pins(product: str, change: Callable[[Pins], Pins], registry: Registry) -> Pins:
    """Optimistic update: read, change, write, and retry after a concurrent write. Raises ConcurrentChange."""
    for _ in range(_ATTEMPTS):
        before = registry.pins(product)
        after = change(before)
        if after == before:
            return before
        try:
            return registry.save_pins(after)
        except ConcurrentChange:
            continue
    raise ConcurrentChange(f"the pins of {product} are changed by others at the same time", product=product)


def live_accesses(product: str, account: str, context: CentralContext) -> Iterator[Access]:
    """The accesses by which the account can read the product now."""
    held = context.accesses.held_by(account)
    return (access for access in held if access.status == "live" and product in access.products())


def notify_ready(product: str, pin: Pin, holder: Holder, *, context: CentralContext, topics: MemberTopics) -> None:
    """Notify the reader: which tables, until when, and which of its accesses do not include them."""
    version = context.registry.version(product, pin.version)
    by_name = [access.id for access in live_accesses(product, holder.account, context) if access.by_name()]
    news = PinReady(
        product=product,
        version=pin.version,
        pin=pin.id,
        until=holder.until,
        queries=tuple(_query(product, table, context.account) for _, table in pin.pinned_tables()),
        rows=sum(table.rows for table in version.tables) if version else 0,
        not_reached=tuple(by_name),
    )
    notify_member(holder.account, news, cause_of(holder), "pin ready", holder.until, context=context, topics=topics)
    _note(product, pin, holder, "pin ready", context, until=holder.until.isoformat())


def notify_over(product: str, pin: Pin, holder: Holder, *, context: CentralContext, topics: MemberTopics) -> None:
    """Notify the holder that the pin has ended, or why it was refused."""
    if pin.refusal is not None:
        notify_refused(
            product, pin.version, cause_of(holder), pin.refusal, holder.account, context=context, topics=topics
        )
        _note(product, pin, holder, "pin refused", context, reason=pin.refusal.model_dump(mode="json"))
        return
    news = PinEnded(product=product, version=pin.version, pin=pin.id, cause=holder.cause)
    notify_member(holder.account, news, cause_of(holder), "pin ended", context=context, topics=topics)
    _note(product, pin, holder, "pin ended", context, cause=holder.cause)


def notify_refused(
    product: str,
    version: int,
    request: Metadata,
    reason: Reason,
    account: str,
    *,
    context: CentralContext,
    topics: MemberTopics,
) -> None:
    """Notify the requester."""
    news = PinRefused(product=product, version=version, request=request.id, reason=reason)
    notify_member(account, news, request, "pin refused", context=context, topics=topics)


def reject_request(envelope: Envelope, refusal: Rejected, *, context: CentralContext, topics: MemberTopics) -> None:
    """Record why a request about a pin is rejected, and notify its sender."""
    if envelope.version is None:
        refuse_event(envelope, refusal, records=context, topics=topics)
        return
    record_refusal(envelope, refusal, context)
    name, reason = envelope.quoted("product"), Reason.model_validate(refusal.to_dict())
    metadata = metadata_of(envelope)
    notify_refused(name, envelope.version, metadata, reason, envelope.account, context=context, topics=topics)


def cause_of(holder: Holder) -> Metadata:
    """The request, as the cause of the events that follow from it."""
    return Metadata(id=holder.request, correlation_id=holder.correlation_id)


def _note(product: str, pin: Pin, holder: Holder, what: str, context: CentralContext, **more: object) -> None:
    facts = {"product": product, "version": pin.version, "pin": pin.id, "account": holder.account}
    context.trace.note(holder.correlation_id, what, **facts, **more)


def _query(database: str, table: str, catalog_id: str) -> Query:
    link = names.resource_link(database)
    sql = f'SELECT * FROM "{link}"."{table}" LIMIT 10'  # noqa: S608 - shown, not run
    return Query(catalog_id=catalog_id, database=database, table=table, resource_link=link, sql=sql)
