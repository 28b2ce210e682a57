"""Outgoing messages: buses, topics, traces, lineage."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from mesh.domain.governance.failures import FailedMessage, Redelivery

if TYPE_CHECKING:  # few functions read these: they would only be imported
    from mesh.domain.membership.entrances import Statement


class Message(NamedTuple):
    """An event on its way: its detail, as JSON."""

    detail_type: str
    detail: str


class Bus(Protocol):
    """An event bus."""

    def put(self, detail_type: str, detail: str) -> None:
        """Raises NotOnTheBus, EventNotAccepted, Throttled."""
        ...

    def put_all(self, messages: Sequence[Message]) -> dict[int, Exception]:
        """Put several events; returns those not accepted, by position, and why."""
        ...


class BusPermissions(Protocol):
    """Which accounts may put events on central's bus. All are idempotent, and raise ConcurrentChange or Throttled when
    it could not be done in a bounded number of attempts."""

    def statements(self) -> "tuple[Statement, ...]":
        """The bus's whole policy."""
        ...

    def restore(self, statement: "Statement") -> None:
        """This statement, whole, in place of that of its id."""
        ...

    def allow(self, account: str) -> None:
        """Raises BusPolicyFull."""
        ...

    def withdraw(self, account: str) -> None:
        """An account that had no permission is success."""
        ...


class MemberTopics(Protocol):
    """Central's notifications: one topic for each member account."""

    def create(self, account: str) -> str:
        """The topic's ARN; only that account may subscribe."""
        ...

    def delete(self, account: str) -> None:
        """With its subscriptions. One that is gone is success."""
        ...

    def fault(self, account: str) -> str:
        """What is not as `create` makes it; empty where all is."""
        ...

    def publish(self, topic_arn: str, *messages: Message) -> None:
        """One message, or several in one call. After an error some of them may have been published: repeat them all,
        with the same ids."""
        ...


class ResourcePolicies(Protocol):
    """Policies of the queues and topics of the account's stack."""

    def all(self) -> "Mapping[str, tuple[Statement, ...]]":
        """By `queue <name>`, `topic <name>`; none where there is no policy."""
        ...


class Inbox(Protocol):
    """A member's inbox: its subscription to its topic."""

    def subscribe(self, topic_arn: str) -> bool:
        """Subscribe the inbox queue; `False` while central has not admitted this account."""
        ...


class Note(NamedTuple):
    """An entry of a trace. Written in one transaction with the change that it describes."""

    correlation_id: str
    what: str
    facts: Mapping[str, object]


class Trace(Protocol):
    """What happened to one upload in this account, in order; read by `mesh trace`."""

    def note(self, correlation_id: str, what: str, **facts: object) -> None: ...

    def keep(self, note: Note) -> None:
        """Write an entry on its own."""
        ...


class LineageLog(Protocol):
    """The account's own record of OpenLineage events."""

    def put(self, product: str, event: Mapping[str, Any]) -> None:
        """Idempotent: the same event is there once."""
        ...


class LineageTransport(Protocol):
    """A further receiver of lineage."""

    def send(self, events: Sequence[Mapping[str, Any]]) -> None:
        """All of them, in order. Idempotent. Raises LineageUndelivered, Throttled."""
        ...


class FailedMessages(Protocol):
    """The account's dead-letter queues, and its queue of failed runs, by their names in the template."""

    def take(self, queue: str, message_id: str) -> tuple[FailedMessage, str] | None:
        """The message and its receipt; it is hidden from others for a while. None where it is not there, or hidden."""
        ...

    def all(self, queue: str) -> Iterator[tuple[FailedMessage, str]]:
        """Each message and its receipt; they are hidden from others for a while. Some may be left out."""
        ...

    def give_back(self, queue: str, receipts: Sequence[str]) -> None:
        """Let others see them again."""
        ...

    def delete(self, queue: str, receipt: str) -> None: ...


class Redeliveries(Protocol):
    """The ways back for what could not be processed."""

    def deliver(self, redelivery: Redelivery) -> None:
        """Once more to where it was to go."""
        ...
