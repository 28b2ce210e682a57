"""Events that could not be delivered to a target, or that a function failed at for a reason that passes, are delivered
again, for an hour; events of central that another release of this account could not read, once this one can.

EventBridge repeats what is throttled, or not answered, and gives up at once where its role has no permission: one that
was just made may not be known everywhere yet. Lambda invokes a function three times. What fails for longer, or for
another reason, is for people (`mesh dlq`).
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Final, NamedTuple

from mesh.domain.events import KINDS, Metadata
from mesh.domain.governance.failures import FailedMessage, Redelivery, Resend, failure_of
from mesh.domain.model import Model
from mesh.domain.retention import QUEUED
from mesh.ports import Clock, FailedMessages, Redeliveries, Trace
from mesh.usecases.governance.settle_failure import note_settled

REPEATED_FOR: Final = timedelta(hours=1)
"""Every five minutes."""
INBOX: Final = "InboxDlq"
"""Of members: what the inbox did not take."""
SENT_AGAIN: Final = "sent-again"
"""Attribute of a message: how often it was."""
_TIMES: Final = 3
"""What the inbox refuses then is for people. More than once: while a stack is updated the inbox may be of the release
before."""


class Redelivered(Model):
    """How many were delivered, and how many still could not be."""

    delivered: int = 0
    failed: int = 0


def redeliver_events(
    queue: str, *, messages: FailedMessages, redeliveries: Redeliveries, trace: Trace, clock: Clock
) -> Redelivered:
    """Idempotent: what is delivered twice is processed as once. One that fails keeps no other from it, and stays."""

    def again(message: FailedMessage) -> Redelivery | None:
        failure, began = failure_of(message), clock.now() - REPEATED_FOR
        return None if failure.since is None or failure.since < began else failure.redelivery

    return _redeliver(queue, again, "it had not reached its target", _Places(messages, redeliveries, trace))


def redeliver_unread(
    *, messages: FailedMessages, redeliveries: Redeliveries, trace: Trace, clock: Clock
) -> Redelivered:
    """Central may be upgraded before a member: what that one could not read waits in its `INBOX` queue for its own
    upgrade, and is sent to its inbox again. Idempotent as `redeliver_events`.

    Not by an event's age of `QUEUED`: a queue keeps what is sent to it anew for as long, and what recognises an event
    that comes again is kept for `LONGEST_REDELIVERY`.
    """

    def again(message: FailedMessage) -> Redelivery | None:
        times, read = int(message.attributes.get(SENT_AGAIN, "0")), metadata_if_readable(message.body)
        if times >= _TIMES or read is None or read.time < clock.now() - QUEUED:
            return None
        return Resend(INBOX, message.body, {SENT_AGAIN: str(times + 1)})

    return _redeliver(INBOX, again, "this release can read it", _Places(messages, redeliveries, trace))


def metadata_if_readable(body: str) -> Metadata | None:
    """Of the event in an inbox's message; None where this release does not know its kind or its form."""
    try:
        envelope = json.loads(body)
        detail = json.loads(envelope["Message"])
        found = Metadata.model_validate(detail.get("metadata", {}))
        KINDS[envelope["MessageAttributes"]["detail-type"]["Value"]].model_validate(detail.get("data", {}))
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return None
    return found


class _Places(NamedTuple):
    messages: FailedMessages
    redeliveries: Redeliveries
    trace: Trace


def _redeliver(
    queue: str, again: Callable[[FailedMessage], Redelivery | None], reason: str, using: _Places
) -> Redelivered:
    """Those that `again` says how; the others are given back when all was looked at: they would come again and
    again."""
    found, delivered, left = 0, 0, list[str]()
    try:
        for message, receipt in using.messages.all(queue):
            redelivery = again(message)
            if redelivery is None:
                left.append(receipt)
                continue
            found += 1
            try:
                using.redeliveries.deliver(redelivery)
            except Exception:
                left.append(receipt)
                continue
            note_settled(message, failure_of(message), using.trace, action="replay", reason=reason, by="Meshwork")
            using.messages.delete(queue, receipt)
            delivered += 1
    finally:
        using.messages.give_back(queue, left)
    return Redelivered(delivered=delivered, failed=found - delivered)
