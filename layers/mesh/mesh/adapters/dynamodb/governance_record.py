"""The governance in force: the documents of the last deployment that was taken, in central's table."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from mesh.adapters.dynamodb.items import Table, put
from mesh.domain.packing import pack, unpack


class DynamoGovernanceRecord:
    """Implements `ports.GovernanceRecord`: `GOVERNANCE` / `IN_FORCE` and `RENAMES`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def keep(self, documents: Mapping[str, Mapping[str, Any]]) -> None:
        """See the port."""
        body = pack(json.dumps(documents, ensure_ascii=False))
        self._table.write(put({"pk": "GOVERNANCE", "sk": "IN_FORCE", "body": body}))

    def kept(self) -> dict[str, Any]:
        """See the port."""
        item = self._table.get("GOVERNANCE", "IN_FORCE")
        return dict(json.loads(unpack(item["body"]))) if item else {}

    def pending_renames(self) -> frozenset[tuple[str, str]]:
        """See the port."""
        item = self._table.get("GOVERNANCE", "RENAMES")
        return frozenset((key, old) for key, old in json.loads(item["pending"])) if item else frozenset()

    def keep_pending(self, renames: Collection[tuple[str, str]]) -> None:
        """See the port."""
        self._table.write(put({"pk": "GOVERNANCE", "sk": "RENAMES", "pending": json.dumps(sorted(renames))}))
