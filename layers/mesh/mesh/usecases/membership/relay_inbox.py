"""A member's inbox: store central's notices once, and put them on the member's own bus for its own rules."""

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mesh.domain.errors import Rejected
from mesh.domain.events import KINDS, Metadata
from mesh.domain.model import Model
from mesh.ports import Bus, Message, Notice, Notices


class NotFromCentral(Rejected):
    """A message that did not come through this account's topic."""


class InboxMessage(Model):
    """An SNS message, as SQS holds it."""

    topic_arn: str
    detail_type: str
    detail: dict[str, Any]


class Relayed(Model):
    """Ids of events; `known` ones were relayed before. `failed` messages are to be redelivered: their keys, and why."""

    new: tuple[str, ...]
    known: tuple[str, ...]
    failed: dict[str, str]


class UnknownEvent(Rejected):
    """A detail-type that this version of Meshwork does not know."""


def relay_inbox(arrived: Mapping[str, Notice], *, notices: Notices, bus: Bus) -> Relayed:
    """Relay at most ten messages, each with its own key. The bus first, then the record: a crash in between
    repeats the events with the same ids.

    Raises Throttled, ConcurrentChange: then all of them are redelivered.
    """
    keys = defaultdict[str, list[str]](list)  # a message may be in a batch twice
    for key, notice in arrived.items():
        keys[notice.metadata.id].append(key)
    known = notices.known(keys)
    fresh = [arrived[of[0]] for id_, of in keys.items() if id_ not in known]
    refused = bus.put_all([Message(each.detail_type, json.dumps(each.detail)) for each in fresh])
    accepted = [each for place, each in enumerate(fresh) if place not in refused]
    notices.add(accepted)
    return Relayed(
        new=tuple(each.metadata.id for each in accepted),
        known=tuple(sorted(known)),
        failed={key: str(why) for place, why in refused.items() for key in keys[fresh[place].metadata.id]},
    )


def notice_of(message: InboxMessage, at: datetime, *, topic_arn: str) -> Notice:
    """The event in a message, if it came through this account's topic (`topic_arn`) and is a known event.

    Raises NotFromCentral, UnknownEvent, ValidationError.
    """
    if message.topic_arn != topic_arn:
        raise NotFromCentral(f"the message came through {message.topic_arn}, not {topic_arn}", topic=message.topic_arn)
    model = KINDS.get(message.detail_type)
    if model is None:
        raise UnknownEvent(
            f"unknown event {message.detail_type!r}", remedy="update this account's stack to central's version"
        )
    metadata = Metadata.model_validate(message.detail.get("metadata", {}))
    model.model_validate(message.detail.get("data", {}))
    return Notice(metadata, message.detail_type, message.detail, at)
