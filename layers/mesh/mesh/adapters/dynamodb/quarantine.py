"""Held batches in the producer's table, and tickets of what was released.

| pk | sk | item |
|---|---|---|
| `QUARANTINE` | `<product>#<run>` | a held batch (`HeldBatch`) |
| `TICKET#<product>` | the object's key | the owner's release of this object (`Ticket`) |
"""

from collections.abc import Iterator
from typing import Any

from mesh.adapters.dynamodb.items import Table, put, put_new
from mesh.domain.contracts.product import ConcurrentChange
from mesh.domain.onboarding.quarantine import DECIDED, HeldBatch, HeldStatus, Ticket
from mesh.domain.retention import Kind

_ALL = "QUARANTINE"


class DynamoQuarantine:
    """Implements `ports.Quarantine` and `ports.Tickets`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def hold(self, batch: HeldBatch) -> None:
        """See the port."""
        self._table.write(put_new(_item(batch)))

    def batch(self, product: str, run: str) -> HeldBatch | None:
        """See the port; read consistently."""
        item = self._table.get(_ALL, f"{product}#{run}")
        return HeldBatch.model_validate_json(item["body"]) if item else None

    def batches(self) -> Iterator[HeldBatch]:
        """See the port."""
        for item in self._table.query(_ALL):
            yield HeldBatch.model_validate_json(item["body"])

    def undecided(self, product: str) -> Iterator[HeldBatch]:
        """See the port."""
        for item in self._table.query(_ALL, prefix=f"{product}#"):
            if item["status"] == "held":
                yield HeldBatch.model_validate_json(item["body"])

    def save(self, batch: HeldBatch, *, was: HeldStatus) -> None:
        """See the port."""
        item = _item(batch)
        if batch.status in DECIDED:
            item |= self._table.expiry(Kind.DECIDED_BATCH)
        if not self._table.write(put(item, "#status = :was", {":was": was}, names={"#status": "status"})):
            raise ConcurrentChange(f"{batch.name} was decided by another process", batch=batch.name)

    def ticket(self, product: str, key: str) -> Ticket | None:
        """See the port; read consistently."""
        item = self._table.get(f"TICKET#{product}", key)
        return Ticket.model_validate_json(item["body"]) if item else None

    def put_ticket(self, product: str, key: str, ticket: Ticket) -> None:
        """See the port."""
        item = {"pk": f"TICKET#{product}", "sk": key, "body": ticket.model_dump_json()}
        self._table.write(put(item | self._table.expiry(Kind.RELEASE_TICKET)))


def _item(batch: HeldBatch) -> dict[str, Any]:
    return {
        "pk": _ALL,
        "sk": f"{batch.product}#{batch.run}",
        "status": batch.status,
        "body": batch.model_dump_json(),
    }
