"""Central's record of proposals, in its registry's table.

| pk | sk | item |
|---|---|---|
| `PRODUCT#<name>` | `PROPOSAL#<id>` | ProposalRecord, with the answer once there is one |
| `PRODUCT#<name>` | `COMMIT#<id>` | Commit, compressed: a product may have very many columns |
| `PRODUCT#<name>` | `COMMITTING` | the proposal, or rollback, whose turn it is |
| `PRODUCT#<name>` | `TABLE#<table>#<metadata file>#<part>` | TableRecord, compressed, in parts of what an item takes |
"""

import zlib
from typing import Any, Final

from boto3.dynamodb.types import Binary

from mesh.adapters.dynamodb import Table
from mesh.domain.events import ProposalSettled
from mesh.domain.product import ConcurrentChange
from mesh.domain.publishing.proposals import Commit, ProposalRecord, TableRecord

_PART: Final = 350_000
"""Bytes of a record in one item: DynamoDB takes 400 KB with all that is beside it."""


class DynamoProposals:
    """Implements `ports.Proposals`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def open(self, record: ProposalRecord) -> ProposalRecord:
        """See the port."""
        key = {"pk": _product(record.product), "sk": f"PROPOSAL#{record.proposal}"}
        item = {**key, "answered": False, "committing": False, "body": record.model_dump_json()}
        if self._table.put(item, unless_exists=True):
            return record
        return self._record(record.product, record.proposal) or record

    def claim(self, product: str, proposal: str, *, rollback: bool = False) -> None:
        """See the port."""
        item: dict[str, Any] = {
            "pk": _product(product),
            "sk": "COMMITTING",
            "proposal": proposal,
            "by_rollback": rollback,
        }
        free = "attribute_not_exists(pk) OR proposal = :mine"
        values: dict[str, Any] = {":mine": proposal}
        if rollback:
            free, values[":another"] = f"{free} OR by_rollback = :another", True
        if not self._table.put_if(item, free, values):
            raise ConcurrentChange(
                f"another version of {product} is being committed",
                product=product,
                remedy=f"It ends by itself, or its run has failed: mesh doctor; mesh trace of {product}'s last upload.",
            )

    def release(self, product: str, proposal: str) -> None:
        """See the port."""
        self._table.delete_if(_product(product), "COMMITTING", "proposal = :mine", {":mine": proposal})

    def rolling_back(self, product: str) -> bool:
        """See the port."""
        item = self._table.get(_product(product), "COMMITTING")
        return bool(item and item["by_rollback"])

    def keep_table(self, record: TableRecord) -> None:
        """See the port. The first part is written last: it says how many there are."""
        body = zlib.compress(record.model_dump_json().encode())
        parts = [body[start : start + _PART] for start in range(0, len(body), _PART)]
        for number, part in reversed(list(enumerate(parts))):
            key = _table(record.product, record.table, record.metadata, number)
            self._table.put({**key, "parts": len(parts), "body": Binary(part)})

    def table(self, product: str, table: str, metadata: str) -> TableRecord | None:
        """See the port."""
        body, number, parts = b"", 0, 1
        while number < parts:
            key = _table(product, table, metadata, number)
            item = self._table.get(key["pk"], key["sk"])
            if item is None:
                return None
            body, number, parts = body + bytes(item["body"]), number + 1, int(item["parts"])
        return TableRecord.model_validate_json(zlib.decompress(body))

    def keep_commit(self, commit: Commit) -> bool:
        """See the port. The commit is written first: it counts once the record says `committing`."""
        body = zlib.compress(commit.model_dump_json().encode())
        self._table.put({"pk": _product(commit.product), "sk": f"COMMIT#{commit.proposal}", "body": Binary(body)})
        record = self._known(commit.product, commit.proposal)
        return self._write(record.model_copy(update={"committing": True}), "answered = :no")

    def commit(self, product: str, proposal: str) -> Commit | None:
        """See the port."""
        record = self._record(product, proposal)
        item = self._table.get(_product(product), f"COMMIT#{proposal}") if record and record.committing else None
        return Commit.model_validate_json(zlib.decompress(bytes(item["body"]))) if item else None

    def refuse(self, answer: ProposalSettled) -> ProposalRecord:
        """See the port."""
        record = self._known(answer.product, answer.proposal)
        refused = record.model_copy(update={"answer": answer})
        if not self._write(refused, "answered = :no AND committing = :no"):
            return self._known_again(record)
        self.release(answer.product, answer.proposal)
        return refused

    def settle(self, answer: ProposalSettled) -> ProposalSettled:
        """See the port."""
        record = self._known(answer.product, answer.proposal)
        settled = record.model_copy(update={"answer": answer})
        stands = settled if self._write(settled, "answered = :no") else self._known_again(record)
        self.release(answer.product, answer.proposal)
        return stands.answer or answer

    def _write(self, record: ProposalRecord, condition: str) -> bool:
        item = {
            "pk": _product(record.product),
            "sk": f"PROPOSAL#{record.proposal}",
            "answered": record.answer is not None,
            "committing": record.committing,
            "body": record.model_dump_json(),
        }
        return self._table.put_if(item, condition, {":no": False})

    def _known_again(self, record: ProposalRecord) -> ProposalRecord:
        return self._known(record.product, record.proposal)

    def _known(self, product: str, proposal: str) -> ProposalRecord:
        """Raises ConcurrentChange for a proposal that nobody recorded."""
        record = self._record(product, proposal)
        if record is None:
            raise ConcurrentChange(f"proposal {proposal} is not recorded", proposal=proposal)
        return record

    def _record(self, product: str, proposal: str) -> ProposalRecord | None:
        item = self._table.get(_product(product), f"PROPOSAL#{proposal}")
        return ProposalRecord.model_validate_json(item["body"]) if item else None


def _table(product: str, table: str, metadata: str, part: int) -> dict[str, str]:
    name = metadata.rpartition("/")[2]
    return {"pk": _product(product), "sk": f"TABLE#{table}#{name}#{part:04d}"}


def _product(name: str) -> str:
    return f"PRODUCT#{name}"
