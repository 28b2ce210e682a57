"""Fakes of who is told."""


class FakeBus:
    """What was put: (detail-type, detail)."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def put(self, detail_type: str, detail: str) -> None:
        self.events.append((detail_type, detail))


class FakeMemberTopics:
    """Topics, and what was published: (topic, detail-type, detail)."""

    def __init__(self) -> None:
        self.created: list[str] = []
        self.published: list[tuple[str, str, str]] = []

    def create(self, account: str) -> str:
        self.created.append(account)
        return topic_of(account)

    def publish(self, topic_arn: str, detail_type: str, detail: str) -> None:
        self.published.append((topic_arn, detail_type, detail))


def topic_of(account: str) -> str:
    """A member topic's ARN."""
    return f"arn:aws:sns:us-east-1:111111111111:mesh-to-{account}"


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

    def said(self) -> list[str]:
        return [what for _, what, _ in self.notes]
