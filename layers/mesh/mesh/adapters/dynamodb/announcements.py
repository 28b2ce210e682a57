"""The newest announced revision of each product's contract, in central's table: `PRODUCT#<name>` / `ANNOUNCED`."""

from mesh.adapters.dynamodb.items import Table, put, put_new
from mesh.domain.contracts.announcement import Announcement
from mesh.domain.contracts.product import ConcurrentChange


class DynamoAnnouncements:
    """Implements `ports.Announcements`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def newest(self, product: str) -> Announcement | None:
        """See the port."""
        return self._read(product)[0]

    def announce(self, announcement: Announcement) -> Announcement:
        """See the port."""
        known, body = self._read(announcement.product)
        if known and (
            known.declaration == announcement.declaration
            or known.compared(announcement.owner, announcement.sequencer) > 0
        ):
            return known
        recorded = announcement.in_place_of(known)
        self._write(recorded, body)
        return recorded

    def record_readers(self, announcement: Announcement, readers: tuple[str, ...], *, told: bool) -> None:
        """See the port."""
        known, body = self._read(announcement.product)
        if known and known.declaration == announcement.declaration:
            self._write(known.evolve(told=told, readers=readers), body)

    def end(self, product: str) -> None:
        """See the port."""
        known, body = self._read(product)
        if known and not known.ended:
            self._write(known.evolve(ended=True), body)

    def _read(self, product: str) -> tuple[Announcement | None, str]:
        """It, and its text as it stands."""
        item = self._table.get(*_key(product))
        return (Announcement.model_validate_json(item["body"]), item["body"]) if item else (None, "")

    def _write(self, announcement: Announcement, seen: str) -> None:
        """Over the text that was read."""
        pk, sk = _key(announcement.product)
        item = {"pk": pk, "sk": sk, "body": announcement.model_dump_json()}
        if not self._table.write(put(item, "body = :seen", {":seen": seen}) if seen else put_new(item)):
            raise ConcurrentChange(f"the announcement of {announcement.product} changed", product=announcement.product)


def _key(product: str) -> tuple[str, str]:
    return f"PRODUCT#{product}", "ANNOUNCED"
