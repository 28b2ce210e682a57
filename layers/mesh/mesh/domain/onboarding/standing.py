"""The state of a product at its producer: its facts, the run that works on it, and its contract."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

_NEVER = datetime.min.replace(tzinfo=UTC)
AT_ONCE: Final = 2
INTERVAL: Final = timedelta(seconds=30)
"""Batches that a product takes without a pause, and one more for so long: uploads that go on are gathered."""


class Lease(NamedTuple):
    """The run that may work on a product, and until when; `holder` is empty after it was dropped, or before the first.

    `generation` numbers the batches: it grows whenever another takes it. `paced` is when a new batch would have the
    whole allowance again (generic cell rate algorithm: each batch moves it on by INTERVAL). `tries` is how often it was
    taken since any object was dealt with.
    """

    holder: str = ""
    until: datetime = _NEVER
    generation: int = 0
    paced: datetime = _NEVER
    tries: int = 0

    def is_held(self, now: datetime) -> bool:
        """Whether a run is active; it looks for more before it ends."""
        return self.holder != "" and self.until >= now

    def taken(self, holder: str, until: datetime, now: datetime) -> "Lease | None":
        """As `holder` would have it; None while it is another's."""
        if holder == self.holder:
            return self._replace(until=until)
        if self.is_held(now):
            return None
        return Lease(holder, until, self.generation + 1, max(self.paced, now) + INTERVAL, self.tries + 1)

    def early(self, seen: "Lease", now: datetime) -> timedelta:
        """How long a batch that is taken under this lease has to wait; nothing for one whose run had the lease already:
        it has waited, or its step is repeated."""
        over = self.paced - now - AT_ONCE * INTERVAL
        return max(over, timedelta()) if self.generation != seen.generation else timedelta()


class Standing(NamedTuple):
    """`facts` is None for an undeclared product. `settled` is the version id of the contract's newest revision
    once that is registered, or refused; None before, and "" in a bucket without versions."""

    facts: Mapping[str, Any] | None = None
    lease: Lease = Lease()
    settled: str | None = None

    @property
    def new_owner(self) -> str:
        """The account that the product was handed over to; "" for one that is still this account's."""
        return str((self.facts or {}).get("new_owner", ""))

    @property
    def awaits_registration(self) -> bool:
        """Whether central has yet to register it."""
        return self.facts is not None and self.facts["status"] != "registered"

    def may_start(self, now: datetime) -> bool:
        """Whether a run would do anything: no run is active, and the product is registered, or not declared."""
        return not self.awaits_registration and not self.lease.is_held(now)
