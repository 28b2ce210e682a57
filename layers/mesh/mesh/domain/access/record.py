"""One access from its request to its end: what was asked, decided and granted. Its id names request and grant alike.

requested → waiting → granting → sharing → live → ending → ended; or denied, from any state before `granting`.
"""

from datetime import datetime
from typing import Literal

from mesh.domain.access.asking import Ask
from mesh.domain.errors import Rejected
from mesh.domain.events import AccountId, ExposedData, GrantEntry, Model, ReadableTable, Reason, stable_id

type Status = Literal["requested", "waiting", "granting", "sharing", "live", "ending", "ended", "denied"]
type Cause = Literal["revoked", "expired", "retired", "failed"]

ASKING: frozenset[Status] = frozenset({"requested", "waiting", "granting", "sharing"})
"""Until it is live the same ask is not taken again."""
HOLDING: frozenset[Status] = frozenset({"granting", "sharing", "live"})
"""Something is, or may be, granted, and must stay."""
OVER: frozenset[Status] = frozenset({"ended", "denied"})


class AlreadyAsked(Rejected):
    """The same ask is being worked on."""


class UnknownAccess(Rejected):
    """No request or grant of that id."""


class AccessOver(Rejected):
    """The access has ended, or is ending: nothing may be added to it."""


class Approval(Model):
    """One approver's word."""

    account: AccountId
    reason: str
    at: datetime


class Decided(Model):
    """What was decided, and by which rules: kept so that it can be told, and compared with later."""

    effect: Literal["allow", "ask", "deny"]
    rules: tuple[str, ...]
    why: str
    exposure: tuple[ExposedData, ...]
    left_out: tuple[str, ...]
    approvers: tuple[AccountId, ...]
    entries: tuple[GrantEntry, ...]
    databases: tuple[str, ...]
    tables: tuple[ReadableTable, ...]
    row_filter: str = ""
    """The predicate of the data cells filters that the entries name."""
    columns: tuple[str, ...] = ()
    """Every column that is exposed, `database.table.column`: more than these is asked again."""


class Step(Model):
    """One thing that happened to it."""

    at: datetime
    what: str


class Access(Model):
    """The record. `revision` counts writes: the registry takes one only from who has seen the last."""

    id: str
    receiver: AccountId
    receiver_domain: str
    ask: Ask
    status: Status
    until: datetime
    event_id: str
    correlation_id: str
    asked_at: datetime
    execution: str = ""
    decided: Decided | None = None
    approvals: tuple[Approval, ...] = ()
    answer_by: datetime | None = None
    escalated: bool = False
    reason: Reason | None = None
    cause: Cause | None = None
    history: tuple[Step, ...] = ()
    revision: int = 0

    def moved(self, status: Status, at: datetime, what: str, **changes: object) -> "Access":
        """The same access in its next state, with what happened written down."""
        step = Step(at=at, what=what)
        return self.model_copy(update={"status": status, "history": (*self.history, step), **changes})

    def noted(self, at: datetime, what: str, **changes: object) -> "Access":
        """The same, without a change of state."""
        return self.moved(self.status, at, what, **changes)

    def products(self) -> tuple[str, ...]:
        """The products that it is about: the one it names, or those that its expression exposes."""
        if self.ask.product:
            return (self.ask.product,)
        return self.decided.databases if self.decided else ()

    def require_going_on(self) -> "Access":
        """Raises AccessOver: what was revoked meanwhile is not granted after all."""
        if self.status in OVER or self.status == "ending":
            raise AccessOver(f"access {self.id} is {self.status}", access=self.id, remedy="ask again: mesh request")
        return self


def access_id(event_id: str) -> str:
    """The id of the access that a request's event asks for: the same for a redelivered one."""
    return f"ac-{stable_id(event_id, 'access').replace('-', '')[:12]}"
