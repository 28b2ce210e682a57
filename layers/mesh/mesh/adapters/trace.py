"""One upload's story in one account: what happened, in order. `mesh trace` joins the accounts' parts."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from mesh.adapters.dynamodb import Table

KEPT = timedelta(days=90)


def entry(correlation_id: str, what: str, facts: Mapping[str, object]) -> dict[str, Any]:
    """The item of an entry that is written now."""
    now = datetime.now(UTC)
    return {
        "pk": f"TRACE#{correlation_id}",
        "sk": f"{now.isoformat()}#{uuid4().hex[:8]}",
        "what": what,
        "facts": json.dumps(facts),
        "expires": int((now + KEPT).timestamp()),
    }


class DynamoTrace:
    """Implements `ports.Trace` beside the other items of an account's table; entries expire after 90 days."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def note(self, correlation_id: str, what: str, **facts: object) -> None:
        """Append an entry."""
        self._table.put(entry(correlation_id, what, facts))

    def entries(self, correlation_id: str) -> Iterator[dict[str, Any]]:
        """`{"time", "what", "facts"}`, in order."""
        for item in self._table.query(f"TRACE#{correlation_id}"):
            yield {
                "time": item["sk"].partition("#")[0],
                "what": item["what"],
                "facts": json.loads(item["facts"]),
            }
