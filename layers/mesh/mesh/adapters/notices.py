"""What a member was told, in its own table: `NOTICE` / `<time>#<event id>` for reading, `EVENT#<id>` for once-only."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from mesh.adapters.dynamodb import Table, dump
from mesh.adapters.trace import entry
from mesh.domain.events import Metadata


class DynamoNotices:
    """Implements `ports.Notices`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def known(self, event_id: str) -> bool:
        """Whether this event was stored."""
        return self._table.get(f"EVENT#{event_id}", "EVENT") is not None

    def add(self, metadata: Metadata, detail_type: str, detail: Mapping[str, Any], at: datetime) -> bool:
        """See the port."""
        once = {"pk": f"EVENT#{metadata.id}", "sk": "EVENT", "at": at.isoformat()}
        notice = {"pk": "NOTICE", "sk": f"{at.isoformat()}#{metadata.id}", "detail_type": detail_type}
        told = entry(metadata.correlation_id, "notice received", {"event": detail_type})
        new = {"ConditionExpression": "attribute_not_exists(pk)"}
        return self._table.write_together(
            [
                {"Put": {"TableName": self._table.name, "Item": dump(once), **new}},
                {"Put": {"TableName": self._table.name, "Item": dump({**notice, "detail": json.dumps(detail)})}},
                {"Put": {"TableName": self._table.name, "Item": dump(told)}},
            ]
        )

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
