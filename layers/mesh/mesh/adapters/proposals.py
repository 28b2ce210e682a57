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
        if self._table.put({**key, "answered": False, "body": record.model_dump_json()}, unless_exists=True):
            return record
        return self._record(record.product, record.proposal) or record

    def keep_commit(self, commit: Commit) -> None:
        """See the port."""
        body = zlib.compress(commit.model_dump_json().encode())
        self._table.put({"pk": _product(commit.product), "sk": f"COMMIT#{commit.proposal}", "body": Binary(body)})

    def commit(self, product: str, proposal: str) -> Commit | None:
        """See the port."""
        item = self._table.get(_product(product), f"COMMIT#{proposal}")
        return Commit.model_validate_json(zlib.decompress(bytes(item["body"]))) if item else None

    def settle(self, answer: ProposalSettled) -> ProposalSettled:
        """See the port. Raises ConcurrentChange for a proposal that nobody recorded."""
        record = self._record(answer.product, answer.proposal)
        if record is None:
            raise ConcurrentChange(f"proposal {answer.proposal} is not recorded", proposal=answer.proposal)
        if record.answer is not None:
            return record.answer
        settled = record.model_copy(update={"answer": answer}).model_dump_json()
        key = {"pk": _product(answer.product), "sk": f"PROPOSAL#{answer.proposal}"}
        if self._table.put_if({**key, "answered": True, "body": settled}, "answered = :open", {":open": False}):
            return answer
        stands = self._record(answer.product, answer.proposal)
        return stands.answer if stands and stands.answer else answer

    def _record(self, product: str, proposal: str) -> ProposalRecord | None:
        item = self._table.get(_product(product), f"PROPOSAL#{proposal}")
        return ProposalRecord.model_validate_json(item["body"]) if item else None


def _product(name: str) -> str:
    return f"PRODUCT#{name}"
