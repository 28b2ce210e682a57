"""One upload's trace in one account: what happened, in order. `mesh trace` joins the accounts' parts."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from mesh.adapters.dynamodb.items import Table, Write, put
from mesh.ports import Note

KEPT = timedelta(days=90)


def note_item(note: Note) -> Write:
    """The item of an entry, with the present time; written in one transaction with the change that it describes."""
    now = datetime.now(UTC)
    return put(
        {
            "pk": f"TRACE#{note.correlation_id}",
            "sk": f"{now.isoformat()}#{uuid4().hex[:8]}",
            "what": note.what,
            "facts": json.dumps(note.facts),
            "expires": int((now + KEPT).timestamp()),
        }
    )


class DynamoTrace:
    """Implements `ports.Trace` beside the other items of an account's table; entries expire after 90 days."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def note(self, correlation_id: str, what: str, **facts: object) -> None:
        """Append an entry."""
        self.keep(Note(correlation_id, what, facts))

    def keep(self, note: Note) -> None:
        """See the port."""
        self._table.write(note_item(note))

    def entries(self, correlation_id: str) -> Iterator[dict[str, Any]]:
        """`{"time", "what", "facts"}`, in order."""
        for item in self._table.query(f"TRACE#{correlation_id}"):
            yield {
                "time": item["sk"].partition("#")[0],
                "what": item["what"],
                "facts": json.loads(item["facts"]),
            }
