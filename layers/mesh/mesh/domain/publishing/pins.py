"""Versions that readers asked to be kept readable: tables of their own, for all who want the same version, until the
last of them.

preparing → ready → ending: central makes second tables on the version's metadata files, and drops them; nothing is
copied. A pin that is ending is another one than a later pin of the same version.
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
"""Requests that are remembered after their end: EventBridge may deliver one again for a day."""


class NoLiveAccess(Rejected):
    """An account that reads nothing of the product wants a version of it kept."""


class PinTooLong(Rejected):
    """A version is wanted for longer than this mesh keeps one."""


class TooManyPins(Rejected):
    """The product has as many pinned versions as this mesh keeps."""


class NotPinned(Rejected):
    """The version is not pinned for that account."""


class PinnedTableTaken(Rejected):
    """A table that is not a pinned version has the name that one would get, or the name would be too long."""


class Holder(Model):
    """An account that wants the version, until then. `request` is the event that asked for it last."""

    account: AccountId
    until: datetime
    reason: str
    request: str
    correlation_id: str
    asked_at: datetime
    cause: PinCause = "expired"


class Pin(Model):
    """One pinned version. `tables` are known once they are there, by the names that they had in the version; `refusal`
    is why nothing came of it."""

    id: PinId
    version: int
    status: PinStatus
    holders: tuple[Holder, ...]
    tables: tuple[str, ...] = ()
    refusal: Reason | None = None

    def holder(self, account: str) -> Holder | None:
        """What that account asked for."""
        return next((each for each in self.holders if each.account == account), None)

    def held_by(self, holder: Holder) -> "Pin":
        """The same, with this account's wish in place of an earlier one."""
        others = tuple(each for each in self.holders if each.account != holder.account)
        return self.evolve(holders=(*others, holder))

    def without(self, requests: Collection[str]) -> "Pin":
        """The same, without those who asked by these events."""
        return self.evolve(holders=tuple(each for each in self.holders if each.request not in requests))

    def over(self, now: datetime) -> tuple[Holder, ...]:
        """Those whose time has come."""
        return tuple(each for each in self.holders if each.until <= now)

    def pinned_tables(self) -> tuple[tuple[str, str], ...]:
        """(name in the version, name of the pinned table)."""
        return tuple((table, pinned_table(table, self.version)) for table in self.tables)


class Pins(Model):
    """All pins of a product. `revision` counts writes: the registry takes one only from who has seen the last.

    `ended` are requests that have come to their end, or that a later one replaced, the newest last: one that is
    delivered again changes nothing.
    """

    product: str
    pins: tuple[Pin, ...] = ()
    ended: tuple[str, ...] = ()
    revision: int = 0

    def kept(self) -> tuple[Pin, ...]:
        """Those that are not ending, by version."""
        return tuple(sorted((pin for pin in self.pins if pin.status != "ending"), key=lambda pin: pin.version))

    def of_version(self, version: int) -> Pin | None:
        """The pin of that version, unless it is ending."""
        return next((pin for pin in self.kept() if pin.version == version), None)

    def pin(self, number: str) -> Pin | None:
        """The pin of that id, as long as anything is left of it."""
        return next((pin for pin in self.pins if pin.id == number), None)

    def having(self, pin: Pin) -> "Pins":
        """With this pin, in place of what was known of it."""
        others = tuple(each for each in self.pins if each.id != pin.id)
        return self._become((*others, pin))

    def without(self, number: str) -> "Pins":
        """Nothing is left of that pin."""
        return self._become(tuple(each for each in self.pins if each.id != number))

    def _become(self, pins: tuple[Pin, ...]) -> "Pins":
        left = {holder.request for pin in pins for holder in pin.holders}
        before = (holder.request for pin in self.pins for holder in pin.holders)
        ended = (*self.ended, *(request for request in before if request not in left))
        return self.evolve(pins=pins, ended=ended[-MAX_ENDED:])


def pin_id(request: str) -> str:
    """The id of the pin that a request's event begins: the same for a redelivered one."""
    return f"pin-{stable_id(request, 'pin').replace('-', '')[:12]}"
