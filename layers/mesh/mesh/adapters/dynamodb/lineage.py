"""The account's own record of OpenLineage events: `LINEAGE#<product>` / `<time>#<run>#<type>`, for so many days."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from mesh.adapters.dynamodb.items import Table, put
from mesh.domain.retention import Kind


class DynamoLineage:
    """Implements `ports.LineageLog`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def put(self, product: str, event: Mapping[str, Any]) -> None:
        """See the port. An event is at most 300,000 bytes: an item holds it."""
        at, run, kind = event["eventTime"], event["run"]["runId"], event["eventType"]
        self._table.write(
            put(
                {
                    "pk": f"LINEAGE#{product}",
                    "sk": f"{at}#{run}#{kind}",
                    "body": json.dumps(event),
                    **self._table.expiry(Kind.LINEAGE, datetime.fromisoformat(at)),
                }
            )
        )

    def events(self, product: str) -> Iterator[dict[str, Any]]:
        """All of a product that are still kept, oldest first."""
        for item in self._table.query(f"LINEAGE#{product}"):
            yield json.loads(item["body"])
