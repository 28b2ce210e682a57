"""One upload's trace in one account: what happened, in order. `mesh trace` joins the accounts' parts."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from mesh.adapters.dynamodb.items import Table, Write, put
from mesh.domain.retention import Kind
from mesh.ports import Note


def note_item(note: Note, table: Table) -> Write:
    """The table's item of an entry, with the present time; written in one transaction with the change that it
    describes."""
    now = table.present()
    return put(
        {
            "pk": f"TRACE#{note.correlation_id}",
            "sk": f"{now.isoformat()}#{uuid4().hex[:8]}",
            "what": note.what,
            "facts": json.dumps(note.facts),
            **table.expiry(Kind.TRACE, now),
        }
    )


class DynamoTrace:
    """Implements `ports.Trace` beside the other items of an account's table, for a time."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def note(self, correlation_id: str, what: str, **facts: object) -> None:
        """Append an entry."""
        self.keep(Note(correlation_id, what, facts))

    def keep(self, note: Note) -> None:
        """See the port."""
        self._table.write(note_item(note, self._table))

    def entries(self, correlation_id: str) -> Iterator[dict[str, Any]]:
        """`{"time", "what", "facts"}`, in order."""
        for item in self._table.query(f"TRACE#{correlation_id}"):
            yield {
                "time": item["sk"].partition("#")[0],
                "what": item["what"],
                "facts": json.loads(item["facts"]),
            }
