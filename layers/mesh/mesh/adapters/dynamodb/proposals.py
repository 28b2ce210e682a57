"""Central's record of proposals, in its registry's table.

| pk | sk | item |
|---|---|---|
| `PRODUCT#<name>` | `PROPOSAL#<id>` | ProposalRecord, and beside it its `answer` once there is one |
| `PRODUCT#<name>` | `COMMIT#<id>` | Commit, compressed: a product may have very many columns |
| `PRODUCT#<name>` | `COMMITTING` | the proposal, or rollback, whose turn it is |
| `PRODUCT#<name>` | `TABLE#<table>#<metadata file>#<part>` | TableRecord, compressed, in parts of what an item takes |
"""

import zlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

from boto3.dynamodb.types import Binary

from mesh.adapters.dynamodb.items import Table, Write, delete, put, put_new, update
from mesh.adapters.dynamodb.trace import note_item
from mesh.domain.contracts.product import ConcurrentChange
from mesh.domain.events import ProposalSettled
from mesh.domain.publishing.proposals import Commit, ProposalRecord, TableRecord
from mesh.domain.retention import Kind
from mesh.ports import Note

_PART: Final = 350_000
"""Bytes of a record in one item: DynamoDB takes 400 KB with all that is beside it."""
_PARTS_AT_ONCE: Final = 8
"""Of one transaction, which takes 4 MB."""


class DynamoProposals:
    """Implements `ports.Proposals`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def open(self, record: ProposalRecord) -> ProposalRecord:
        """See the port."""
        if self._table.write(put_new(self._item(record))):
            return record
        return self.record(record.product, record.proposal) or record

    def begin(self, record: ProposalRecord, note: Note) -> bool:
        """See the port."""
        turn = {"pk": _product(record.product), "sk": "COMMITTING", "proposal": record.proposal, "by_rollback": False}
        begun = self._table.write(put_new(self._item(record)), put_new(turn), note_item(note, self._table))
        return begun or not self._table.write(note_item(note, self._table))

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
        if not self._table.write(put(item, free, values)):
            raise ConcurrentChange(
                f"another version of {product} is being committed",
                product=product,
                remedy=f"It ends by itself, or its run has failed: mesh doctor; mesh trace of {product}'s last upload.",
            )

    def release(self, product: str, proposal: str) -> None:
        """See the port."""
        self._table.write(_ended(product, proposal))

    def rolling_back(self, product: str) -> bool:
        """See the port."""
        item = self._table.get(_product(product), "COMMITTING")
        return bool(item and item["by_rollback"])

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

    def keep_commit(self, record: ProposalRecord, commit: Commit, tables: Sequence[TableRecord]) -> bool:
        """See the port."""
        body = zlib.compress(commit.model_dump_json().encode())
        item = {"pk": _product(commit.product), "sk": f"COMMIT#{commit.proposal}", "body": Binary(body)}
        kept = put(item | self._table.expiry(Kind.COMMIT))
        unanswered = self._item(record.evolve(committing=True)), "answered = :no", {":no": False}
        parts = [part for table in tables for part in _parts(table)]
        if len(parts) > _PARTS_AT_ONCE:
            for part in parts:
                self._table.write(part)
            parts = []
        return self._table.write(*parts, kept, put(*unanswered))

    def commit(self, product: str, proposal: str) -> Commit | None:
        """See the port."""
        item = self._table.get(_product(product), f"COMMIT#{proposal}")
        return Commit.model_validate_json(zlib.decompress(bytes(item["body"]))) if item else None

    def refuse(self, answer: ProposalSettled) -> ProposalRecord:
        """See the port."""
        answering = self._answering(answer, "answered = :no AND committing = :no")
        if not self._table.write(answering, _ended(answer.product, answer.proposal)):
            self._table.write(answering)  # answered, or it was not its turn
        return self._known(answer.product, answer.proposal)

    def settle(self, answer: ProposalSettled) -> ProposalSettled:
        """See the port."""
        answering = self._answering(answer, "answered = :no")
        left_out = self._table.write_what_holds(answering, _ended(answer.product, answer.proposal))
        return answer if answering not in left_out else self._known(answer.product, answer.proposal).answer or answer

    def forget_tables(self, product: str, table: str, metadata: Iterable[str]) -> None:
        """See the port."""
        for location in metadata:
            first = _table(product, table, location, 0)
            for item in self._table.query(first["pk"], prefix=first["sk"].removesuffix(f"{0:04d}")):
                self._table.write(delete(item["pk"], item["sk"]))

    def _item(self, record: ProposalRecord) -> dict[str, Any]:
        """A record that is not answered, and beside it what conditions look at, and change."""
        return {
            "pk": _product(record.product),
            "sk": f"PROPOSAL#{record.proposal}",
            "answered": False,
            "committing": record.committing,
            "body": record.model_dump_json(exclude={"committing", "answer"}),
            **self._table.expiry(Kind.PROPOSAL, record.at),
        }

    def _answering(self, answer: ProposalSettled, condition: str) -> Write:
        """An unrecorded proposal has no `answered`, so the condition fails."""
        values = {":no": False, ":yes": True, ":answer": answer.model_dump_json()}
        values[":expires"] = self._table.expiry(Kind.PROPOSAL)["expires"]
        changed = "SET answered = :yes, answer = :answer, expires = :expires"
        return update(_product(answer.product), f"PROPOSAL#{answer.proposal}", changed, values, condition)

    def _known(self, product: str, proposal: str) -> ProposalRecord:
        """Raises ConcurrentChange for an unrecorded proposal."""
        record = self.record(product, proposal)
        if record is None:
            raise ConcurrentChange(f"proposal {proposal} is not recorded", proposal=proposal)
        return record

    def record(self, product: str, proposal: str) -> ProposalRecord | None:
        """See the port."""
        item = self._table.get(_product(product), f"PROPOSAL#{proposal}")
        if item is None:
            return None
        answer = ProposalSettled.model_validate_json(item["answer"]) if item["answered"] else None
        return ProposalRecord.model_validate_json(item["body"]).evolve(committing=item["committing"], answer=answer)


def _ended(product: str, proposal: str) -> Write:
    return delete(_product(product), "COMMITTING", "proposal = :mine", {":mine": proposal})


def _parts(record: TableRecord) -> list[Write]:
    """The first part is written last: it says how many there are."""
    body = zlib.compress(record.model_dump_json().encode())
    parts = [body[start : start + _PART] for start in range(0, len(body), _PART)]
    return [
        put(
            {**_table(record.product, record.table, record.metadata, number), "parts": len(parts), "body": Binary(part)}
        )
        for number, part in reversed(list(enumerate(parts)))
    ]


def _table(product: str, table: str, metadata: str, part: int) -> dict[str, str]:
    name = metadata.rpartition("/")[2]
    return {"pk": _product(product), "sk": f"TABLE#{table}#{name}#{part:04d}"}


def _product(name: str) -> str:
    return f"PRODUCT#{name}"
