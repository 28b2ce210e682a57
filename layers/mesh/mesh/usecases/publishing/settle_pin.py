"""The life of a pin: its tables are created, and dropped when it is removed, expires, or its product ends.

Only central's pin role may drop the tables, by a grant on each that it gives itself just before.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from mesh.domain.contracts.product import ConcurrentChange, Product
from mesh.domain.errors import Rejected
from mesh.domain.events import (
    Envelope,
    MembershipEnded,
    Metadata,
    PinAccepted,
    Reason,
    RetirementRequested,
    UnpinRequested,
    VersionsEnded,
    metadata_of,
    read_event,
)
from mesh.domain.governance.product_rights import grant_entry
from mesh.domain.membership.authorisation import ForgedSender
from mesh.domain.model import Model
from mesh.domain.names import pinned_table
from mesh.domain.publishing.pins import PIN, Holder, NotPinned, Pin, PinCause, PinIsNewer, Pins
from mesh.ports import Locks, MemberTopics, Proposals, Schedules
from mesh.usecases.authorisation import product_of, record_refusal, require_sender
from mesh.usecases.central_context import CentralContext
from mesh.usecases.publishing.make_pin import make_tables
from mesh.usecases.publishing.pin_updates import change_pins, notify_over, notify_ready, reject_request, schedule_name
from mesh.usecases.publishing.release_versions import release_versions
from mesh.usecases.publishing.request_pin import PinState
from mesh.usecases.publishing.tag_pins import Tagging


class Due(Model):
    """A schedule reports that some holders' pins have expired."""

    product: str
    pin: str


class Settled(Model):
    """The pins concerned, with their present state."""

    pins: tuple[PinState, ...]


class PinKeeper:
    """Creates and drops pinned tables. `role_arn` is the role that it acts as, the only one that may drop them."""

    def __init__(
        self,
        *,
        role_arn: str,
        context: CentralContext,
        topics: MemberTopics,
        schedules: Schedules,
        tagging: Tagging,
        proposals: Proposals,
        locks: Locks,
    ) -> None:
        self._role_arn = role_arn
        self._context, self._topics, self._schedules = context, topics, schedules
        self._tagging, self._proposals, self._locks = tagging, proposals, locks

    def settle(self, payload: Mapping[str, Any]) -> Settled:
        """Dispatch by type: `payload` is an envelope of one of the events below, or `{"ending": …}`.

        Raises what the methods below raise.
        """
        if "ending" in payload:
            due = Due.model_validate(payload["ending"])
            return Settled(pins=(self.end_due(due.product, due.pin),))
        envelope = Envelope.model_validate(payload)
        if envelope.detail_type == PinAccepted.detail_type():
            return Settled(pins=(self.make(envelope),))
        if envelope.detail_type == VersionsEnded.detail_type():
            return Settled(pins=tuple(self.end_versions(envelope)))
        if envelope.detail_type == UnpinRequested.detail_type():
            return Settled(pins=(self.unpin(envelope),))
        if envelope.detail_type == MembershipEnded.detail_type():
            return Settled(pins=tuple(self.end_of_account(envelope)))
        return Settled(pins=tuple(self.retire(envelope)))

    def make(self, envelope: Envelope) -> PinState:
        """Central accepted the pin: create its tables with tags that are strict enough, then notify. Idempotent.

        A table that cannot be created ends the pin, and so does a retired product. Raises ForgedSender,
        MalformedEvent, NotYetReadable, ConcurrentChange.
        """
        self._require_central(envelope)
        event = read_event(PinAccepted, envelope)
        ordered = event.data
        with self._locks.hold(ordered.pin):  # an end that arrives meanwhile drops the tables after this step
            product = self._context.registry.product(ordered.product)
            pin = self._context.registry.pins(ordered.product).pin(ordered.pin)
            if product is None or pin is None or pin.status not in {"preparing", "ready"}:
                status = pin.status if pin else "ended"
                return PinState(product=ordered.product, version=ordered.version, pin=ordered.pin, status=status)
            lost: Reason | None = None
            if pin.status == "preparing":  # else by an attempt that died, perhaps before it told its holders
                try:
                    made = make_tables(product, pin, tagging=self._tagging, proposals=self._proposals)
                except Rejected as refusal:
                    lost = Reason.model_validate(refusal.to_dict())
                else:
                    changes = {"tables": made.tables, "status": "ready"}
                    pin = self._update(product.name, pin.id, lambda known: known.evolve(**changes))
        if lost is not None:
            return self._end(product, pin.id, refusal=lost)
        now = self._context.registry.product(product.name)
        if now is not None and now.status == "retired":  # which may have ended its pins before this one was recorded
            return self._end(product, pin.id, cause_for_all="retired")
        return self._tell(product, pin)

    def _tell(self, product: Product, pin: Pin) -> PinState:
        for holder in pin.holders if pin.status == "ready" else ():
            notify_ready(product.name, pin, holder, context=self._context, topics=self._topics)
        return _state(product, pin)

    def end_versions(self, envelope: Envelope) -> list[PinState]:
        """Versions were marked as ended: end their pins, then release their files. Idempotent.

        Raises ForgedSender, MalformedEvent, ConcurrentChange.
        """
        self._require_central(envelope)
        event = read_event(VersionsEnded, envelope)
        product = self._context.registry.product(event.data.product)
        if product is None:
            return []
        numbers = set(event.data.versions)
        pins = [pin for pin in self._context.registry.pins(product.name).pins if pin.version in numbers]
        ended = [self._end(product, pin.id, cause_for_all="withdrawn") for pin in pins]
        release_versions(
            product, numbers, event.metadata, context=self._context, topics=self._topics, proposals=self._proposals
        )
        return ended

    def _require_central(self, envelope: Envelope) -> None:
        if envelope.account != self._context.account:
            lie = ForgedSender(f"account {envelope.account} may not send this event", account=envelope.account)
            record_refusal(envelope, lie, self._context)
            raise lie

    def unpin(self, envelope: Envelope) -> PinState:
        """An account no longer needs its pinned version; the tables are dropped with their last holder. Nothing
        changes where it has pinned the version again since, and a request to pin that was sent before comes too late.

        Raises NotAMember, ForgedSender, MalformedEvent, NotPinned, PinIsNewer; every rejection is recorded and sent to
        the sender.
        """
        metadata = metadata_of(envelope)
        try:
            require_sender(envelope, self._context)
            request = read_event(UnpinRequested, envelope).data
            sent = min(metadata.time, self._context.clock.now())
            pins = self._not_kept(request, envelope.account, sent)
            if metadata.id in pins.ended or pins.is_outdated(envelope.account, request.version, sent):
                _require_unpinned(request, envelope.account, metadata.id, pins)
                return PinState(product=request.product, version=request.version, pin="", status="ended")
            product, pin, holder = self._held(request, envelope.account, metadata.id)
        except Rejected as refusal:
            reject_request(envelope, refusal, context=self._context, topics=self._topics)
            raise
        return self._let_go(product.name, pin, holder, metadata)

    def end_of_account(self, envelope: Envelope) -> list[PinState]:
        """An account was expelled: it holds no pins any more, unless it was admitted again since. Idempotent.

        Raises ForgedSender, MalformedEvent, ConcurrentChange.
        """
        self._require_central(envelope)
        event, registry = read_event(MembershipEnded, envelope), self._context.registry
        member = registry.member(event.data.member)
        if member is not None and member.status == "admitted":
            return []
        held = (
            (name, pin, pin.holder(event.data.member))
            for name in registry.product_names()
            for pin in registry.pins(name).pins
        )
        return [self._let_go(name, pin, holder, event.metadata) for name, pin, holder in held if holder is not None]

    def _let_go(self, product: str, pin: Pin, holder: Holder, cause: Metadata) -> PinState:
        """For this holder it is over; the tables go with the last one."""
        ids = {"request": cause.id, "correlation_id": cause.correlation_id}
        gone = holder.evolve(until=self._context.clock.now(), cause="unpinned", **ids)
        self._update(product, pin.id, lambda known: known.held_by(gone))
        facts = {"product": product, "version": pin.version, "pin": pin.id, "account": holder.account}
        self._context.trace.note(cause.correlation_id, "unpinned", **facts)
        return self.end_due(product, pin.id)

    def end_due(self, product: str, number: str) -> PinState:
        """Some of its holders have expired. A pin that has ended already is success. Raises ConcurrentChange."""
        found, pin = self._context.registry.product(product), self._context.registry.pins(product).pin(number)
        if found is None or pin is None:
            return PinState(product=product, version=pin.version if pin else 0, pin=number, status="ended")
        over = pin.over(self._context.clock.now())
        if pin.status == "ending" or len(over) == len(pin.holders):
            return self._end(found, pin.id, only_over=True)
        for holder in over:
            notify_over(product, pin, holder, context=self._context, topics=self._topics)
        gone = {holder.request for holder in over}
        left = self._update(product, pin.id, lambda known: known.without(gone))
        return _state(found, left)

    def retire(self, envelope: Envelope) -> list[PinState]:
        """The product ends, and its pins with it; not by a request that comes after a newer contract. Raises what
        `authorise` raises, MalformedEvent, NotTheOwner; the rejection is recorded by `retire_product`."""
        require_sender(envelope, self._context)
        request = read_event(RetirementRequested, envelope)
        product = product_of(request.data.product, envelope.account, self._context)
        if product.was_revived_after(request.metadata.id, min(request.metadata.time, self._context.clock.now())):
            return []
        pins = self._context.registry.pins(product.name).pins
        return [self._end(product, pin.id, cause_for_all="retired") for pin in pins]

    def _not_kept(self, request: UnpinRequested, account: str, sent: datetime) -> Pins:
        """The product's pins, which know of the request."""

        def noted(found: Pins) -> Pins:
            late = found.is_outdated(account, request.version, sent)
            return found if late else found.unpinned_by(account, request.version, sent)

        if self._context.registry.product(request.product) is None:
            return Pins(product=request.product)
        return change_pins(request.product, noted, self._context.registry)

    def _held(self, request: UnpinRequested, account: str, event_id: str) -> tuple[Product, Pin, Holder]:
        """Includes a pin that this very event has ended already: the event was delivered again."""
        product, pins = self._context.registry.product(request.product), self._context.registry.pins(request.product)
        again = (pin for pin in pins.pins if any(holder.request == event_id for holder in pin.holders))
        pin = next(again, None) or pins.of_version(request.version)
        holder = pin.holder(account) if pin is not None else None
        if product is None or pin is None or holder is None:
            raise NotPinned(
                f"version {request.version} of {request.product} is not pinned for account {account}",
                product=request.product,
                version=request.version,
                remedy=f"mesh pins {request.product} lists the pinned versions.",
            )
        return product, pin, holder

    def _end(
        self,
        product: Product,
        number: str,
        *,
        refusal: Reason | None = None,
        cause_for_all: PinCause | None = None,
        only_over: bool = False,
    ) -> PinState:
        """Drop the tables, notify the holders, then delete the record.

        `only_over`: not if an account requested it meanwhile.
        """
        now = self._context.clock.now()

        def end(known: Pin) -> Pin:
            if only_over and len(known.over(now)) < len(known.holders):
                return known
            holders = known.holders
            if cause_for_all is not None:
                holders = tuple(each.evolve(cause=cause_for_all) for each in holders)
            return known.evolve(status="ending", holders=holders, refusal=refusal)

        ending = self._update(product.name, number, end)
        if ending.status != "ending":
            return _state(product, ending)
        with self._locks.hold(ending.id):
            for table in ending.tables or self._of_version(product.name, ending.version):
                self._drop(product.name, pinned_table(table, ending.version), ending.id)
        for holder in ending.holders:
            notify_over(product.name, ending, holder, context=self._context, topics=self._topics)
            self._schedules.drop(schedule_name(ending, holder))
        change_pins(product.name, lambda found: found.without(ending.id), self._context.registry)
        return PinState(product=product.name, version=ending.version, pin=ending.id, status="ended")

    def _drop(self, database: str, name: str, number: str) -> None:
        """The table, if it is this pin's: a later pin of the version has one of the same name."""
        found = self._tagging.catalog.table(database, name)
        if found is None or found.get("Parameters", {}).get(PIN) != number:
            return
        place = {"Table": {"CatalogId": self._context.account, "DatabaseName": database, "Name": name}}
        self._tagging.lake.grant([grant_entry(self._role_arn, place, ["DROP"])])
        self._tagging.catalog.drop_table(database, name)

    def _of_version(self, product: str, number: int) -> tuple[str, ...]:
        """For a pin that ends before its tables were recorded: a run may have created them already."""
        version = self._context.registry.version(product, number)
        return tuple(table.table for table in version.tables) if version else ()

    def _update(self, product: str, number: str, change: Callable[[Pin], Pin]) -> Pin:
        """Change the pin as it stands; one that is ending stays so. Raises ConcurrentChange, also if it is gone."""

        def changed(found: Pins) -> Pins:
            known = found.pin(number)
            return found if known is None or known.status == "ending" else found.having(change(known))

        pin = change_pins(product, changed, self._context.registry).pin(number)
        if pin is None:
            raise ConcurrentChange(f"pin {number} of {product} is gone", product=product)
        return pin


def _require_unpinned(request: UnpinRequested, account: str, event_id: str, pins: Pins) -> None:
    """Raises PinIsNewer for a request that comes late; one that had its effect may come again."""
    pin = pins.of_version(request.version)
    if event_id not in pins.ended and pin is not None and pin.holder(account) is not None:
        raise PinIsNewer(
            f"account {account} pinned version {request.version} of {request.product} again after that request",
            product=request.product,
            version=request.version,
            remedy=f"To end that as well: mesh unpin {request.product} {request.version}",
        )


def _state(product: Product, pin: Pin) -> PinState:
    return PinState(product=product.name, version=pin.version, pin=pin.id, status=pin.status)
