"""Who is told: buses, topics, stories, lineage."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Bus(Protocol):
    """An event bus."""

    def put(self, detail_type: str, detail: str) -> None: ...


class MemberTopics(Protocol):
    """Central's voice: one topic for each member account."""

    def create(self, account: str) -> str:
        """The topic's ARN; only that account may subscribe."""
        ...

    def publish(self, topic_arn: str, detail_type: str, detail: str) -> None: ...


class Inbox(Protocol):
    """A member's own end of its topic."""

    def subscribe(self, topic_arn: str) -> bool:
        """Subscribe the inbox queue; `False` while central has not admitted this account."""
        ...


class Trace(Protocol):
    """What happened to one upload, in this account, in order: `mesh trace` reads it."""

    def note(self, correlation_id: str, what: str, **facts: object) -> None: ...


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
