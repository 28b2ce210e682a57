"""The state of a product at its producer: its facts, the run that works on it, and its contract."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

_NEVER = datetime.min.replace(tzinfo=UTC)


class Lease(NamedTuple):
    """The run that may work on a product, and until when; `holder` is empty after it was dropped, or before the first.

    `generation` numbers the batches: it grows whenever another takes it.
    """

    holder: str = ""
    until: datetime = _NEVER
    generation: int = 0

    def is_held(self, now: datetime) -> bool:
        """Whether a run is active; it looks for more before it ends."""
        return self.holder != "" and self.until >= now

    def taken(self, holder: str, until: datetime, now: datetime) -> "Lease | None":
        """As `holder` would have it; None while it is another's."""
        if holder == self.holder:
            return Lease(holder, until, self.generation)
        return None if self.is_held(now) else Lease(holder, until, self.generation + 1)


class Standing(NamedTuple):
    """`facts` is None for an undeclared product. `settled` is the version id of the contract's newest revision
    once that is registered, or refused; None before, and "" in a bucket without versions."""

    facts: Mapping[str, Any] | None = None
    lease: Lease = Lease()
    settled: str | None = None

    @property
    def awaits_registration(self) -> bool:
        """Whether central has yet to register it."""
        return self.facts is not None and self.facts["status"] != "registered"

    def may_start(self, now: datetime) -> bool:
        """Whether a run would do anything: no run is active, and the product is registered, or not declared."""
        return not self.awaits_registration and not self.lease.is_held(now)
