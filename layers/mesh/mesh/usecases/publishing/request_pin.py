"""A reader requests a pin: check the sender and the version; then `settle_pin` creates its tables."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from mesh.domain.access.request import UntilInThePast
from mesh.domain.contracts.product import Product, ProductVersion, UnknownProduct
from mesh.domain.errors import Rejected
from mesh.domain.events import Envelope, Event, PinAccepted, PinRequested, follow, metadata_of, read_event
from mesh.domain.model import Model
from mesh.domain.publishing.keeping import require_kept, require_known, require_metadata
from mesh.domain.publishing.pins import Holder, NoLiveAccess, Pin, Pins, PinTooLong, TooManyPins, pin_id
from mesh.ports import Bus, MemberTopics, Schedules, Target
from mesh.usecases.authorisation import require_sender
from mesh.usecases.central_context import CentralContext
from mesh.usecases.publishing.pin_updates import (
    cause_of,
    change_pins,
    live_accesses,
    notify_ready,
    reject_request,
    schedule_name,
)


@dataclass(frozen=True)
class PinLimits:
    """The longest time that a version is pinned, and how many of a product at once."""

    longest: timedelta
    at_most: int


class PinState(Model):
    """A pin and its status."""

    product: str
    version: int
    pin: str
    status: str


def request_pin(
    envelope: Envelope,
    *,
    limits: PinLimits,
    end: Target,
    context: CentralContext,
    topics: MemberTopics,
    schedules: Schedules,
    bus: Bus,
) -> PinState:
    """Record who pins which version until when; have its tables created unless it is pinned already. Idempotent.

    The end is scheduled before anything is created. A later request of the same account replaces its earlier one, in
    whichever order they come. Raises NotAMember, ForgedSender, MalformedEvent, UnknownProduct, UnknownVersion,
    VersionEnded, NeedsExpress, NoLiveAccess, UntilInThePast, PinTooLong, TooManyPins; every rejection is recorded and
    sent to the sender.
    """
    metadata = metadata_of(envelope)
    try:
        require_sender(envelope, context)
        request = read_event(PinRequested, envelope).data
        known = context.registry.pins(request.product)
        if metadata.id in known.ended:
            return PinState(product=request.product, version=request.version, pin="", status="ended")
        product, version = _what(request, context)
        if not known.has_request(metadata.id):  # delivered again, its access may have ended
            _require_reader(product, envelope.account, context)
        now = context.clock.now()
        _require_time(request.until, now, limits)
        holder = Holder(
            account=envelope.account,
            until=request.until,
            reason=request.reason,
            request=metadata.id,
            correlation_id=metadata.correlation_id,
            asked_at=min(metadata.time, now),
        )
        pins = change_pins(product.name, lambda found: _held(found, version, holder, limits), context.registry)
    except Rejected as refusal:
        reject_request(envelope, refusal, context=context, topics=topics)
        raise
    pin = pins.of_version(request.version)
    if pin is None or all(each.request != holder.request for each in pin.holders):  # it ended, or a later one came
        return PinState(product=product.name, version=request.version, pin=pin.id if pin else "", status="ended")
    ending = {"ending": {"product": product.name, "pin": pin.id}}
    schedules.at(schedule_name(pin, holder), holder.until, end, json.dumps(ending))
    _have_made(product, pin, holder, context=context, topics=topics, bus=bus)
    return PinState(product=product.name, version=pin.version, pin=pin.id, status=pin.status)


def _what(request: PinRequested, context: CentralContext) -> tuple[Product, ProductVersion]:
    product = context.registry.product(request.product)
    if product is None or product.draft or product.status == "retired":
        raise UnknownProduct(
            f"there is no product {request.product!r}", product=request.product, remedy="mesh products"
        )
    found = context.registry.version(product.name, request.version)
    version = require_known(found, product.name, request.version)
    require_kept(version)
    require_metadata(version)
    return product, version


def _require_reader(product: Product, account: str, context: CentralContext) -> None:
    """Central and the owner may pin; a consumer needs access to the product now."""
    if account in (context.account, product.owner) or any(live_accesses(product.name, account, context)):
        return
    raise NoLiveAccess(
        f"account {account} has no live access to {product.name}",
        product=product.name,
        account=account,
        remedy=f"Request access first: mesh request {product.name} --purpose … --until …",
    )


def _require_time(until: datetime, now: datetime, limits: PinLimits) -> None:
    if until <= now:
        raise UntilInThePast(f"it would have ended at {until.isoformat()}", remedy="Choose a later --until.")
    latest = now + limits.longest
    if until > latest:
        raise PinTooLong(
            f"a version is pinned for at most {limits.longest.days} days",
            latest=latest.isoformat(),
            remedy="Pin it for a shorter time; it can be extended: run mesh pin again before it ends.",
        )


def _held(found: Pins, version: ProductVersion, holder: Holder, limits: PinLimits) -> Pins:
    if holder.request in found.ended or found.is_outdated(holder.account, version.version, holder.asked_at):
        return found
    pin, begun = found.of_version(version.version), pin_id(holder.request)
    if pin is not None:
        if any(each.request == holder.request for each in pin.holders):
            return found  # delivered again
        return found.having(pin.held_by(holder))
    if found.pin(begun) is not None:
        return found  # delivered again after it came to an end
    kept = [each.version for each in found.kept()]
    if len(kept) >= limits.at_most:
        raise TooManyPins(
            f"{found.product} has {len(kept)} pinned versions, the most that this mesh keeps",
            product=found.product,
            versions=kept,
            remedy=f"Use one of them, or wait until one ends: mesh pins {found.product}.",
        )
    return found.having(Pin(id=begun, version=version.version, status="preparing", holders=(holder,)))


def _have_made(
    product: Product, pin: Pin, holder: Holder, *, context: CentralContext, topics: MemberTopics, bus: Bus
) -> None:
    """Already ready, or the second step creates the tables; a repeated request creates them again."""
    metadata = cause_of(holder)
    facts = {"product": product.name, "version": pin.version, "pin": pin.id, "account": holder.account}
    request = {"until": holder.until.isoformat(), "why": holder.reason}
    context.trace.note(metadata.correlation_id, "pin requested", **facts, **request)
    if pin.status == "ready":
        notify_ready(product.name, pin, holder, context=context, topics=topics)
        return
    accepted = PinAccepted(product=product.name, version=pin.version, pin=pin.id)
    event = Event[PinAccepted](metadata=follow(metadata, "pin accepted"), data=accepted)
    bus.put(PinAccepted.detail_type(), event.model_dump_json())
