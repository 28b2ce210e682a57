"""What a member was told, in its own table: `NOTICE` / `<time>#<event id>` for reading, `EVENT#<id>` for once-only."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from mesh.adapters.dynamodb import Table


class DynamoNotices:
    """Implements `ports.Notices`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def known(self, event_id: str) -> bool:
        """Whether this event was stored."""
        return self._table.get(f"EVENT#{event_id}", "EVENT") is not None

    def add(self, event_id: str, detail_type: str, detail: Mapping[str, Any], at: datetime) -> bool:
        """Store a notice; `False` if it was there already."""
        if not self._table.put({"pk": f"EVENT#{event_id}", "sk": "EVENT", "at": at.isoformat()}, unless_exists=True):
            return False
        item = {"pk": "NOTICE", "sk": f"{at.isoformat()}#{event_id}", "detail_type": detail_type}
        self._table.put({**item, "detail": json.dumps(detail)})
        return True

    def all(self, after: str = "") -> Iterator[dict[str, Any]]:
        """`{"time", "id", "detail_type", "detail"}`, oldest first, those with a sort key past `after`."""
        for item in self._table.query("NOTICE"):
            if item["sk"] <= after:
                continue
            time, _, event_id = item["sk"].partition("#")
            yield {
                "time": time,
                "id": event_id,
                "detail_type": item["detail_type"],
                "detail": json.loads(item["detail"]),
            }
