"""A member's inbox: store what central said, once, and put it on the member's own bus for its own rules."""

import json
from typing import Any

from mesh.domain.errors import Rejected
from mesh.domain.events import EVENT_TYPES, Metadata, Model
from mesh.ports import Bus, Clock, Notices


class NotFromCentral(Rejected):
    """A message that did not come through this account's topic."""


class InboxMessage(Model):
    """An SNS message, as SQS holds it."""

    topic_arn: str
    detail_type: str
    detail: dict[str, Any]


class Relayed(Model):
    """`new` is False for a message that was relayed before."""

    event_id: str
    new: bool


class UnknownEvent(Rejected):
    """A detail-type that this version of Meshwork does not know."""


def relay_inbox(message: InboxMessage, *, topic_arn: str, notices: Notices, bus: Bus, clock: Clock) -> Relayed:
    """Relay one message. The bus first, the record after: a crash in between repeats the event, with the same id.

    Raises NotFromCentral, UnknownEvent.
    """
    if message.topic_arn != topic_arn:
        raise NotFromCentral(f"the message came through {message.topic_arn}, not {topic_arn}", topic=message.topic_arn)
    model = next((kind for kind in EVENT_TYPES if kind.detail_type() == message.detail_type), None)
    if model is None:
        raise UnknownEvent(
            f"unknown event {message.detail_type!r}", remedy="update this account's stack to central's version"
        )
    metadata = Metadata.model_validate(message.detail.get("metadata", {}))
    model.model_validate(message.detail.get("data", {}))
    if notices.known(metadata.id):
        return Relayed(event_id=metadata.id, new=False)
    bus.put(message.detail_type, json.dumps(message.detail))
    notices.add(metadata, message.detail_type, message.detail, clock.now())
    return Relayed(event_id=metadata.id, new=True)
