"""The account's own record of OpenLineage events: `LINEAGE#<product>` / `<time>#<run>#<type>`, for so many days."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from mesh.adapters.dynamodb.items import Table, put


class DynamoLineage:
    """Implements `ports.LineageLog`. `kept` counts from the event's own time."""

    def __init__(self, table: Table, kept: timedelta = timedelta(days=400)) -> None:
        self._table = table
        self._kept = kept

    def put(self, product: str, event: Mapping[str, Any]) -> None:
        """See the port. An event is at most 300,000 bytes: an item holds it."""
        at, run, kind = event["eventTime"], event["run"]["runId"], event["eventType"]
        self._table.write(
            put(
                {
                    "pk": f"LINEAGE#{product}",
                    "sk": f"{at}#{run}#{kind}",
                    "body": json.dumps(event),
                    "expires": int((datetime.fromisoformat(at) + self._kept).timestamp()),
                }
            )
        )

    def events(self, product: str) -> Iterator[dict[str, Any]]:
        """All of a product that are still kept, oldest first."""
        for item in self._table.query(f"LINEAGE#{product}"):
            yield json.loads(item["body"])
