"""The producer's table: products as this account knows them, pending objects, leases.

| pk | sk | item |
|---|---|---|
| `PRODUCT#<name>` | `PRODUCT` | status (`declared`, `registered`), contract sequencer, database, crawler, … |
| `PRODUCT#<name>` | `LEASE` | holder, held_until, generation |
| `PENDING#<name>` | the object's key | one object that waits, newest version only |
| `SEEN#<name>` | the object's key | sequencer of the newest version that is known |
| `WAIT#<name>` | `TOKEN` | task token of the run that waits for that crawler, or that proposal |
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from mesh.adapters.dynamodb import Table, dump
from mesh.domain.formats.model import ObjectRef
from mesh.domain.keys import compare_sequencers
from mesh.domain.product import ConcurrentChange

_ATTEMPTS = 5


class DynamoUploads:
    """Implements `ports.Uploads`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def product(self, name: str) -> dict[str, Any] | None:
        """What this account knows of the product."""
        item = self._table.get(_product(name), "PRODUCT")
        if item is None:
            return None
        return {**json.loads(item.get("body", "{}")), "status": item["status"], "sequencer": item["sequencer"]}

    def may_declare(self, name: str, sequencer: str) -> bool:
        """`False` if this contract, or a newer one, was sent."""
        item = self._table.get(_product(name), "PRODUCT")
        return item is None or compare_sequencers(sequencer, item["sequencer"]) > 0

    def record_declared(self, name: str, sequencer: str) -> None:
        """The contract was sent; a product that is registered stays so, and keeps working under its last contract."""
        created = self._table.put(
            {"pk": _product(name), "sk": "PRODUCT", "status": "declared", "sequencer": sequencer}, unless_exists=True
        )
        if not created:
            self._table.update_if(_product(name), "PRODUCT", "SET sequencer = :new", {":new": sequencer})

    def put_product(self, name: str, facts: Mapping[str, Any]) -> None:
        """Central registered the product: what is needed to crawl it."""
        self._table.update_if(
            _product(name),
            "PRODUCT",
            "SET #status = :registered, body = :body, sequencer = if_not_exists(sequencer, :none)",
            {":registered": "registered", ":body": json.dumps(dict(facts)), ":none": ""},
            names={"#status": "status"},
        )

    def add_pending(self, product: str, ref: ObjectRef, correlation_id: str) -> bool:
        """See the port: `SEEN#` decides, so that an event that comes again months later is still recognised.

        Both items are written together or not at all: of two events at once the newer one waits, whoever comes last.
        """
        return self._add(product, ref, correlation_id, newer_by=1)

    def add_again(self, product: str, ref: ObjectRef, correlation_id: str) -> bool:
        """See the port. A raw object that waits for a recipe waits no more for it."""
        return self._add(product, ref, correlation_id, newer_by=0)

    def _add(self, product: str, ref: ObjectRef, correlation_id: str, *, newer_by: Literal[0, 1]) -> bool:
        for _ in range(_ATTEMPTS):
            seen = self._table.get(f"SEEN#{product}", ref.key)
            if seen is not None and compare_sequencers(ref.sequencer, seen["sequencer"]) < newer_by:
                return False
            waiting = {
                "pk": f"PENDING#{product}",
                "sk": ref.key,
                "sequencer": ref.sequencer,
                "ref": ref.model_dump_json(),
                "correlation_id": correlation_id,
            }
            known = {"pk": f"SEEN#{product}", "sk": ref.key, "sequencer": ref.sequencer}
            unchanged: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
            if seen is not None:
                values = dump({":seen": seen["sequencer"]})
                unchanged = {"ConditionExpression": "sequencer = :seen", "ExpressionAttributeValues": values}
            held = {"Key": dump({"pk": f"HELD#{product}", "sk": ref.key})}
            if self._table.write_together(
                [
                    {"Put": {"TableName": self._table.name, "Item": dump(known), **unchanged}},
                    {"Put": {"TableName": self._table.name, "Item": dump(waiting)}},
                    *([] if newer_by else [{"Delete": {"TableName": self._table.name, **held}}]),
                ]
            ):
                return True
        raise ConcurrentChange(f"too many events at once for {ref.key}", key=ref.key)

    def pending(self, product: str, limit: int) -> list[tuple[ObjectRef, str]]:
        """Pending objects with their correlation ids, by key."""
        items = self._table.query(f"PENDING#{product}", limit=limit)
        return [(ObjectRef.model_validate_json(item["ref"]), item["correlation_id"]) for item in items]

    def has_pending(self, product: str) -> bool:
        """Whether anything waits."""
        return bool(self.pending(product, 1))

    def settle(self, product: str, refs: Iterable[ObjectRef]) -> None:
        """Delete each pending item unless a newer version of the object replaced it."""
        for ref in refs:
            self._table.delete_if(f"PENDING#{product}", ref.key, "sequencer = :done", {":done": ref.sequencer})

    def take_lease(self, product: str, holder: str, until: datetime, now: datetime) -> int | None:
        """See the port."""
        lease = self._table.get(_product(product), "LEASE")
        if lease is None:
            first = {"pk": _product(product), "sk": "LEASE", "holder": holder, "held_until": until.isoformat()}
            return 1 if self._table.put({**first, "generation": 1}, unless_exists=True) else None
        generation = int(lease["generation"])
        if lease["holder"] == holder:
            next_generation = generation
        elif lease["holder"] == "" or lease["held_until"] < now.isoformat():
            next_generation = generation + 1
        else:
            return None
        taken = self._table.update_if(
            _product(product),
            "LEASE",
            "SET holder = :holder, held_until = :until, generation = :next",
            {
                ":holder": holder,
                ":until": until.isoformat(),
                ":next": next_generation,
                ":was": lease["holder"],
                ":generation": generation,
            },
            "holder = :was AND generation = :generation",
        )
        return next_generation if taken else None

    def renew_lease(self, product: str, holder: str, until: datetime) -> None:
        """Only the holder's own."""
        values = {":until": until.isoformat(), ":mine": holder}
        self._table.update_if(_product(product), "LEASE", "SET held_until = :until", values, "holder = :mine")

    def lease_held(self, product: str, now: datetime) -> bool:
        """See the port; read consistently."""
        return _is_held(self._table.get(_product(product), "LEASE"), now)

    def may_start(self, product: str, now: datetime) -> bool:
        """See the port; read consistently, and at once."""
        items = {item["sk"]: item for item in self._table.query(_product(product))}
        declared = items.get("PRODUCT")
        registered = declared is None or declared["status"] == "registered"
        return registered and not _is_held(items.get("LEASE"), now)

    def drop_lease(self, product: str, holder: str) -> None:
        """Only the holder's own."""
        self._table.update_if(
            _product(product), "LEASE", "SET holder = :none", {":none": "", ":mine": holder}, "holder = :mine"
        )

    def keep_token(self, name: str, token: str, until: datetime) -> None:
        """See the port."""
        expires = int(until.timestamp())
        self._table.put({"pk": f"WAIT#{name}", "sk": "TOKEN", "task_token": token, "expires": expires})

    def take_token(self, name: str) -> str | None:
        """See the port."""
        item = self._table.get(f"WAIT#{name}", "TOKEN")
        if item is None or not self._table.delete_if(
            f"WAIT#{name}", "TOKEN", "task_token = :token", {":token": item["task_token"]}
        ):
            return None
        return str(item["task_token"])


def _is_held(lease: Mapping[str, Any] | None, now: datetime) -> bool:
    return lease is not None and lease["holder"] != "" and lease["held_until"] >= now.isoformat()


def _product(name: str) -> str:
    return f"PRODUCT#{name}"
