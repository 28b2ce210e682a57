"""Central's record of proposals, in its registry's table.

| pk | sk | item |
|---|---|---|
| `PRODUCT#<name>` | `PROPOSAL#<id>` | ProposalRecord, and beside it its `answer` once there is one |
| `PRODUCT#<name>` | `COMMIT#<id>` | Commit, compressed: a product may have very many columns |
| `PRODUCT#<name>` | `COMMITTING` | the proposal, or rollback, whose turn it is |
| `PRODUCT#<name>` | `TABLE#<table>#<metadata file>#<part>` | TableRecord, compressed, in parts of what an item takes |
"""

import zlib
from typing import Any, Final

from boto3.dynamodb.types import Binary

from mesh.adapters.dynamodb import Table, dump
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
        if self._table.put(_item(record), unless_exists=True):
            return record
        return self._record(record.product, record.proposal) or record

    def begin(self, record: ProposalRecord) -> bool:
        """See the port."""
        name, new = {"TableName": self._table.name}, {"ConditionExpression": "attribute_not_exists(pk)"}
        turn = {"pk": _product(record.product), "sk": "COMMITTING", "proposal": record.proposal, "by_rollback": False}
        return self._table.write_together(
            [{"Put": {**name, **new, "Item": dump(item)}} for item in (_item(record), turn)]
        )

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

    def keep_commit(self, record: ProposalRecord, commit: Commit) -> bool:
        """See the port."""
        body = zlib.compress(commit.model_dump_json().encode())
        kept = {"pk": _product(commit.product), "sk": f"COMMIT#{commit.proposal}", "body": Binary(body)}
        unanswered = {"ConditionExpression": "answered = :no", "ExpressionAttributeValues": dump({":no": False})}
        committing = _item(record.model_copy(update={"committing": True}))
        return self._table.write_together(
            [
                {"Put": {"TableName": self._table.name, "Item": dump(kept)}},
                {"Put": {"TableName": self._table.name, "Item": dump(committing), **unanswered}},
            ]
        )

    def commit(self, product: str, proposal: str) -> Commit | None:
        """See the port."""
        item = self._table.get(_product(product), f"COMMIT#{proposal}")
        return Commit.model_validate_json(zlib.decompress(bytes(item["body"]))) if item else None

    def refuse(self, answer: ProposalSettled) -> ProposalRecord:
        """See the port."""
        if self._table.update_if(**_answering(answer, "answered = :no AND committing = :no")):
            self.release(answer.product, answer.proposal)
        return self._known(answer.product, answer.proposal)

    def settle(self, answer: ProposalSettled) -> ProposalSettled:
        """See the port. As a rule both are to be done; else it is seen to one by one."""
        answering, mine = _answering(answer, "answered = :no"), dump({":mine": answer.proposal})
        turn = dump({"pk": _product(answer.product), "sk": "COMMITTING"})
        update = {
            "Key": dump({"pk": answering["pk"], "sk": answering["sk"]}),
            "UpdateExpression": answering["update"],
            "ConditionExpression": answering["condition"],
            "ExpressionAttributeValues": dump(answering["values"]),
        }
        ended = {"Key": turn, "ConditionExpression": "proposal = :mine", "ExpressionAttributeValues": mine}
        name = {"TableName": self._table.name}
        if self._table.write_together([{"Update": {**name, **update}}, {"Delete": {**name, **ended}}]):
            return answer
        self._table.update_if(**answering)
        self.release(answer.product, answer.proposal)
        return self._known(answer.product, answer.proposal).answer or answer

    def _known(self, product: str, proposal: str) -> ProposalRecord:
        """Raises ConcurrentChange for a proposal that nobody recorded."""
        record = self._record(product, proposal)
        if record is None:
            raise ConcurrentChange(f"proposal {proposal} is not recorded", proposal=proposal)
        return record

    def _record(self, product: str, proposal: str) -> ProposalRecord | None:
        item = self._table.get(_product(product), f"PROPOSAL#{proposal}")
        if item is None:
            return None
        answer = ProposalSettled.model_validate_json(item["answer"]) if item["answered"] else None
        return ProposalRecord.model_validate_json(item["body"]).model_copy(
            update={"committing": item["committing"], "answer": answer}
        )


def _item(record: ProposalRecord) -> dict[str, Any]:
    """A record that is not answered, and beside it what conditions look at, and change."""
    return {
        "pk": _product(record.product),
        "sk": f"PROPOSAL#{record.proposal}",
        "answered": False,
        "committing": record.committing,
        "body": record.model_dump_json(exclude={"committing", "answer"}),
    }


def _answering(answer: ProposalSettled, condition: str) -> dict[str, Any]:
    """Arguments of `Table.update_if`. A proposal that nobody recorded has no `answered`: the condition fails."""
    return {
        "pk": _product(answer.product),
        "sk": f"PROPOSAL#{answer.proposal}",
        "update": "SET answered = :yes, answer = :answer",
        "values": {":no": False, ":yes": True, ":answer": answer.model_dump_json()},
        "condition": condition,
    }


def _table(product: str, table: str, metadata: str, part: int) -> dict[str, str]:
    name = metadata.rpartition("/")[2]
    return {"pk": _product(product), "sk": f"TABLE#{table}#{name}#{part:04d}"}


def _product(name: str) -> str:
    return f"PRODUCT#{name}"
