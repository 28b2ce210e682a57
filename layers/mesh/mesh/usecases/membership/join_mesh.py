"""A spoke account joins: ask central to be a member, and subscribe the inbox once it is."""

from mesh.domain.events import Event, MemberJoined, Metadata, stable_id
from mesh.domain.membership.members import Role
from mesh.domain.model import Model
from mesh.ports import Bus, Inbox


class JoinMesh(Model):
    """Who this account is, in its own words. `epoch` changes the event's id when the wish changes."""

    account: str
    role: Role
    domain: str
    contact: str
    topic_arn: str


class Joined(Model):
    """`subscribed` is False while the data mesh owner has not admitted this account."""

    subscribed: bool


def join_mesh(command: JoinMesh, *, bus: Bus, inbox: Inbox) -> Joined:
    """Subscribe the inbox to this account's topic; while there is none, ask. At deploy, then on a schedule."""
    if inbox.subscribe(command.topic_arn):
        return Joined(subscribed=True)
    wish = MemberJoined(role=command.role, domain=command.domain, contact=command.contact)
    identity = stable_id(command.account, wish.model_dump_json())
    event = Event[MemberJoined](metadata=Metadata(id=identity, correlation_id=identity), data=wish)
    bus.put(MemberJoined.detail_type(), event.model_dump_json())
    return Joined(subscribed=False)
