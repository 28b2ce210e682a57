"""A spoke account joins: request membership from central, and subscribe the inbox once admitted."""

from mesh.domain.events import Event, MemberJoined, Metadata, stable_id
from mesh.domain.membership.authorisation import NotOnTheBus
from mesh.domain.membership.members import Domains, Role
from mesh.domain.model import Model
from mesh.ports import Bus, Inbox


class JoinMesh(Model):
    """The account's description of itself. `epoch` changes the event's id when the request changes."""

    account: str
    role: Role
    domains: Domains
    contact: str
    topic_arn: str


class Joined(Model):
    """`subscribed` is False while the data mesh owner has not admitted this account. `asked`: whether central's bus
    took the request; it does from accounts of central's organization. Others are admitted unasked (`mesh admit`)."""

    subscribed: bool
    asked: bool = False


def join_mesh(command: JoinMesh, *, bus: Bus, inbox: Inbox) -> Joined:
    """Subscribe the inbox to this account's topic; request membership while there is none. At deploy, then on a
    schedule."""
    if inbox.subscribe(command.topic_arn):
        return Joined(subscribed=True)
    request = MemberJoined(role=command.role, domains=command.domains, contact=command.contact)
    identity = stable_id(command.account, request.model_dump_json())
    event = Event[MemberJoined](metadata=Metadata(id=identity, correlation_id=identity), data=request)
    try:
        bus.put(MemberJoined.detail_type(), event.model_dump_json())
    except NotOnTheBus:
        return Joined(subscribed=False)
    return Joined(subscribed=False, asked=True)
