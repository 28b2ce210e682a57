"""Central speaks to one member: an event on the member's own topic."""

from mesh.domain.access.record import Access
from mesh.domain.events import Event, EventData, Metadata, follow
from mesh.domain.membership import Member
from mesh.ports import MemberTopics
from mesh.usecases.books import Books


def tell(account: str, data: EventData, cause: Metadata, *parts: object, books: Books, topics: MemberTopics) -> bool:
    """Publish to the account's topic; `False` if it is no admitted member. A repeated call repeats the event's id."""
    return tell_member(books.registry.member(account), data, cause, *parts, topics=topics)


def tell_member(member: Member | None, data: EventData, cause: Metadata, *parts: object, topics: MemberTopics) -> bool:
    """As `tell`, where the account's record was read already."""
    if member is None or member.status != "admitted":
        return False
    event = Event[EventData](metadata=follow(cause, *parts, member.account), data=data)
    topics.publish(member.topic_arn, data.detail_type(), event.model_dump_json(serialize_as_any=True))
    return True


def cause_of(access: Access) -> Metadata:
    """The request, as the cause of all that follows from it."""
    return Metadata(id=access.event_id, correlation_id=access.correlation_id)
