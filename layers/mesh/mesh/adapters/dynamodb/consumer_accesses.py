"""A consumer account's accesses in its table: `ACCESS` / `<id>`, with revision and state beside the body.

One that is over is remembered for longer than any event can come again."""

from collections.abc import Iterator
from typing import Final

from mesh.adapters.dynamodb.items import Table, put, put_new
from mesh.domain.access.consumer_access import ENDING, ConsumerAccess
from mesh.domain.contracts.product import ConcurrentChange
from mesh.domain.retention import Kind

_PK: Final = "ACCESS"


class DynamoConsumerAccesses:
    """Implements `ports.HeldAccesses`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, access: str) -> ConsumerAccess | None:
        """See the port."""
        item = self._table.get(_PK, access)
        return ConsumerAccess.model_validate_json(item["body"]) if item else None

    def save(self, held: ConsumerAccess) -> ConsumerAccess:
        """See the port."""
        written = held.evolve(revision=held.revision + 1)
        item = {"pk": _PK, "sk": held.access, "state": held.state, "revision": written.revision}
        item |= {"body": written.model_dump_json()}
        if held.state == "over":
            item |= self._table.expiry(Kind.ENDED_ACCESS, held.noted)
        if held.revision:
            saved = self._table.write(put(item, "revision = :seen", {":seen": held.revision}))
        else:
            saved = self._table.write(put_new(item))
        if not saved:
            raise ConcurrentChange(f"access {held.access} changed meanwhile", access=held.access)
        return written

    def live(self) -> Iterator[ConsumerAccess]:
        """See the port."""
        for item in self._table.query(_PK):
            if item["state"] not in ENDING:
                yield ConsumerAccess.model_validate_json(item["body"])
