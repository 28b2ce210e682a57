"""Central's record of proposals, in its registry's table.

| pk | sk | item |
|---|---|---|
| `PRODUCT#<name>` | `PROPOSAL#<id>` | ProposalRecord, with the answer once there is one |
| `PRODUCT#<name>` | `COMMIT#<id>` | Commit, compressed: a product may have very many columns |
"""

import zlib

from boto3.dynamodb.types import Binary

from mesh.adapters.dynamodb import Table
from mesh.domain.events import ProposalSettled
from mesh.domain.product import ConcurrentChange
from mesh.domain.publishing.proposals import Commit, ProposalRecord


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
        return refused if self._write(refused, "answered = :no AND committing = :no") else self._known_again(record)

    def settle(self, answer: ProposalSettled) -> ProposalSettled:
        """See the port."""
        record = self._known(answer.product, answer.proposal)
        settled = record.model_copy(update={"answer": answer})
        stands = settled if self._write(settled, "answered = :no") else self._known_again(record)
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


def _product(name: str) -> str:
    return f"PRODUCT#{name}"
