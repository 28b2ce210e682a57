"""Fakes of time, locks, and runs of state machines."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from mesh.domain.contracts.product import ConcurrentChange
from mesh.ports import Message, Target

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class FakeClock:
    """Stands still until it is moved."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def move(self, by: timedelta) -> None:
        self.at += by


class FakeLocks:
    """`taken` are the locks that were held, in order; `elsewhere` are held by somebody else."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.held: set[str] = set()
        self.elsewhere: set[str] = set()

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        if name in self.elsewhere | self.held:
            raise ConcurrentChange(f"{name} is being changed by somebody else", lock=name)
        self.taken.append(name)
        self.held.add(name)
        try:
            yield
        finally:
            self.held.discard(name)


class FakeSchedules:
    """Schedules by name: when, what is called, with what."""

    def __init__(self) -> None:
        self.planned: dict[str, tuple[datetime, Target, str]] = {}

    def at(self, name: str, when: datetime, target: Target, payload: str) -> None:
        self.planned[name] = (when, target, payload)

    def publish_at(self, name: str, when: datetime, topic_arn: str, message: Message, caller: Target) -> None:
        self.planned[name] = (when, caller._replace(arn=topic_arn), message.detail)

    def drop(self, name: str) -> None:
        self.planned.pop(name, None)


class FakeAnswers:
    """Task tokens that were answered, with what; those in `gone` nobody waits for any more."""

    def __init__(self, *gone: str) -> None:
        self.sent: list[tuple[str, str]] = []
        self.gone = set(gone)

    def send(self, token: str, output: str) -> bool:
        if token in self.gone:
            return False
        self.gone.add(token)
        self.sent.append((token, output))
        return True


class FakeExecutions:
    """Executions by name, with their input. `at_work`: the ARNs of those that have not ended."""

    def __init__(self, *at_work: str) -> None:
        self.started: dict[str, str] = {}
        self.at_work = set(at_work)
        self.ends: dict[str, datetime] = {}

    def running(self, execution_arn: str) -> bool:
        return execution_arn in self.at_work

    def ended(self, execution_arn: str) -> datetime | None:
        return None if self.running(execution_arn) else self.ends.get(execution_arn, datetime.min.replace(tzinfo=UTC))

    def start(self, name: str, payload: str) -> bool:
        if name in self.started:
            return False
        self.started[name] = payload
        return True
