"""Who is told: buses, topics, traces, lineage."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol


class Message(NamedTuple):
    """An event on its way: its detail, as JSON."""

    detail_type: str
    detail: str


class Bus(Protocol):
    """An event bus."""

    def put(self, detail_type: str, detail: str) -> None:
        """Raises EventNotAccepted, Throttled."""
        ...

    def put_all(self, messages: Sequence[Message]) -> dict[int, Exception]:
        """Put several events; those that were not accepted, by their place, and why."""
        ...


class MemberTopics(Protocol):
    """Central's voice: one topic for each member account."""

    def create(self, account: str) -> str:
        """The topic's ARN; only that account may subscribe."""
        ...

    def publish(self, topic_arn: str, *messages: Message) -> None:
        """One message, or several in one call. Where it raises any of them may have been published: repeat them all,
        which come with the same ids."""
        ...


class Inbox(Protocol):
    """A member's own end of its topic."""

    def subscribe(self, topic_arn: str) -> bool:
        """Subscribe the inbox queue; `False` while central has not admitted this account."""
        ...


class Note(NamedTuple):
    """An entry of a trace. A record that takes one writes it together with what it tells of: both, or neither."""

    correlation_id: str
    what: str
    facts: Mapping[str, object]


class Trace(Protocol):
    """What happened to one upload, in this account, in order: `mesh trace` reads it."""

    def note(self, correlation_id: str, what: str, **facts: object) -> None: ...

    def keep(self, note: Note) -> None:
        """An entry that has nothing to be written with."""
        ...


class LineageLog(Protocol):
    """The account's own record of OpenLineage events."""

    def put(self, product: str, event: Mapping[str, Any]) -> None:
        """Repeatable: the same event is there once."""
        ...


class LineageTransport(Protocol):
    """Whoever else is told of lineage."""

    def send(self, events: Sequence[Mapping[str, Any]]) -> None:
        """All of them, in order. Repeatable. Raises LineageUndelivered, Throttled."""
        ...
