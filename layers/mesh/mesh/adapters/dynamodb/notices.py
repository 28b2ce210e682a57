"""A member's notices in its own table: `NOTICE` / `<time>#<event id>` for reading, `EVENT#<id>` for once-only."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from mesh.adapters.dynamodb.items import Table, Write, put, put_new
from mesh.adapters.dynamodb.trace import note_item
from mesh.domain.contracts.product import ConcurrentChange
from mesh.domain.retention import Kind
from mesh.ports import Note, Notice

_ATTEMPTS: Final = 5


class DynamoNotices:
    """Implements `ports.Notices`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def known(self, event_ids: Iterable[str]) -> set[str]:
        """See the port."""
        return {
            item["pk"].removeprefix("EVENT#") for item in self._table.get_all(_once(id_) for id_ in event_ids).values()
        }

    def add(self, notices: Sequence[Notice]) -> None:
        """See the port."""
        new = list(notices)
        for _ in range(_ATTEMPTS):
            if not new or self._table.write(*(write for notice in new for write in _stored(notice, self._table))):
                return
            known = self.known(notice.metadata.id for notice in new)
            new = [notice for notice in new if notice.metadata.id not in known]
        raise ConcurrentChange("the same notices are being stored by another process")

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


def _once(event_id: str) -> tuple[str, str]:
    return f"EVENT#{event_id}", "EVENT"


def _stored(notice: Notice, table: Table) -> tuple[Write, Write, Write]:
    """All or none: that it came, what it says, and its place in the trace."""
    metadata, at = notice.metadata, notice.at.isoformat()
    pk, sk = _once(metadata.id)
    said = {"detail_type": notice.detail_type, "detail": json.dumps(notice.detail)}
    return (
        put_new({"pk": pk, "sk": sk, "at": at, **table.expiry(Kind.RECEIVED_EVENT, notice.at)}),
        put({"pk": "NOTICE", "sk": f"{at}#{metadata.id}", **said, **table.expiry(Kind.NOTICE, notice.at)}),
        note_item(Note(metadata.correlation_id, "notice received", {"event": notice.detail_type}), table),
    )
