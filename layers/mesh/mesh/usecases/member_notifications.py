"""Events from central to members, each on the member's own topic."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from mesh.domain.access.record import Access
from mesh.domain.contracts.product import Throttled
from mesh.domain.errors import Transient
from mesh.domain.events import Event, EventData, Metadata, follow
from mesh.ports import MemberTopics, Message
from mesh.usecases.central_context import Records


def notify_member(
    account: str, data: EventData, cause: Metadata, *parts: object, context: Records, topics: MemberTopics
) -> bool:
    """Publish to the account's topic; `False` if it is not an admitted member. A repeated call uses the same event
    id."""
    member = context.registry.member(account)
    if member is None or member.status != "admitted":
        return False
    topics.publish(member.topic_arn, member_message(account, data, cause, *parts))
    return True


def member_message(
    account: str, data: EventData, cause: Metadata, *parts: object, at: datetime | None = None
) -> Message:
    """What `notify_member` publishes, now or at that time."""
    event = Event[EventData](metadata=follow(cause, *parts, account, at=at), data=data)
    return Message(data.detail_type(), event.model_dump_json(serialize_as_any=True))


class Deliveries:
    """Notifications of several members: a topic that takes none keeps no other member from its own."""

    def __init__(self) -> None:
        self.failed: dict[str, Transient] = {}

    @contextmanager
    def to(self, account: str) -> Iterator[None]:
        """One member's; a failure is kept for `complete`."""
        try:
            yield
        except Transient as error:
            self.failed[account] = error

    def complete(self) -> None:
        """Raises a failure, if there was one: Throttled first, which may be over when all is repeated."""
        if self.failed:
            raise min(self.failed.values(), key=lambda error: not isinstance(error, Throttled))


def cause_of(access: Access) -> Metadata:
    """The request, as the cause of the events that follow from it."""
    return Metadata(id=access.event_id, correlation_id=access.correlation_id)
