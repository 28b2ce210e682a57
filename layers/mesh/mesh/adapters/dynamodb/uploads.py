"""The producer's table: products as this account knows them, pending objects, leases.

| pk | sk | item |
|---|---|---|
| `PRODUCT#<name>` | `PRODUCT` | status, sequencers of the sent contract and of the registered one (`revision`), facts |
| `LIST#PRODUCTS` | the product's name | that it exists: declared, or with data and no contract yet |
| `PRODUCT#<name>` | `LEASE` | holder, held_until, generation, paced, tries |
| `PRODUCT#<name>` | `CONTRACT` | the newest version of its contract (see `adapters.revisions`) |
| `PENDING#<name>` | the object's key | one object that waits, newest version only |
| `SEEN#<name>` | the object's key | sequencer and ETag of the newest version that is known |
| `LANDING` | `AUDIT` | the last comparison of the bucket with what is known |
| `WAIT#<name>` | `TOKEN` | task token of the run that waits for that crawler, or that proposal |
"""

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from mesh.adapters.dynamodb.items import MOST_AT_ONCE, Table, Write, delete, put, put_new, update
from mesh.adapters.dynamodb.trace import note_item
from mesh.domain.contracts.product import ConcurrentChange
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.keys import compare_sequencers
from mesh.domain.onboarding.landing import Known, LandingAudit
from mesh.domain.onboarding.standing import Lease, Standing
from mesh.domain.retention import Kind
from mesh.ports import Note, WaitingRun

_LIST: Final = "LIST#PRODUCTS"
_AUDIT: Final = ("LANDING", "AUDIT")
_ATTEMPTS: Final = 5
_SEQUENCER: Final = 64
"""Longer than any; zeros follow the shorter one where two are compared."""
_OBJECTS_AT_ONCE: Final = (MOST_AT_ONCE - 1) // 2
"""Of one transaction: each object is two items, plus one trace entry."""


class DynamoUploads:
    """Implements `ports.Uploads`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def product(self, name: str) -> dict[str, Any] | None:
        """What this account knows of the product."""
        return _facts(self._table.get(_product(name), "PRODUCT"))

    def standing(self, name: str) -> Standing:
        """See the port; read consistently, and at once."""
        items = {item["sk"]: item for item in self._table.query(_product(name))}
        contract = items.get("CONTRACT", {"settled": False})
        settled = contract["version_id"] if contract["settled"] else None
        return Standing(_facts(items.get("PRODUCT")), _lease(items.get("LEASE")), settled)

    def products(self) -> list[str]:
        """See the port."""
        return [item["sk"] for item in self._table.query(_LIST)]

    def list_product(self, name: str) -> None:
        """See the port."""
        self._table.write(put(_listed(name)))

    def may_declare(self, name: str, sequencer: str) -> bool:
        """`False` if this contract, or a newer one, was sent."""
        item = self._table.get(_product(name), "PRODUCT")
        return item is None or compare_sequencers(sequencer, item["sequencer"]) > 0

    def record_declared(self, name: str, sequencer: str) -> None:
        """The contract was sent; a product that is registered stays so, and keeps working under its last contract."""
        created = self._table.write(
            put_new({"pk": _product(name), "sk": "PRODUCT", "status": "declared", "sequencer": sequencer}),
            put(_listed(name)),
        )
        if not created:
            self._table.write(update(_product(name), "PRODUCT", "SET sequencer = :new", {":new": sequencer}))

    def put_product(self, name: str, facts: Mapping[str, Any], *, sequencer: str) -> None:
        """See the port."""
        changed = "SET #status = :yes, body = :body, revision = :mine, sequencer = if_not_exists(sequencer, :none)"
        values = {":yes": "registered", ":body": json.dumps(dict(facts)), ":none": "", ":mine": _padded(sequencer)}
        newest, names = "(attribute_not_exists(revision) OR revision <= :mine)", {"#status": "status", "#left": "left"}
        still_its_own = f"{newest} AND (attribute_not_exists(#left) OR #left < :mine)"
        taken_back = f"{changed}, new_owner = :none"
        if not self._table.write(update(_product(name), "PRODUCT", taken_back, values, still_its_own, names=names)):
            del names["#left"]
            self._table.write(update(_product(name), "PRODUCT", changed, values, newest, names=names))

    def hand_over(self, name: str, new_owner: str, *, sequencer: str) -> None:
        """See the port."""
        values, handed = {":owner": new_owner, ":last": _padded(sequencer)}, "SET new_owner = :owner, #left = :last"
        newest = "attribute_exists(pk) AND (attribute_not_exists(revision) OR revision <= :last)"
        self._table.write(update(_product(name), "PRODUCT", handed, values, newest, names={"#left": "left"}))

    def add_pending(self, product: str, refs: Iterable[ObjectRef], correlation_id: str) -> list[ObjectRef]:
        """See the port: `SEEN#` decides, so that an event that comes again months later is still recognised.

        What waits, what is known and the trace are written together or not at all. Most keys are new: what is known of
        the others is read once a write was refused over them.
        """
        newest: dict[str, ObjectRef] = {}
        for ref in refs:
            if ref.key not in newest or compare_sequencers(ref.sequencer, newest[ref.key].sequencer) > 0:
                newest[ref.key] = ref
        waiting = list(newest.values())
        added: list[ObjectRef] = []
        for start in range(0, len(waiting), _OBJECTS_AT_ONCE):
            added += self._add_together(product, waiting[start : start + _OBJECTS_AT_ONCE], correlation_id)
        return added

    def _add_together(self, product: str, refs: list[ObjectRef], correlation_id: str) -> list[ObjectRef]:
        seen: dict[str, str] = {}
        for _ in range(_ATTEMPTS):
            if not refs:
                return []
            writes = [write for ref in refs for write in self._arrival(product, ref, correlation_id, seen.get(ref.key))]
            received = Note(correlation_id, "uploads received", {"product": product, "objects": len(refs)})
            if self._table.write(*writes, note_item(received, self._table)):
                return refs
            known = self._table.get_all((f"SEEN#{product}", ref.key) for ref in refs)
            seen = {key: item["sequencer"] for (_, key), item in known.items()}
            refs = [ref for ref in refs if _is_newer(ref, seen)]
        raise ConcurrentChange(f"too many events at once for {refs[0].key}", key=refs[0].key)

    def _arrival(self, product: str, ref: ObjectRef, correlation_id: str, seen: str | None) -> tuple[Write, Write]:
        """Known and pending, unless another process was faster: of two concurrent events the newer one stays pending.

        Of what was deleted nothing else is left that would end: it is known for as long as its events may come again.
        """
        known: dict[str, Any] = {"pk": f"SEEN#{product}", "sk": ref.key, "sequencer": ref.sequencer, "etag": ref.etag}
        if ref.deleted:
            known |= self._table.expiry(Kind.DELETED_OBJECT)
        waiting = {
            "pk": f"PENDING#{product}", "sk": ref.key, "sequencer": ref.sequencer, "ref": ref.model_dump_json(),
            "correlation_id": correlation_id,
        }  # fmt: skip
        unchanged = put_new(known) if seen is None else put(known, "sequencer = :seen", {":seen": seen})
        return unchanged, put(waiting)

    def add_again(self, product: str, ref: ObjectRef, correlation_id: str) -> bool:
        """See the port. A raw object that waits for a recipe waits no more for it."""
        for _ in range(_ATTEMPTS):
            seen = self._table.get(f"SEEN#{product}", ref.key)
            known = seen["sequencer"] if seen else None
            if known is not None and compare_sequencers(ref.sequencer, known) < 0:
                return False
            arrival = self._arrival(product, ref, correlation_id, known)
            if self._table.write(*arrival, delete(f"HELD#{product}", ref.key)):
                return True
        raise ConcurrentChange(f"too many events at once for {ref.key}", key=ref.key)

    def known(self, product: str, keys: Collection[str]) -> dict[str, Known]:
        """See the port. In between there may be any number of keys whose objects are gone."""
        wanted = frozenset(keys)
        items = self._table.query(f"SEEN#{product}", between=(min(wanted), max(wanted)))
        return {item["sk"]: Known(item["sequencer"], item.get("etag")) for item in items if item["sk"] in wanted}

    def last_audit(self) -> LandingAudit | None:
        """See the port."""
        item = self._table.get(*_AUDIT)
        return LandingAudit.model_validate_json(item["body"]) if item else None

    def keep_audit(self, audit: LandingAudit) -> None:
        """See the port."""
        pk, sk = _AUDIT
        self._table.write(put({"pk": pk, "sk": sk, "body": audit.model_dump_json()}))

    def pending(self, product: str, limit: int) -> list[tuple[ObjectRef, str]]:
        """Pending objects with their correlation ids, by key."""
        items = self._table.query(f"PENDING#{product}", limit=limit)
        return [(ObjectRef.model_validate_json(item["ref"]), item["correlation_id"]) for item in items]

    def has_pending(self, product: str) -> bool:
        """Whether anything waits."""
        return bool(self.pending(product, 1))

    def take_lease(self, product: str, lease: Lease, *, seen: Lease, note: Note) -> bool:
        """See the port."""
        item = {
            "pk": _product(product), "sk": "LEASE", "holder": lease.holder, "held_until": lease.until.isoformat(),
            "generation": lease.generation, "paced": lease.paced.isoformat(), "tries": lease.tries,
        }  # fmt: skip
        was = {":was": seen.holder, ":until": seen.until.isoformat(), ":generation": seen.generation}
        same = "holder = :was AND held_until = :until AND generation = :generation"
        unchanged = put(item, same, was) if seen.generation else put_new(item)
        if self._table.write(unchanged, note_item(note, self._table)):
            return True
        found = self.standing(product).lease
        return (found.holder, found.generation) == (lease.holder, lease.generation)

    def renew_lease(self, product: str, holder: str, until: datetime) -> bool:
        """See the port."""
        return self._table.write(_renewed(product, holder, until))

    def lease_held(self, product: str, now: datetime) -> bool:
        """See the port; read consistently."""
        return _lease(self._table.get(_product(product), "LEASE")).is_held(now)

    def drop_lease(self, product: str, holder: str) -> None:
        """Only the holder's own."""
        self._table.write(_dropped(product, holder, again=True))

    def finish(self, product: str, holder: str, refs: Iterable[ObjectRef], note: Note) -> None:
        """See the port: what was settled before a crash is left out when it is repeated."""
        settled = [delete(f"PENDING#{product}", ref.key, "sequencer = :done", {":done": ref.sequencer}) for ref in refs]
        dropped = _dropped(product, holder, again=not settled)
        self._table.write_what_holds(*settled, dropped, note_item(note, self._table))

    def await_answer(self, proposal: str, waiting: WaitingRun, note: Note) -> bool:
        """See the port."""
        token = {
            "pk": f"WAIT#{proposal}", "sk": "TOKEN", "task_token": waiting.token,
            "expires": int(waiting.expires.timestamp()),
        }  # fmt: skip
        renewed = _renewed(waiting.product, waiting.holder, waiting.leased_until)
        return self._table.write(renewed, put(token), note_item(note, self._table))

    def token(self, name: str) -> str | None:
        """See the port; read consistently."""
        item = self._table.get(f"WAIT#{name}", "TOKEN")
        return str(item["task_token"]) if item else None

    def drop_token(self, name: str, token: str) -> None:
        """See the port."""
        self._table.write(delete(f"WAIT#{name}", "TOKEN", "task_token = :token", {":token": token}))


def _facts(item: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if item is None:
        return None
    left = {"new_owner": item["new_owner"]} if item.get("new_owner") else {}
    return {**json.loads(item.get("body", "{}")), "status": item["status"], "sequencer": item["sequencer"], **left}


def _padded(sequencer: str) -> str:
    """For conditions: of equal length sequencers are in the order of text."""
    return sequencer.upper().ljust(_SEQUENCER, "0")


def _lease(item: Mapping[str, Any] | None) -> Lease:
    if item is None:
        return Lease()
    until, paced = (datetime.fromisoformat(item[name]) for name in ("held_until", "paced"))
    return Lease(item["holder"], until, int(item["generation"]), paced, int(item.get("tries", 0)))


def _renewed(product: str, holder: str, until: datetime) -> Write:
    values = {":until": until.isoformat(), ":mine": holder}
    return update(_product(product), "LEASE", "SET held_until = :until", values, "holder = :mine")


def _dropped(product: str, holder: str, *, again: bool) -> Write:
    """`again`: what it was for is still to be done."""
    values = {":none": "", ":mine": holder} | ({} if again else {":first": 0})
    change = "SET holder = :none" if again else "SET holder = :none, tries = :first"
    return update(_product(product), "LEASE", change, values, "holder = :mine")


def _is_newer(ref: ObjectRef, seen: Mapping[str, str]) -> bool:
    return ref.key not in seen or compare_sequencers(ref.sequencer, seen[ref.key]) > 0


def _listed(name: str) -> dict[str, Any]:
    return {"pk": _LIST, "sk": name}


def _product(name: str) -> str:
    return f"PRODUCT#{name}"
