"""Fakes of buses, topics and traces."""

from collections.abc import Sequence

from mesh.domain.membership.authorisation import BusPolicyFull, NotOnTheBus
from mesh.domain.membership.entrances import Statement, member_statement
from mesh.ports import Message, Note


class FakeBus:
    """What was put: (detail-type, detail). Details of `refused` are not accepted; nothing is while `closed`."""

    def __init__(self, *, closed: bool = False) -> None:
        self.events: list[tuple[str, str]] = []
        self.refused: set[str] = set()
        self.closed = closed

    def put(self, detail_type: str, detail: str) -> None:
        if self.closed:
            raise NotOnTheBus("no resource-based policy allows it")
        self.events.append((detail_type, detail))

    def put_all(self, messages: Sequence[Message]) -> dict[int, Exception]:
        refused = {n: RuntimeError("not accepted") for n, each in enumerate(messages) if each.detail in self.refused}
        self.events += [each for n, each in enumerate(messages) if n not in refused]
        return dict(refused)


BUS_ARN = "arn:aws:events:us-east-1:111111111111:event-bus/mesh"


class FakeBusPermissions:
    """Accounts that may put events on central's bus; `full` once there is no room for another."""

    def __init__(self) -> None:
        self.allowed: list[str] = []
        self.full = False
        self.others: dict[str, Statement] = {}

    def statements(self) -> tuple[Statement, ...]:
        members = (member_statement(BUS_ARN, account) for account in self.allowed)
        return (*members, *self.others.values())

    def restore(self, statement: Statement) -> None:
        self.others[statement["Sid"]] = statement

    def allow(self, account: str) -> None:
        if self.full:
            raise BusPolicyFull("no room", account=account)
        self.allowed = sorted({*self.allowed, account})

    def withdraw(self, account: str) -> None:
        self.allowed = [each for each in self.allowed if each != account]


class FakeMemberTopics:
    """Topics, and what was published: (topic, detail-type, detail)."""

    def __init__(self) -> None:
        self.created: list[str] = []
        self.published: list[tuple[str, str, str]] = []
        self.failures: dict[str, Exception] = {}
        self.faults: dict[str, str] = {}

    def create(self, account: str) -> str:
        self.created.append(account)
        self.faults.pop(account, None)
        return topic_of(account)

    def fault(self, account: str) -> str:
        return self.faults.get(account, "")

    def delete(self, account: str) -> None:
        self.created = [each for each in self.created if each != account]

    def publish(self, topic_arn: str, *messages: Message) -> None:
        if topic_arn in self.failures:
            raise self.failures[topic_arn]
        self.published += [(topic_arn, *message) for message in messages]


def topic_of(account: str) -> str:
    """A member topic's ARN."""
    return f"arn:aws:sns:us-east-1:111111111111:mesh-to-{account}"


class FakeStackPolicies:
    """Policies of queues and topics, by `queue <name>` or `topic <name>`."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[Statement, ...]] = {}

    def all(self) -> dict[str, tuple[Statement, ...]]:
        return self.found


class FakeInbox:
    """`admitted`: whether central lets this account subscribe."""

    def __init__(self, *, admitted: bool) -> None:
        self.admitted = admitted

    def subscribe(self, topic_arn: str) -> bool:
        return self.admitted


class FakeTrace:
    """Notes, in order: (correlation id, what, facts)."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, str, dict[str, object]]] = []

    def note(self, correlation_id: str, what: str, **facts: object) -> None:
        self.notes.append((correlation_id, what, facts))

    def keep(self, note: Note) -> None:
        self.note(note.correlation_id, note.what, **note.facts)

    def said(self) -> list[str]:
        return [what for _, what, _ in self.notes]
