"""Central's registry in one DynamoDB table.

| pk | sk | item |
|---|---|---|
| `MEMBER#<account>` | `MEMBER` | Member |
| `PRODUCT#<name>` | `PRODUCT` | Product |
| `CLAIM#<kind>#<name>` | `CLAIM` | the product whose database, location or crawler that is |
| `PRODUCT#<name>` | `VERSION#<8 digits>` | ProductVersion |
| `PRODUCT#<name>` | `RUN#<event id>` | the version number of that run |
| `PRODUCT#<name>` | `SUBSCRIPTION#<account>` | since when |
| `PRODUCT#<name>` | `ASKED#<account>` | when it last asked to be subscribed, or not to be |
| `PRODUCT#<name>` | `NOTICE#<8 digits>#<account>` | when it was sent |
| `PRODUCT#<name>` | `ROLLBACK` | the rollback that goes on: its request, until when it is waited for |
| `PRODUCT#<name>` | `ROLLBACK#<request>` | RollbackOrder |
| `PRODUCT#<name>` | `PINS` | Pins: all versions that are kept for readers |
| `PRODUCT#<name>` | `FINDINGS#<table>` | KnownFindings of its columns, compressed: there may be very many |
| `REFUSAL#<account>` | `<time>#<detail-type>#<event>` | what was refused, and why; kept as long as a trace |
| `REFUSED#<account>` | of one event | that it is among the refusals: the event may come again |
| `LIST#PRODUCTS`, `LIST#MEMBERS` | the name | lists for people, without a scan |
| `TRACE#<correlation id>` | `<time>#…` | one upload's trace (see `adapters.trace`) |
"""

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import Binary

from mesh.adapters.dynamodb.items import Table, Write, delete, put, put_new, update
from mesh.adapters.dynamodb.trace import note_item
from mesh.domain.contracts.claims import Claim, claimed_by_another, claims_of
from mesh.domain.contracts.handover import declared_again
from mesh.domain.contracts.product import ConcurrentChange, Product, ProductVersion, RollbackOrder, VersionEnd
from mesh.domain.events import Reason, whole_second
from mesh.domain.membership.members import Member
from mesh.domain.retention import Kind
from mesh.ports import Addressee, Note

if TYPE_CHECKING:
    from mesh.domain.governance.column_findings import KnownFinding
    from mesh.domain.publishing.pins import Pins

_ATTEMPTS = 5
_DIGITS = 8
_THERE = "attribute_exists(pk)"
_BESIDE_BODY = ("after_draft", "taken_from", "retirements", "retired", "registered_at")


class DynamoRegistry:
    """Implements `ports.Registry`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def member(self, account: str) -> Member | None:
        """The account's record."""
        item = self._table.get(*_member(account))
        return Member.model_validate_json(item["body"]) if item else None

    def sender(self, account: str, product: str) -> tuple[Member | None, Product | None]:
        """See the port."""
        theirs, about = _member(account), (_product(product), "PRODUCT")
        items = self._table.get_all([theirs, about] if product else [theirs])
        member = Member.model_validate_json(items[theirs]["body"]) if theirs in items else None
        return member, _read_product(items[about]) if about in items else None

    def audience(self, product: str, version: int, accounts: Iterable[str]) -> dict[str, Addressee]:
        """See the port."""
        wanted = {account: (_product(product), _notice(version, account)) for account in accounts}
        items = self._table.get_all([*map(_member, wanted), *wanted.values()])
        return {
            account: Addressee(Member.model_validate_json(items[_member(account)]["body"]), notice in items)
            for account, notice in wanted.items()
            if _member(account) in items
        }

    def change_member(self, account: str, change: Callable[[Member | None], Member]) -> Member:
        """See the port."""
        pk, sk = _member(account)
        for _ in range(_ATTEMPTS):
            item = self._table.get(pk, sk)
            member = change(Member.model_validate_json(item["body"]) if item else None)
            record = {"pk": pk, "sk": sk, "body": member.model_dump_json()}
            unchanged = put(record, "body = :seen", {":seen": item["body"]}) if item else put_new(record)
            if self._table.write(unchanged, put({**record, "pk": "LIST#MEMBERS", "sk": account})):
                return member
        raise ConcurrentChange(f"the record of account {account} is being changed by others", account=account)

    def members(self) -> Iterator[Member]:
        """All members, by account."""
        return (Member.model_validate_json(item["body"]) for item in self._table.query("LIST#MEMBERS"))

    def product(self, name: str) -> Product | None:
        """The product, with the version number as it stands."""
        item = self._table.get(_product(name), "PRODUCT")
        return _read_product(item) if item else None

    def product_names(self) -> Iterator[str]:
        """See the port."""
        return (item["sk"] for item in self._table.query("LIST#PRODUCTS"))

    def products(self) -> Iterator[Product]:
        """All products, by name."""
        for item in self._table.query("LIST#PRODUCTS"):
            product = self.product(item["sk"])
            if product is not None:
                yield product

    def claim_product(self, product: Product) -> Product:
        """See the port. The version number and the state of an existing product are kept."""
        existing = self.product(product.name)
        if existing is None:
            self._claim(product, put_new(_product_item(product)), ())
            return product
        renewed = declared_again(existing, product)
        if renewed is existing:
            return existing
        seen = {":seen": existing.contract_sequencer, ":version": existing.version, ":status": existing.status}
        seen[":ended"] = existing.retirements
        same = "contract_sequencer = :seen AND version = :version AND #status = :status AND retirements = :ended"
        record = put(_product_item(renewed), same, seen, names={"#status": "status"})
        self._claim(renewed, record, claims_of(existing) if existing.status == "claimed" else ())
        return renewed

    def _claim(self, product: Product, record: Write, before: Iterable[Claim]) -> None:
        """The record and all its names in one transaction. Those claimed `before` by a contract that was never
        registered are given back; others stay the product's, since what was made under them is still there."""
        claims = claims_of(product)
        writes = [record, put({"pk": "LIST#PRODUCTS", "sk": product.name})]
        writes += (_claim_item(claim, product.name) for claim in claims)
        writes += (_released(claim, product.name) for claim in before if claim not in claims)
        if self._table.write(*writes):
            return
        held = self._table.get_all(map(_claim_key, claims))
        for claim in claims:
            holder = held.get(_claim_key(claim), {}).get("product", product.name)
            if holder != product.name:
                raise claimed_by_another(claim, holder)
        raise ConcurrentChange(f"product {product.name} changed meanwhile", product=product.name)

    def release_claims(self, name: str, sequencer: str) -> None:
        """See the port."""
        product = self.product(name)
        if product is None:
            return
        mine = {":claimed": "claimed", ":mine": sequencer}
        condition = "#status = :claimed AND contract_sequencer = :mine"
        self._table.write(
            delete(_product(name), "PRODUCT", condition, mine, names={"#status": "status"}),
            delete("LIST#PRODUCTS", name),
            *(_released(claim, name) for claim in claims_of(product)),
        )

    def mark_registered(self, name: str, sequencer: str, at: datetime) -> None:
        """See the port."""
        if not self._table.write(
            update(
                _product(name),
                "PRODUCT",
                "SET #status = :registered, registered_at = :at, after_draft = :no, taken_from = :nobody",
                {
                    ":registered": "registered",
                    ":at": at.isoformat(),
                    ":no": False,
                    ":nobody": None,
                    ":mine": sequencer,
                },
                "contract_sequencer = :mine",
                names={"#status": "status"},
            )
        ):
            raise ConcurrentChange(f"product {name} was given up, or declared again, meanwhile", product=name)

    def mark_retired(self, product: Product, request: str, sent: datetime, at: datetime) -> None:
        """See the port."""
        ended, last = product.ended_by(request, sent)
        if not self._table.write(
            update(
                _product(product.name),
                "PRODUCT",
                "SET #status = :retired, retired_at = :at, retirements = :ended, retired = :sent",
                {
                    ":retired": "retired",
                    ":at": at.isoformat(),
                    ":ended": ended,
                    ":sent": last.isoformat(),
                    ":seen": product.contract_sequencer,
                },
                "contract_sequencer = :seen",
                names={"#status": "status"},
            )
        ):
            raise ConcurrentChange(f"product {product.name} was declared again meanwhile", product=product.name)

    def latest_version(self, product: str) -> ProductVersion | None:
        """The newest version, or None before the first."""
        for item in self._table.query(_product(product), prefix="VERSION#", limit=1, newest_first=True):
            return ProductVersion.model_validate_json(item["body"])
        return None

    def version(self, product: str, number: int) -> ProductVersion | None:
        """That version."""
        item = self._table.get(_product(product), _version(number))
        return ProductVersion.model_validate_json(item["body"]) if item else None

    def versions(self, product: str) -> Iterator[ProductVersion]:
        """All versions, newest first."""
        items = self._table.query(_product(product), prefix="VERSION#", newest_first=True)
        return (ProductVersion.model_validate_json(item["body"]) for item in items)

    def version_of_run(self, product: str, run: str) -> ProductVersion | None:
        """The version that this run was recorded as."""
        found = self._table.get(_product(product), f"RUN#{run}")
        item = self._table.get(_product(product), _version(int(found["version"]))) if found else None
        return ProductVersion.model_validate_json(item["body"]) if item else None

    def record_version(self, version: ProductVersion, note: Note, *, contract: str) -> ProductVersion:
        """See the port: version, run, the product's counter and the trace are written together or not at all."""
        pk, number = _product(version.product), version.version
        values = {":new": number, ":old": number - 1, ":contract": contract}
        free = "version = :old AND contract_sequencer = :contract"
        run_kept = self._table.expiry(Kind.RUN_OF_VERSION, version.published)
        if self._table.write(
            put_new({"pk": pk, "sk": _version(number), "body": version.model_dump_json()}),
            put_new({"pk": pk, "sk": f"RUN#{version.run}", "version": number, **run_kept}),
            *self._replaced(version),
            update(pk, "PRODUCT", "SET version = :new", values, free),
            note_item(note, self._table),
        ):
            return version
        recorded = self.version_of_run(version.product, version.run)
        if recorded is None:
            raise ConcurrentChange(
                f"version {number} of {version.product} was taken meanwhile, or its contract replaced"
            )
        return recorded

    def end_version(self, product: str, number: int, end: VersionEnd) -> None:
        """See the port. Nothing else ever writes a version again."""
        version = self.version(product, number)
        if version is None:
            return
        item: dict[str, Any] = {"pk": _product(product), "sk": _version(number)}
        item["body"] = version.evolve(ended=end).model_dump_json()
        if end.released is not None:
            item |= self._table.expiry(Kind.ENDED_VERSION, end.released)
        self._table.write(put(item))

    def _replaced(self, version: ProductVersion) -> Iterator[Write]:
        """Of a product of Hive tables nothing is kept but the last version: the one before is history."""
        if version.follows and version.tables and not version.staged:
            values = {":end": self._table.expiry(Kind.REPLACED_HIVE_VERSION, version.published)["expires"]}
            yield update(_product(version.product), _version(version.follows), "SET expires = :end", values, _THERE)

    def begin_rollback(self, order: RollbackOrder, until: datetime, busy: Reason) -> RollbackOrder:
        """See the port: order and lock are written together or not at all."""
        pk = _product(order.product)
        lock = {"pk": pk, "sk": "ROLLBACK", "event_id": order.request, "held_until": until.isoformat()}
        free = "attribute_not_exists(pk) OR event_id = :mine OR held_until < :now"
        own = {":mine": order.request, ":now": order.at.isoformat()}
        if self._table.write(put_new(self._order_item(order)), put(lock, free, own)):
            return order
        refused = order.evolve(status="refused", refusal=busy)
        if self._table.write(put_new(self._order_item(refused))):
            return refused
        return self.rollback(order.product, order.request) or order

    def rollback(self, product: str, request: str) -> RollbackOrder | None:
        """The order as it stands."""
        item = self._table.get(_product(product), f"ROLLBACK#{request}")
        return RollbackOrder.model_validate_json(item["body"]) if item else None

    def publish_rollback(self, product: str, request: str) -> RollbackOrder | None:
        """See the port."""
        return self._end_rollback(product, request, status="published")

    def refuse_rollback(self, product: str, request: str, reason: Reason) -> RollbackOrder | None:
        """See the port."""
        return self._end_rollback(product, request, status="refused", refusal=reason)

    def _end_rollback(self, product: str, request: str, **end: Any) -> RollbackOrder | None:  # noqa: ANN401 - fields
        order = self.rollback(product, request)
        if order is not None and order.status == "started":
            ended, seen = order.evolve(**end), {":seen": order.model_dump_json()}
            is_mine = self._table.write(put(self._order_item(ended), "body = :seen", seen))
            order = ended if is_mine else self.rollback(product, request)
        self._table.write(delete(_product(product), "ROLLBACK", "event_id = :mine", {":mine": request}))
        return order

    def _order_item(self, order: RollbackOrder) -> dict[str, Any]:
        item = {"pk": _product(order.product), "sk": f"ROLLBACK#{order.request}", "body": order.model_dump_json()}
        return item | self._table.expiry(Kind.ROLLBACK, order.at)

    def pins(self, product: str) -> "Pins":
        """See the port: one item, so that how many there are can be limited."""
        from mesh.domain.publishing.pins import Pins  # noqa: PLC0415 - few functions look at pins

        item = self._table.get(_product(product), "PINS")
        return Pins.model_validate_json(item["body"]) if item else Pins(product=product)

    def save_pins(self, pins: "Pins") -> "Pins":
        """See the port."""
        written = pins.evolve(revision=pins.revision + 1)
        item = {
            "pk": _product(pins.product),
            "sk": "PINS",
            "revision": written.revision,
            "body": written.model_dump_json(),
        }
        seen = {":seen": pins.revision}
        if not self._table.write(put(item, "attribute_not_exists(pk) OR revision = :seen", seen)):
            raise ConcurrentChange(f"the pins of {pins.product} changed meanwhile", product=pins.product)
        return written

    def findings(self, product: str) -> "dict[str, tuple[KnownFinding, ...]]":
        """See the port."""
        items = self._table.query(_product(product), prefix="FINDINGS#")
        return {item["sk"].partition("#")[2]: _read_findings(item) for item in items}

    def add_findings(self, product: str, table: str, findings: "Sequence[KnownFinding]") -> None:
        """See the port."""
        from mesh.domain.governance.column_findings import join  # noqa: PLC0415 - few functions record findings

        pk, sk = _product(product), f"FINDINGS#{table}"
        item = self._table.get(pk, sk)
        known, seen = (_read_findings(item), int(item["revision"])) if item else ((), 0)
        joined = join(known, findings)
        if joined == known:
            return
        body = zlib.compress(json.dumps([each.model_dump(mode="json") for each in joined]).encode())
        grown = {"pk": pk, "sk": sk, "revision": seen + 1, "body": Binary(body)}
        if not self._table.write(put(grown, "attribute_not_exists(pk) OR revision = :seen", {":seen": seen})):
            raise ConcurrentChange(f"the findings in {product}.{table} changed meanwhile", product=product)

    def unsubscribe(self, product: str, account: str, at: datetime) -> None:
        """See the port."""
        self.follow_request(product, account, wanted=False, asked=whole_second(at))

    def follow_request(self, product: str, account: str, *, wanted: bool, asked: datetime) -> bool:
        """See the port."""
        at = asked.astimezone(UTC).isoformat(timespec="microseconds")
        last = {"pk": _product(product), "sk": f"ASKED#{account}", "asked": at}
        pk, sk = _product(product), f"SUBSCRIPTION#{account}"
        change = put({"pk": pk, "sk": sk, "since": at}) if wanted else delete(pk, sk)
        newest = put(last, "attribute_not_exists(pk) OR asked <= :asked", {":asked": at})
        return self._table.write(newest, change)

    def subscribers(self, product: str) -> Iterator[str]:
        """Accounts, all pages."""
        for item in self._table.query(_product(product), prefix="SUBSCRIPTION#"):
            yield item["sk"].partition("#")[2]

    def record_notices(self, product: str, version: int, accounts: Iterable[str], at: datetime, note: Note) -> None:
        """See the port."""
        sent = {"pk": _product(product), "at": at.isoformat(), **self._table.expiry(Kind.SENT_NOTICE, at)}
        items = ({**sent, "sk": _notice(version, account)} for account in accounts)
        self._table.write(*map(put, items), note_item(note, self._table))

    def record_refusal(
        self, account: str, detail_type: str, reason: Mapping[str, Any], at: datetime, *, event: str
    ) -> None:
        """See the port."""
        expires = self._table.expiry(Kind.REFUSAL, at)
        once = {"pk": f"REFUSED#{account}", "sk": event, **expires}
        place = f"{at.isoformat()}#{detail_type}#{event}"  # many may come at the same moment
        item = {"pk": f"REFUSAL#{account}", "sk": place, "reason": json.dumps(reason)}
        self._table.write(put_new(once), put(item | expires))

    def refusals(self, account: str, since: datetime) -> Iterator[tuple[str, str]]:
        """See the port."""
        for item in self._table.query(f"REFUSAL#{account}", newest_first=True):
            at, _, rest = item["sk"].partition("#")
            detail_type, _, _ = rest.rpartition("#")
            if datetime.fromisoformat(at) < since:
                return
            yield detail_type, str(json.loads(item["reason"])["code"])


def _member(account: str) -> tuple[str, str]:
    return f"MEMBER#{account}", "MEMBER"


def _claim_key(claim: Claim) -> tuple[str, str]:
    return f"CLAIM#{claim.kind}#{claim.name}", "CLAIM"


def _claim_item(claim: Claim, product: str) -> Write:
    """Written unless another product has it."""
    pk, sk = _claim_key(claim)
    item = {"pk": pk, "sk": sk, "product": product}
    return put(item, "attribute_not_exists(pk) OR product = :product", {":product": product})


def _released(claim: Claim, product: str) -> Write:
    return delete(*_claim_key(claim), "product = :product", {":product": product})


def _product(name: str) -> str:
    return f"PRODUCT#{name}"


def _version(number: int) -> str:
    return f"VERSION#{number:0{_DIGITS}d}"


def _notice(version: int, account: str) -> str:
    return f"NOTICE#{version:0{_DIGITS}d}#{account}"


def _read_findings(item: Mapping[str, Any]) -> "tuple[KnownFinding, ...]":
    from mesh.domain.governance.column_findings import KnownFinding  # noqa: PLC0415 - see `add_findings`

    return tuple(KnownFinding.model_validate(each) for each in json.loads(zlib.decompress(bytes(item["body"]))))


def _product_item(product: Product) -> dict[str, Any]:
    """The body, and beside it the fields that conditions look at."""
    return {
        "pk": _product(product.name),
        "sk": "PRODUCT",
        "owner": product.owner,
        "status": product.status,
        "version": product.version,
        "contract_sequencer": product.contract_sequencer,
        "after_draft": product.after_draft,
        "taken_from": product.taken_from,
        "retirements": product.retirements,
        "retired": product.retired and product.retired.isoformat(),
        "registered_at": product.registered_at and product.registered_at.isoformat(),
        "body": product.model_dump_json(exclude={"status", "version", *_BESIDE_BODY}),
    }


def _read_product(item: Mapping[str, Any]) -> Product:
    body = json.loads(item["body"])
    kept = {name: item.get(name) for name in _BESIDE_BODY if item.get(name)}
    return Product.model_validate({**body, **kept, "status": item["status"], "version": int(item["version"])})
