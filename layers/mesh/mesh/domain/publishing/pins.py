"""Pinned versions, which readers requested to stay readable: tables of their own, shared by all holders of the same
version, until the last one ends.

preparing → ready → ending: central creates second tables on the version's metadata files, and drops them; nothing is
copied. A later pin of the same version is a new pin.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final, Literal

from mesh.domain.errors import Rejected
from mesh.domain.events import AccountId, PinId, Reason, stable_id
from mesh.domain.model import Model
from mesh.domain.names import pinned_table

type PinStatus = Literal["preparing", "ready", "ending"]
type PinCause = Literal["expired", "unpinned", "retired", "withdrawn"]
PIN: Final = "meshwork:pin"
"""Table parameter: the id of the pin that the table belongs to."""
MAX_NAME: Final = 255
"""Characters of a table's name in Glue."""
MAX_ENDED: Final = 200
"""Requests that are remembered after their end: EventBridge may redeliver one for a day."""


_UNPINNED_BY_ONE: Final = 20
"""Requests of one account not to keep a version any more that are remembered."""


class NoLiveAccess(Rejected):
    """The account has no access to the product."""


class PinTooLong(Rejected):
    """The pin would last longer than this mesh allows."""


class TooManyPins(Rejected):
    """The product has the maximum number of pinned versions."""


class PinIsNewer(Rejected):
    """The account pinned the version again after it had said that it is needed no more: the later word counts."""


class NotPinned(Rejected):
    """The version is not pinned for that account."""


class PinnedTableTaken(Rejected):
    """The pinned table's name is taken by another table, or would be too long."""


class Holder(Model):
    """An account that pinned the version, until then. `request` is its latest requesting event, sent at `asked_at`."""

    account: AccountId
    until: datetime
    reason: str
    request: str
    correlation_id: str
    asked_at: datetime
    cause: PinCause = "expired"


class Pin(Model):
    """One pinned version. `tables` are known once they are there, by the names that they had in the version; `refusal`
    is why it could not be created."""

    id: PinId
    version: int
    status: PinStatus
    holders: tuple[Holder, ...]
    tables: tuple[str, ...] = ()
    refusal: Reason | None = None

    def holder(self, account: str) -> Holder | None:
        """That account's request."""
        return next((each for each in self.holders if each.account == account), None)

    def held_by(self, holder: Holder) -> "Pin":
        """The same, with this account's request in place of an earlier one."""
        others = tuple(each for each in self.holders if each.account != holder.account)
        return self.evolve(holders=(*others, holder))

    def without(self, requests: Collection[str]) -> "Pin":
        """The same, without the holders of these requests."""
        return self.evolve(holders=tuple(each for each in self.holders if each.request not in requests))

    def over(self, now: datetime) -> tuple[Holder, ...]:
        """The expired holders."""
        return tuple(each for each in self.holders if each.until <= now)

    def pinned_tables(self) -> tuple[tuple[str, str], ...]:
        """(name in the version, name of the pinned table)."""
        return tuple((table, pinned_table(table, self.version)) for table in self.tables)


class Unpinned(Model):
    """An account's newest request not to keep the version any more, and when it was sent."""

    account: AccountId
    version: int
    at: datetime


class Pins(Model):
    """All pins of a product. `revision` counts writes, for optimistic locking.

    `ended` are requests that ended, or were replaced by a later one, the newest last: a redelivered one changes
    nothing. Nor does one that comes after a later one of its account: `unpinned` are those that end a pin.
    """

    product: str
    pins: tuple[Pin, ...] = ()
    ended: tuple[str, ...] = ()
    unpinned: tuple[Unpinned, ...] = ()
    revision: int = 0

    def has_request(self, number: str) -> bool:
        """Whether somebody holds a pin by that request."""
        return any(holder.request == number for pin in self.pins for holder in pin.holders)

    def is_outdated(self, account: str, version: int, at: datetime) -> bool:
        """Whether the account has sent a later request about the version: to pin it, or not to keep it."""
        pin = self.of_version(version)
        holder = pin.holder(account) if pin is not None else None
        later = [each.at for each in self.unpinned if (each.account, each.version) == (account, version)]
        return any(at < each for each in (*later, *([holder.asked_at] if holder is not None else ())))

    def unpinned_by(self, account: str, version: int, at: datetime) -> "Pins":
        """The same, knowing of that request."""
        others = [each for each in self.unpinned if (each.account, each.version) != (account, version)]
        forgotten = [each for each in others if each.account == account][: 1 - _UNPINNED_BY_ONE]
        kept = (each for each in others if each not in forgotten)
        return self.evolve(unpinned=(*kept, Unpinned(account=account, version=version, at=at)))

    def kept(self) -> tuple[Pin, ...]:
        """Those that are not ending, by version."""
        return tuple(sorted((pin for pin in self.pins if pin.status != "ending"), key=lambda pin: pin.version))

    def of_version(self, version: int) -> Pin | None:
        """The pin of that version, unless it is ending."""
        return next((pin for pin in self.kept() if pin.version == version), None)

    def pin(self, number: str) -> Pin | None:
        """The pin of that id, until it is removed."""
        return next((pin for pin in self.pins if pin.id == number), None)

    def having(self, pin: Pin) -> "Pins":
        """With this pin added or replaced."""
        others = tuple(each for each in self.pins if each.id != pin.id)
        return self._become((*others, pin))

    def without(self, number: str) -> "Pins":
        """Without that pin."""
        return self._become(tuple(each for each in self.pins if each.id != number))

    def _become(self, pins: tuple[Pin, ...]) -> "Pins":
        left = {holder.request for pin in pins for holder in pin.holders}
        before = (holder.request for pin in self.pins for holder in pin.holders)
        ended = (*self.ended, *(request for request in before if request not in left))
        return self.evolve(pins=pins, ended=ended[-MAX_ENDED:])


def pin_id(request: str) -> str:
    """The id of the pin that a request's event begins: the same for a redelivered one."""
    return f"pin-{stable_id(request, 'pin').replace('-', '')[:12]}"
