"""What becomes of a pin: its tables are made, a reader needs it no longer, its time is over, or its product ends.

The tables are central's to drop: their role alone may, by a grant on each that it gives itself just before.
"""

from collections.abc import Callable, Mapping
from typing import Any

from mesh.domain.contracts.product import ConcurrentChange, Product
from mesh.domain.errors import Rejected
from mesh.domain.events import (
    Envelope,
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
from mesh.domain.publishing.pins import PIN, Holder, NotPinned, Pin, PinCause, Pins
from mesh.ports import Locks, MemberTopics, Proposals, Schedules
from mesh.usecases.authorisation import owned_product, record_refusal, require_sender
from mesh.usecases.central_context import CentralContext
from mesh.usecases.publishing.make_pin import make_tables
from mesh.usecases.publishing.pin_updates import change_pins, notify_over, notify_ready, refuse_wish, schedule_name
from mesh.usecases.publishing.release_versions import release_versions
from mesh.usecases.publishing.request_pin import PinState
from mesh.usecases.publishing.tag_pins import Tagging


class Due(Model):
    """The time of some holders of a pin has come: said by a schedule."""

    product: str
    pin: str


class Settled(Model):
    """The pins that it was about, as they stand."""

    pins: tuple[PinState, ...]


class PinKeeper:
    """Central's hands on pinned tables. `role_arn` is the role that acts: the only one that drops them."""

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
        """By what it is about: `payload` is an envelope of one of the events below, or `{"ending": …}`.

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
        return Settled(pins=tuple(self.retire(envelope)))

    def make(self, envelope: Envelope) -> PinState:
        """Central accepted it: make the tables, as strict as they have to be, then tell. Repeatable.

        What cannot be made ends the pin. Raises ForgedSender, MalformedEvent, NotYetReadable, ConcurrentChange.
        """
        self._require_central(envelope)
        event = read_event(PinAccepted, envelope)
        ordered = event.data
        with self._locks.hold(ordered.pin):  # who ends it meanwhile drops what is there when this has ended
            product = self._context.registry.product(ordered.product)
            pin = self._context.registry.pins(ordered.product).pin(ordered.pin)
            if product is None or pin is None or pin.status != "preparing":
                status = pin.status if pin else "ended"
                return PinState(product=ordered.product, version=ordered.version, pin=ordered.pin, status=status)
            try:
                made = make_tables(product, pin, tagging=self._tagging, proposals=self._proposals)
            except Rejected as refusal:
                lost = Reason.model_validate(refusal.to_dict())
            else:
                changes = {"tables": made.tables, "status": "ready"}
                saved = self._update(product.name, pin.id, lambda known: known.evolve(**changes))
                for holder in saved.holders if saved.status == "ready" else ():
                    notify_ready(product.name, saved, holder, context=self._context, topics=self._topics)
                return _state(product, saved)
        return self._end(product, pin.id, refusal=lost)

    def end_versions(self, envelope: Envelope) -> list[PinState]:
        """Versions were marked as ended: their pins end, and then their files are released. Repeatable.

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
        release_versions(product, numbers, event.metadata, context=self._context, topics=self._topics)
        return ended

    def _require_central(self, envelope: Envelope) -> None:
        if envelope.account != self._context.account:
            lie = ForgedSender(f"account {envelope.account} may not send this event", account=envelope.account)
            record_refusal(envelope, lie, self._context)
            raise lie

    def unpin(self, envelope: Envelope) -> PinState:
        """An account needs its pinned version no longer; the tables go with their last holder.

        Raises NotAMember, ForgedSender, MalformedEvent, NotPinned; every refusal is recorded, and told.
        """
        metadata = metadata_of(envelope)
        try:
            require_sender(envelope, self._context)
            wish = read_event(UnpinRequested, envelope).data
            if metadata.id in self._context.registry.pins(wish.product).ended:  # delivered again
                return PinState(product=wish.product, version=wish.version, pin="", status="ended")
            product, pin, holder = self._held(wish, envelope.account, metadata.id)
        except Rejected as refusal:
            refuse_wish(envelope, refusal, context=self._context, topics=self._topics)
            raise
        story = {"request": metadata.id, "correlation_id": metadata.correlation_id}
        gone = holder.evolve(until=self._context.clock.now(), cause="unpinned", **story)
        self._update(product.name, pin.id, lambda known: known.held_by(gone))
        facts = {"product": product.name, "version": wish.version, "pin": pin.id, "account": envelope.account}
        self._context.trace.note(metadata.correlation_id, "unpinned", **facts)
        return self.end_due(product.name, pin.id)

    def end_due(self, product: str, number: str) -> PinState:
        """The time of some of its holders has come. One that has ended is success. Raises ConcurrentChange."""
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
        """The product ends: so do its pins. Raises what `authorise` raises, MalformedEvent, NotTheOwner; whoever
        retires the product records that."""
        require_sender(envelope, self._context)
        wish = read_event(RetirementRequested, envelope)
        product = owned_product(self._context.registry, wish.data.product, envelope.account)
        pins = self._context.registry.pins(product.name).pins
        return [self._end(product, pin.id, cause_for_all="retired") for pin in pins]

    def _held(self, wish: UnpinRequested, account: str, request: str) -> tuple[Product, Pin, Holder]:
        """Also one that this very event has ended already: it was delivered again."""
        product, pins = self._context.registry.product(wish.product), self._context.registry.pins(wish.product)
        again = (pin for pin in pins.pins if any(holder.request == request for holder in pin.holders))
        pin = next(again, None) or pins.of_version(wish.version)
        holder = pin.holder(account) if pin is not None else None
        if product is None or pin is None or holder is None:
            raise NotPinned(
                f"version {wish.version} of {wish.product} is not pinned for account {account}",
                product=wish.product,
                version=wish.version,
                remedy=f"mesh pins {wish.product} lists what is.",
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
        """The tables go, then whoever held it is told; then nothing is left of it.

        `only_over`: not if somebody asked for it meanwhile.
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
        """Of a pin that ends before anybody said which tables it has: a run may have made them already."""
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


def _state(product: Product, pin: Pin) -> PinState:
    return PinState(product=product.name, version=pin.version, pin=pin.id, status=pin.status)
