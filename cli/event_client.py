"""Events about accesses: sent in an account's role, and followed until they take effect.

Followed in central's registry; where the caller may not read that, by the account's own notices and accesses.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import ClientError
from mesh.adapters.dynamodb.access_registry import DynamoAccessRegistry
from mesh.adapters.dynamodb.consumer_accesses import DynamoConsumerAccesses
from mesh.adapters.dynamodb.notices import DynamoNotices
from mesh.adapters.messaging import EventBus, EventNotAccepted
from mesh.domain.access.record import OVER, Access
from mesh.domain.events import Event, EventData, Metadata
from pydantic import ValidationError

from cli import interrupts, output
from cli.mesh_context import MeshContext, is_denied
from cli.output import CommandFailed
from cli.session import Account, SessionError

DEADLINE_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.3
WHO_SENDS: Final[Mapping[str, str]] = {
    "AccessDecided": "decide as the owner's ProducerSteward or as DataMeshOwner: --account producer, or central",
    "QuarantineDecided": "decide as the owner's ProducerSteward: --account producer",
    "RollbackRequested": "roll back as the owner's ProducerSteward or as DataMeshOwner: --account producer, or central",
    "RetirementRequested": "retire as the owner's ProducerSteward or as DataMeshOwner: --account producer, or central",
}
REFUSALS: Final = frozenset({"refused", "access denied"})
"""What central notes in the trace of an event that it refused."""
_HELD: Final[Mapping[str, str]] = {"accepting": "sharing", "ready": "live", "releasing": "ending", "over": "ended"}
_NOTICED: Final[Mapping[str, str]] = {"AccessGranted": "sharing", "AccessRevoked": "ending"}


def build[D: EventData](kind: type[D], **data: object) -> D:
    """The event's data, checked as central will check it. Raises `CommandFailed` with the first fault."""
    try:
        return kind.model_validate(data, extra="forbid")
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"]))
        raise CommandFailed(
            f"{place}: {fault['msg']}", code="MalformedEvent", remedy="see the command's --help for what it accepts"
        ) from None


def send(where: MeshContext, account: Account, data: EventData) -> Metadata:
    """Put the event on central's bus in the account's role; its metadata, by which it is followed.

    Raises `CommandFailed` where the bus, or the role's own policy, does not let it.
    """
    return send_on(where, account, central_bus(where, account), data)


def central_bus(where: MeshContext, account: Account) -> str:
    """The ARN of central's bus: the member's stack was given it, so central itself need not be visible."""
    for parameter in where.stack(account).get("Parameters", []):
        if parameter["ParameterKey"] == "CentralBusArn":
            return str(parameter["ParameterValue"])
    return where.output("central", "MeshBusArn")


def send_on(where: MeshContext, account: Account, bus_name: str, data: EventData) -> Metadata:
    """The same on any bus, by name or ARN. When it was sent, the bus says: this machine's clock may be wrong."""
    event = Event[EventData](data=data)
    bus = EventBus(where.client(account, "events"), bus_name)
    try:
        bus.put(data.detail_type(), event.model_dump_json(serialize_as_any=True, exclude={"metadata": {"time"}}))
    except (EventNotAccepted, ClientError) as error:
        if "AccessDenied" not in str(error):
            raise
        raise CommandFailed(
            f"{where.role_in(account) or 'these credentials'} of {account} may not send {data.detail_type()}: {error}",
            code="MayNotSend",
            remedy=WHO_SENDS.get(data.detail_type(), "leave out --as: the account's default role may send it"),
        ) from error
    interrupts.leaves(
        f"{data.detail_type()} was sent and is being processed: mesh trace {event.metadata.correlation_id}"
    )
    return event.metadata


def ledger(where: MeshContext) -> DynamoAccessRegistry:
    """Central's record of every access."""
    return DynamoAccessRegistry(where.table("central"))


def find(where: MeshContext, number: str) -> Access:
    """The access of that id. Raises `CommandFailed`."""
    access = ledger(where).access(number)
    if access is None:
        raise CommandFailed(
            f"request or grant {number!r} not found",
            code="UnknownAccess",
            remedy="list them: mesh requests --all, mesh grants --all",
        )
    return access


def find_if_seen(where: MeshContext, number: str) -> Access | None:
    """As `find`; None where the caller may not read central's registry."""
    try:
        return find(where, number)
    except SessionError:
        return None
    except ClientError as error:
        if not is_denied(error):
            raise
        return None


@dataclass(frozen=True)
class Seen:
    """How an access stands: `access` where central's registry can be read; `status` is empty before anything is known.

    `sure` is False where only the account's own notices could be read.
    """

    status: str
    access: Access | None = None
    refusal: Mapping[str, Any] | None = None
    sure: bool = True


@dataclass
class Watch:
    """Looks at one access, and at the refusal of one event about it, `event`."""

    where: MeshContext
    account: Account
    number: str
    event: Metadata
    _sees_central: bool = True
    _after: str = ""
    _notices: list[dict[str, Any]] = field(default_factory=list)

    def look(self) -> Seen:
        """How it stands now."""
        if self._sees_central:
            try:
                return self._in_central()
            except SessionError:
                self._sees_central = False
            except ClientError as error:
                if not is_denied(error):
                    raise
                self._sees_central = False
        return self._in_own_account()

    def _in_central(self) -> Seen:
        access = ledger(self.where).access(self.number)
        entries = self.where.trace("central").entries(self.event.correlation_id)
        refusal = next((entry["facts"]["reason"] for entry in entries if entry["what"] in REFUSALS), None)
        return Seen(access.status if access else "", access, refusal)

    def _in_own_account(self) -> Seen:
        table = self.where.table(self.account)
        for notice in DynamoNotices(table).all(self._after):
            self._after = f"{notice['time']}#{notice['id']}"
            if notice["detail"]["data"].get("access") == self.number:
                self._notices.append(notice)
        status, refusal = "", None
        for notice in self._notices:
            kind, detail = notice["detail_type"], notice["detail"]
            status = _NOTICED.get(kind, status)
            if refusal is None and (kind == "AccessDenied" or self._refuses(kind, detail)):
                refusal = detail["data"]["reason"]
        held = DynamoConsumerAccesses(table).get(self.number)
        return Seen(_HELD[held.state] if held else status, None, refusal, sure=False)

    def _refuses(self, kind: str, detail: Mapping[str, Any]) -> bool:
        return kind == "DecisionRefused" and detail["metadata"]["correlation_id"] == self.event.correlation_id


def follow(
    watch: Watch,
    settled: Collection[str],
    *,
    quiet: bool = False,
    deadline_seconds: float = DEADLINE_SECONDS,
) -> Seen:
    """Look until the status is one of `settled`, printing each change on standard error.

    Raises `CommandFailed` for a refusal of the event, and when the deadline passes first.
    """
    started, shown = time.monotonic(), ""
    while True:
        seen = watch.look()
        if seen.refusal is not None:
            raise refused(seen.refusal, watch.number)
        if seen.status and seen.status != shown:
            shown = seen.status
            if not quiet:
                output.note(f"{time.monotonic() - started:6.1f} s  {shown}")
        if seen.status in settled:
            return seen
        if time.monotonic() - started > deadline_seconds:
            raise late(watch, seen, deadline_seconds)
        time.sleep(_POLL_SECONDS)


def late(watch: Watch, seen: Seen, seconds: float) -> CommandFailed:
    """Nothing came of it in time."""
    stands = seen.status or ("not known to the central account" if seen.sure else "not known to this account yet")
    correlation_id = seen.access.correlation_id if seen.access else watch.event.correlation_id
    return CommandFailed(
        f"{watch.number} is still {stands} after {seconds:.0f} s",
        code="StillWaiting",
        remedy=f"mesh trace {correlation_id}; mesh failures lists failed runs",
        access=watch.number,
    )


def refused(reason: Mapping[str, Any], number: str) -> CommandFailed:
    """Central's refusal, with the access that it is about."""
    failed = CommandFailed.refusal(reason)
    failed.where.setdefault("access", number)
    return failed


def over(access: Access) -> CommandFailed:
    """An access that ended, or was denied, while something else was waited for."""
    why = access.reason.model_dump() if access.reason else {"code": "Ended", "message": f"it is {access.status}"}
    return refused(why, access.id)


def is_over(seen: Seen) -> bool:
    """Denied or ended."""
    return seen.status in OVER
