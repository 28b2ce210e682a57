"""The newest version of each product's contract, in the producer's table: `PRODUCT#<name>` / `CONTRACT`."""

from mesh.adapters.dynamodb.items import Table, put, put_new, update
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.keys import compare_sequencers
from mesh.ports import Revision


class DynamoRevisions:
    """Implements `ports.Revisions`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def begin(self, product: str, contract: ObjectRef, declaration: str) -> None:
        """See the port. Of two at once the one that lost is looked at again, by a retry of its event at the latest."""
        known = self._table.get(_key(product), "CONTRACT")
        if known is not None and compare_sequencers(contract.sequencer, known["sequencer"]) <= 0:
            return
        item = {
            "pk": _key(product), "sk": "CONTRACT", "version_id": contract.version_id or "",
            "sequencer": contract.sequencer, "declaration": declaration, "settled": False,
        }  # fmt: skip
        if known is None:
            written = self._table.write(put_new(item))
        else:
            written = self._table.write(put(item, "sequencer = :seen", {":seen": known["sequencer"]}))
        if not written:
            self.begin(product, contract, declaration)

    def newest(self, product: str) -> Revision | None:
        """See the port."""
        item = self._table.get(_key(product), "CONTRACT")
        return Revision(item["version_id"], item["sequencer"]) if item else None

    def settle(self, product: str, declaration: str) -> bool:
        """See the port."""
        values = {":yes": True, ":mine": declaration}
        return self._table.write(update(_key(product), "CONTRACT", "SET settled = :yes", values, "declaration = :mine"))


def _key(product: str) -> str:
    return f"PRODUCT#{product}"
