"""Fakes of who and what is known."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from mesh.domain.access.record import ASKING, OVER, Access, AlreadyRequested
from mesh.domain.contracts.announcement import Announcement
from mesh.domain.contracts.claims import Claim, claimed_by_another, claims_of
from mesh.domain.contracts.handover import declared_again
from mesh.domain.contracts.product import ConcurrentChange, Product, ProductVersion, RollbackOrder, VersionEnd
from mesh.domain.events import Reason, whole_second
from mesh.domain.governance.column_findings import KnownFinding, join
from mesh.domain.membership.members import Member
from mesh.domain.publishing.pins import Pins
from mesh.ports import Addressee, Note, Notice

from tests.fakes.messages import FakeTrace
from tests.fakes.runs import NOON


class FakeRegistry:
    """Central's registry. Trace entries of its writes are in `trace`."""

    def __init__(self, *members: Member, trace: FakeTrace | None = None) -> None:
        self.trace = trace or FakeTrace()
        self.accounts = {member.account: member for member in members}
        self.products: dict[str, Product] = {}
        self.claims: dict[Claim, str] = {}
        self.recorded: dict[str, list[ProductVersion]] = {}
        self.subscriptions: dict[str, dict[str, datetime]] = {}
        self.asked: dict[tuple[str, str], datetime] = {}
        self.notices: set[tuple[str, int, str]] = set()
        self.refused: list[tuple[str, str, dict[str, Any]]] = []
        self.rollbacks: dict[tuple[str, str], RollbackOrder] = {}
        self.rolling: dict[str, tuple[str, datetime]] = {}
        self.kept: dict[str, Pins] = {}
        self.found: dict[str, dict[str, tuple[KnownFinding, ...]]] = {}

    def member(self, account: str) -> Member | None:
        return self.accounts.get(account)

    def sender(self, account: str, product: str) -> tuple[Member | None, Product | None]:
        return self.member(account), self.product(product)

    def audience(self, product: str, version: int, accounts: Iterable[str]) -> dict[str, Addressee]:
        return {
            account: Addressee(self.accounts[account], (product, version, account) in self.notices)
            for account in accounts
            if account in self.accounts
        }

    def put_member(self, member: Member) -> None:
        self.accounts[member.account] = member

    def change_member(self, account: str, change: Callable[[Member | None], Member]) -> Member:
        self.put_member(change(self.member(account)))
        return self.accounts[account]

    def members(self) -> Iterator[Member]:
        return iter(sorted(self.accounts.values(), key=lambda member: member.account))

    def product(self, name: str) -> Product | None:
        return self.products.get(name)

    def findings(self, product: str) -> dict[str, tuple[KnownFinding, ...]]:
        return dict(self.found.get(product, {}))

    def add_findings(self, product: str, table: str, findings: Sequence[KnownFinding]) -> None:
        known = self.found.setdefault(product, {})
        known[table] = join(known.get(table, ()), findings)

    def product_names(self) -> Iterator[str]:
        return iter(sorted(self.products))

    def claim_product(self, product: Product) -> Product:
        existing = self.products.get(product.name)
        if existing is not None:
            product = declared_again(existing, product)
            if product is existing:
                return existing
        claims = claims_of(product)
        for claim in claims:
            if self.claims.get(claim, product.name) != product.name:
                raise claimed_by_another(claim, self.claims[claim])
        if existing is not None and existing.status == "claimed":
            self._release(existing)
        self.claims |= dict.fromkeys(claims, product.name)
        self.products[product.name] = product
        return product

    def release_claims(self, name: str, sequencer: str) -> None:
        product = self.products.get(name)
        if product is not None and (product.status, product.contract_sequencer) == ("claimed", sequencer):
            self._release(self.products.pop(name))

    def _release(self, product: Product) -> None:
        for claim in claims_of(product):
            self.claims.pop(claim, None)

    def mark_registered(self, name: str, sequencer: str, at: datetime) -> None:
        if name not in self.products or self.products[name].contract_sequencer != sequencer:
            raise ConcurrentChange(f"product {name} was given up, or declared again, meanwhile", product=name)
        self.products[name] = self.products[name].evolve(
            status="registered", after_draft=False, taken_from=None, registered_at=at
        )

    def mark_retired(self, product: Product, request: str, sent: datetime, at: datetime) -> None:
        now = self.products[product.name]
        if now.contract_sequencer != product.contract_sequencer:
            raise ConcurrentChange(f"product {product.name} was declared again meanwhile", product=product.name)
        ended, last = product.ended_by(request, sent)
        self.products[product.name] = now.evolve(status="retired", retirements=ended, retired=last)

    def latest_version(self, product: str) -> ProductVersion | None:
        versions = self.recorded.get(product)
        return versions[-1] if versions else None

    def version(self, product: str, number: int) -> ProductVersion | None:
        return next((version for version in self._versions(product) if version.version == number), None)

    def _versions(self, product: str) -> list[ProductVersion]:
        return self.recorded.get(product, [])

    def versions(self, product: str) -> Iterator[ProductVersion]:
        return iter(reversed(self._versions(product)))

    def end_version(self, product: str, number: int, end: VersionEnd) -> None:
        known = self.recorded.get(product, [])
        self.recorded[product] = [
            version.model_copy(update={"ended": end}) if version.version == number else version for version in known
        ]

    def begin_rollback(self, order: RollbackOrder, until: datetime, busy: Reason) -> RollbackOrder:
        place = (order.product, order.request)
        request, end = self.rolling.get(order.product, (order.request, until))
        if place not in self.rollbacks:
            if request != order.request and end >= order.at:
                order = order.model_copy(update={"status": "refused", "refusal": busy})
            else:
                self.rolling[order.product] = (order.request, until)
            self.rollbacks[place] = order
        return self.rollbacks[place]

    def rollback(self, product: str, request: str) -> RollbackOrder | None:
        return self.rollbacks.get((product, request))

    def publish_rollback(self, product: str, request: str) -> RollbackOrder | None:
        return self._end_rollback(product, request, status="published")

    def refuse_rollback(self, product: str, request: str, reason: Reason) -> RollbackOrder | None:
        return self._end_rollback(product, request, status="refused", refusal=reason)

    def _end_rollback(self, product: str, request: str, **end: Any) -> RollbackOrder | None:
        order = self.rollbacks.get((product, request))
        if order is not None and order.status == "started":
            self.rollbacks[product, request] = order.model_copy(update=end)
        if self.rolling.get(product, ("", NOON))[0] == request:
            del self.rolling[product]
        return self.rollbacks.get((product, request))

    def pins(self, product: str) -> Pins:
        return self.kept.get(product, Pins(product=product))

    def save_pins(self, pins: Pins) -> Pins:
        if pins.revision != self.pins(pins.product).revision:
            raise ConcurrentChange(f"the pins of {pins.product} changed meanwhile", product=pins.product)
        self.kept[pins.product] = pins.model_copy(update={"revision": pins.revision + 1})
        return self.kept[pins.product]

    def record_version(self, version: ProductVersion, note: Note, *, contract: str) -> ProductVersion:
        recorded = self.version_of_run(version.product, version.run)
        if recorded is not None:
            return recorded
        product = self.products[version.product]
        if version.version != product.version + 1 or contract != product.contract_sequencer:
            raise ConcurrentChange(f"version {version.version} of {version.product} was taken meanwhile")
        self.recorded.setdefault(version.product, []).append(version)
        self.products[version.product] = product.model_copy(update={"version": version.version})
        self.trace.keep(note)
        return version

    def version_of_run(self, product: str, run: str) -> ProductVersion | None:
        return next((version for version in self._versions(product) if version.run == run), None)

    def subscribe(self, product: str, account: str, at: datetime) -> None:
        self.subscriptions.setdefault(product, {}).setdefault(account, at)

    def unsubscribe(self, product: str, account: str, at: datetime) -> None:
        self.follow_request(product, account, wanted=False, asked=whole_second(at))

    def follow_request(self, product: str, account: str, *, wanted: bool, asked: datetime) -> bool:
        if asked < self.asked.get((product, account), asked):
            return False
        self.asked[product, account] = asked
        if wanted:
            self.subscribe(product, account, asked)
        else:
            self.subscriptions.get(product, {}).pop(account, None)
        return True

    def subscribers(self, product: str) -> Iterator[str]:
        return iter(sorted(self.subscriptions.get(product, {})))

    def record_notices(self, product: str, version: int, accounts: Iterable[str], at: datetime, note: Note) -> None:
        self.notices |= {(product, version, account) for account in accounts}
        self.trace.keep(note)

    def record_refusal(
        self, account: str, detail_type: str, reason: Mapping[str, Any], at: datetime, *, event: str
    ) -> None:
        self.refused.append((account, detail_type, dict(reason)))

    def refusals(self, account: str, since: datetime) -> Iterator[tuple[str, str]]:
        return iter([(kind, reason["code"]) for known, kind, reason in reversed(self.refused) if known == account])


class FakeAnnouncements:
    """Announced revisions of contracts, by product."""

    def __init__(self) -> None:
        self.found: dict[str, Announcement] = {}

    def newest(self, product: str) -> Announcement | None:
        return self.found.get(product)

    def announce(self, announcement: Announcement) -> Announcement:
        known = self.found.get(announcement.product)
        if known and (
            known.declaration == announcement.declaration
            or known.compared(announcement.owner, announcement.sequencer) > 0
        ):
            return known
        self.found[announcement.product] = announcement.in_place_of(known)
        return self.found[announcement.product]

    def record_readers(self, announcement: Announcement, readers: tuple[str, ...], *, told: bool) -> None:
        known = self.found[announcement.product]
        if known.declaration == announcement.declaration:
            self.found[announcement.product] = known.evolve(told=told, readers=readers)

    def end(self, product: str) -> None:
        if product in self.found:
            self.found[product] = self.found[product].evolve(ended=True)


class FakeAccessRegistry:
    """Central's accesses."""

    def __init__(self) -> None:
        self.stored: dict[str, Access] = {}
        self.asks: dict[tuple[str, str], str] = {}
        self.tokens: dict[tuple[str, str], str] = {}
        self.token_orders: dict[tuple[str, str], tuple[str, str]] = {}

    def open(self, access: Access) -> Access:
        if access.id in self.stored:
            return self.stored[access.id]
        request = (access.receiver, access.request.fingerprint())
        holder = self.stored.get(self.asks.get(request, ""))
        if holder is not None and holder.status in ASKING:
            raise AlreadyRequested(f"this access was requested already: {holder.id}", access=holder.id)
        self.asks[request] = access.id
        self.stored[access.id] = access
        return access

    def access(self, access_id: str) -> Access | None:
        return self.stored.get(access_id)

    def save(self, access: Access) -> Access:
        if access.id not in self.stored or self.stored[access.id].revision != access.revision:
            raise ConcurrentChange(f"access {access.id} changed meanwhile", access=access.id)
        self.stored[access.id] = access.model_copy(update={"revision": access.revision + 1})
        return self.stored[access.id]

    def held_by(self, receiver: str) -> Iterator[Access]:
        return (each for each in self.stored.values() if each.receiver == receiver and each.status not in OVER)

    def newest(self) -> Iterator[Access]:
        return iter(sorted(self.stored.values(), key=lambda each: (each.asked_at, each.id), reverse=True))

    def keep_token(self, access_id: str, step: str, token: str, *, order: str = "", execution: str = "") -> None:
        kept, by = self.token_orders.get((access_id, step), ("", ""))
        if not order or kept != order or by == execution or (access_id, step) not in self.tokens:
            self.tokens[access_id, step] = token
            self.token_orders[access_id, step] = order, execution

    def token(self, access_id: str, step: str) -> str | None:
        return self.tokens.get((access_id, step))

    def drop_token(self, access_id: str, step: str, token: str) -> None:
        if self.tokens.get((access_id, step)) == token:
            del self.tokens[access_id, step]


class FakeNotices:
    """Notices by event id."""

    def __init__(self) -> None:
        self.stored: dict[str, tuple[str, Mapping[str, Any]]] = {}
        self.notified: list[str] = []

    def known(self, event_ids: Iterable[str]) -> set[str]:
        return self.stored.keys() & set(event_ids)

    def add(self, notices: Sequence[Notice]) -> None:
        for notice in notices:
            if notice.metadata.id not in self.stored:
                self.stored[notice.metadata.id] = (notice.detail_type, notice.detail)
                self.notified.append(notice.metadata.correlation_id)
