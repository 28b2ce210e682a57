"""One access from its request to its end: what was requested, decided and granted. Request and grant share its id.

requested → waiting → granting → sharing → live → ending → ended; or denied, from any state before `granting`.

The record is one item, of 400 KB at most, and an access is ended by writing to it: whatever members say while it goes
on, an end has room. So texts are cut, the history is, and what is decided on may have MOST_DECIDED.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from mesh.domain.access.policy import EFFECTS, Course, Effect
from mesh.domain.access.request import AccessRequest, AmbiguousRequest
from mesh.domain.errors import Rejected, clipped
from mesh.domain.events import (
    AccountId,
    DecisionRequested,
    ExposedData,
    GrantEntry,
    ReadableTable,
    Reason,
    stable_id,
)
from mesh.domain.model import Model
from mesh.domain.packing import Packed

type Status = Literal["requested", "waiting", "granting", "sharing", "live", "ending", "ended", "denied"]
type Cause = Literal["revoked", "expired", "retired", "failed"]

ASKING: frozenset[Status] = frozenset({"requested", "waiting", "granting", "sharing"})
"""Until it is live, the same request is not accepted again."""
HOLDING: frozenset[Status] = frozenset({"granting", "sharing", "live"})
"""Grants exist, or may exist, and must stay."""
OVER: frozenset[Status] = frozenset({"ended", "denied"})
ENDING: frozenset[Status] = frozenset({"ending", "ended"})
"""The receiving account gives back what it has, or has done so."""


MOST_DECIDED: Final = 250_000
"""Bytes of the record of an access that is decided."""
_MOST_TEXT: Final = 2_000
_MOST_WHERE: Final = 8_000
_MOST_STEP: Final = 1_200
_FIRST_STEPS: Final = 20
_NEWEST_STEPS: Final = 30


class AlreadyRequested(Rejected):
    """The same request is being processed."""


class UnknownAccess(Rejected):
    """No request or grant of that id."""


class AccessOver(Rejected):
    """The access has ended, or is ending: nothing may be added to it."""


class DecidedAlready(Rejected):
    """A decision that comes too late: answered before, timed out, asked anew, or the access has ended."""


class Answer(Model):
    """One approver's decision. `event_id` identifies its event, so that a redelivered one is recognised."""

    account: AccountId
    decision: Literal["approve", "deny"]
    reason: str
    at: datetime
    event_id: str


class Decided(Model):
    """What was decided, and by which rules: recorded for people, and for later comparison."""

    effect: Effect
    rules: tuple[str, ...]
    why: str
    exposure: Annotated[tuple[ExposedData, ...], Packed()]
    left_out: tuple[str, ...]
    approvers: tuple[AccountId, ...]
    entries: Annotated[tuple[GrantEntry, ...], Packed()]
    databases: tuple[str, ...]
    tables: Annotated[tuple[ReadableTable, ...], Packed()]
    row_filter: str = ""
    """The predicate of the data cells filters that the entries name."""
    filtered_by: dict[str, tuple[str, str]] = Field(default_factory=dict)
    """The columns that it names, exposed or not, since it reveals their values: `database.table.column` →
    (confidentiality, pii)."""
    columns: Annotated[tuple[str, ...], Packed()] = ()
    """Every column that is exposed, `database.table.column`: if more than these would be exposed, approval is requested
    again."""

    @property
    def course(self) -> Course:
        """What follows from it."""
        return EFFECTS[self.effect].course

    def row_filters(self) -> list[tuple[tuple[str, str], list[str]]]:
        """The tables (database, table) that get a data cells filter, with the columns it lets through."""
        named = [entry.resource["DataCellsFilter"] for entry in self.entries if "DataCellsFilter" in entry.resource]
        places = [(str(each["DatabaseName"]), str(each["TableName"])) for each in named]
        return [(place, [name for name in map(_column_of(place), self.columns) if name]) for place in places]


def _column_of(place: tuple[str, str]) -> Callable[[str], str]:
    prefix = f"{place[0]}.{place[1]}."
    return lambda name: name.removeprefix(prefix) if name.startswith(prefix) else ""


def _shortened(reason: Reason) -> Reason:
    return Reason(
        code=clipped(reason.code, _MOST_TEXT),
        message=clipped(reason.message, _MOST_TEXT),
        where=reason.where if len(json.dumps(reason.where)) <= _MOST_WHERE else {},
        remedy=clipped(reason.remedy, _MOST_TEXT),
    )


KeptReason = Annotated[Reason, AfterValidator(_shortened)]
"""A reason as it is recorded: its texts are cut, and where it says too much about the place, that is left out."""


class ReaderCheck(Model):
    """What the receiving account said last of its reader: asked when, and by which run; `reason`: why it cannot read,
    None where it does."""

    run: str
    asked: datetime
    reason: KeptReason | None = None

    @property
    def suspended(self) -> bool:
        """The reader's role is gone or another one: its account took back what it had, until somebody confirms it."""
        return self.reason is not None and self.reason.code == "ReaderSuspended"


class Step(Model):
    """One entry of its history."""

    at: datetime
    what: Annotated[str, AfterValidator(lambda text: clipped(text, _MOST_STEP))]


def _bounded(history: tuple[Step, ...]) -> tuple[Step, ...]:
    """The first steps, from request to grant, and the newest."""
    if len(history) <= _FIRST_STEPS + _NEWEST_STEPS:
        return history
    return (*history[:_FIRST_STEPS], *history[-_NEWEST_STEPS:])


class Access(Model):
    """The record. `revision` counts writes, for optimistic locking."""

    id: str
    receiver: AccountId
    receiver_domains: tuple[str, ...]
    request: AccessRequest
    status: Status
    until: datetime
    event_id: str
    correlation_id: str
    asked_at: datetime
    execution: str = ""
    decided: Decided | None = None
    answers: tuple[Answer, ...] = ()
    spent_answers: tuple[str, ...] = ()
    """Events of answers to earlier questions: delivered again, they do not answer the present one."""
    asked_anew: datetime | None = None
    """When approval was requested again, since it exposes other data: an approval from before is of what it was."""
    answer_by: datetime | None = None
    escalated: bool = False
    narrowed: bool = False
    """An approver granted less than was requested."""
    released: bool = False
    """The receiving account has said that it gave back what it passed on: whoever ends the access need not wait."""
    cut_short: KeptReason | None = None
    """Why it ends before it was to: the rules no longer allow what it gives."""
    forewarned: bool = False
    """Its end was moved, and its holder and the owners were told, for that reason."""
    checked: ReaderCheck | None = None
    """Its reader, when it was last looked at."""
    passing_on: str = ""
    """What its account was last told to pass on in place of what it had: the run, and the grants' digest."""
    passed_on: str = ""
    """What the account said that it has passed on: their digest."""
    granted: bool = False
    """Granting has begun, so there may be something to revoke."""
    reason: KeptReason | None = None
    cause: Cause | None = None
    history: Annotated[tuple[Step, ...], AfterValidator(_bounded)] = ()
    revision: int = 0

    def moved(self, status: Status, at: datetime, what: str, **changes: object) -> "Access":
        """The same access in its next state, with an entry in its history."""
        step = Step(at=at, what=what)
        return self.evolve(status=status, history=(*self.history, step), **changes)

    def noted(self, at: datetime, what: str, **changes: object) -> "Access":
        """The same access with an entry in its history, in the same state."""
        return self.moved(self.status, at, what, **changes)

    def products(self) -> tuple[str, ...]:
        """Its products: the one it names, or those that its expression exposes."""
        if self.request.product:
            return (self.request.product,)
        return self.decided.databases if self.decided else ()

    def by_name(self) -> bool:
        """Whether it was granted on columns by name, or by a filter: then later tables are not included."""
        entries = self.decided.entries if self.decided else ()
        return any({"TableWithColumns", "DataCellsFilter"} & set(entry.resource) for entry in entries)

    def question(self, number: int) -> DecisionRequested:
        """What approvers are asked in the round of that number. Raises DecidedAlready where nothing is."""
        found = self.decided
        if found is None or self.answer_by is None:
            raise DecidedAlready(f"access {self.id} is not waiting for a decision", access=self.id)
        return DecisionRequested(
            access=self.id,
            receiver=self.receiver,
            receiver_domains=self.receiver_domains,
            reader=self.request.reader,
            what=self.request.what,
            purpose=self.request.purpose,
            until=self.until,
            exposure=found.exposure,
            rule=", ".join(found.rules),
            why=found.why,
            approvers=found.approvers,
            answer_by=self.answer_by,
            reminder=number,
            how=f"mesh approve {self.id} --reason …, or: mesh deny {self.id} --reason …",
        )

    def require_room(self) -> "Access":
        """Raises AmbiguousRequest where what was decided on leaves no room for what is recorded later."""
        if len(self.model_dump_json().encode()) > MOST_DECIDED:
            raise AmbiguousRequest(
                f"the names in it are too long: the record of one access has {MOST_DECIDED:,} bytes",
                access=self.id,
                remedy="request fewer columns or tables at once",
            )
        return self

    def require_going_on(self) -> "Access":
        """Raises AccessOver for an access that was revoked meanwhile."""
        if self.status in OVER or self.status == "ending":
            raise AccessOver(
                f"access {self.id} is {self.status}", access=self.id, remedy="request it again: mesh request"
            )
        return self


def access_id(event_id: str) -> str:
    """The id of the access that an event requests: the same for a redelivered one."""
    return f"ac-{stable_id(event_id, 'access').replace('-', '')[:12]}"


def lock_name(receiver: str) -> str:
    """The lock that serialises granting to one account, and revoking."""
    return f"grants-{receiver}"
