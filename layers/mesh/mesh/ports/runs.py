"""Time, locks, and runs of state machines."""

from contextlib import AbstractContextManager
from datetime import datetime
from typing import NamedTuple, Protocol

from mesh.ports.messages import Message


class Clock(Protocol):
    """The time, in UTC."""

    def now(self) -> datetime: ...


class Locks(Protocol):
    """One worker at a time."""

    def hold(self, name: str) -> AbstractContextManager[None]:
        """Held while the block runs. Raises ConcurrentChange when it cannot be had for some while."""
        ...


class Target(NamedTuple):
    """What a schedule invokes (`arn`), as which role, and the DLQ for failed invocations."""

    arn: str
    role_arn: str
    dlq_arn: str


class Schedules(Protocol):
    """One-time schedules."""

    def at(self, name: str, when: datetime, target: Target, payload: str) -> None:
        """Idempotent: a schedule of that name is moved."""
        ...

    def publish_at(self, name: str, when: datetime, topic_arn: str, message: Message, caller: Target) -> None:
        """Publish a message then, as the caller's role; its `arn` is not looked at. Idempotent as `at`."""
        ...

    def drop(self, name: str) -> None: ...


class TaskAnswers(Protocol):
    """Runs that wait for an answer."""

    def send(self, token: str, output: str) -> bool:
        """`False` if the run does not wait any more."""
        ...


class Executions(Protocol):
    """State machine executions."""

    def start(self, name: str, payload: str) -> bool:
        """`False` if an execution of that name exists already."""
        ...

    def running(self, execution_arn: str) -> bool: ...

    def ended(self, execution_arn: str) -> datetime | None:
        """When it ended; None while it is at work. One that is not known ended long ago."""
        ...
