"""Events that could not be delivered to a target, or that a function failed at for a reason that passes, are delivered
again, for an hour; events of central that another release of this account could not read, once this one can.

EventBridge repeats what is throttled, or not answered, and gives up at once where its role has no permission: one that
was just made may not be known everywhere yet. Lambda invokes a function three times. What fails for longer, or for
another reason, is for people (`mesh dlq`); but what a member sent that no state machine takes is refused as its other
events are, or one member would fill central's queue.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final, NamedTuple

from mesh.domain.events import KINDS, Envelope, Metadata
from mesh.domain.governance.failures import EventTooLarge, FailedMessage, Redelivery, Resend, failure_of, too_large
from mesh.domain.model import Model
from mesh.domain.retention import QUEUED
from mesh.ports import Clock, FailedMessages, MemberTopics, Redeliveries, Trace
from mesh.usecases.authorisation import refuse_event
from mesh.usecases.central_context import CentralContext
from mesh.usecases.governance.settle_failure import note_settled

type Settling = Callable[[], None]

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
    """How many were delivered, or refused, and how many still could not be."""

    delivered: int = 0
    failed: int = 0


class Places(NamedTuple):
    """Where messages lie, where they go, and where that is written down."""

    messages: FailedMessages
    redeliveries: Redeliveries
    trace: Trace

    def again(self, message: FailedMessage, redelivery: Redelivery, reason: str) -> None:
        """Deliver it, and write that down."""
        self.redeliveries.deliver(redelivery)
        note_settled(message, failure_of(message), self.trace, action="replay", reason=reason, by="Meshwork")


class Refusals(NamedTuple):
    """Of central: whatever a member sent is refused as its other events are, recorded and told."""

    context: CentralContext
    topics: MemberTopics

    def of_a_member(self, message: FailedMessage) -> Envelope | None:
        """The event in a message. None for what central itself sent, and what cannot be read: they are for people."""
        try:
            envelope = Envelope.model_validate(json.loads(message.body))
        except (ValueError, RecursionError):
            return None
        return envelope if envelope.account != self.context.account else None

    def refuse(self, message: FailedMessage, envelope: Envelope, why: EventTooLarge) -> None:
        """Refuse the event in a message, and write down what became of the message."""
        refuse_event(envelope, why, records=self.context, topics=self.topics)
        failure = failure_of(message)
        note_settled(message, failure, self.context.trace, action="discard", reason=why.message, by="Meshwork")


def redeliver_events(queue: str, *, using: Places, clock: Clock, refusals: Refusals | None = None) -> Redelivered:
    """Idempotent: what is delivered twice is processed as once. One that fails keeps no other from it, and stays."""

    def settling(message: FailedMessage) -> Settling | None:
        if refusals and (why := too_large(message)):
            envelope = refusals.of_a_member(message)
            return partial(refusals.refuse, message, envelope, why) if envelope else None
        failure, began = failure_of(message), clock.now() - REPEATED_FOR
        if failure.redelivery is None or failure.since is None or failure.since < began:
            return None
        return partial(using.again, message, failure.redelivery, "it had not reached its target")

    return _settle(queue, settling, using.messages)


def redeliver_unread(*, using: Places, clock: Clock) -> Redelivered:
    """Central may be upgraded before a member: what that one could not read waits in its `INBOX` queue for its own
    upgrade, and is sent to its inbox again. Idempotent as `redeliver_events`.

    Not by an event's age of `QUEUED`: a queue keeps what is sent to it anew for as long, and what recognises an event
    that comes again is kept for `LONGEST_REDELIVERY`.
    """

    def settling(message: FailedMessage) -> Settling | None:
        times, read = int(message.attributes.get(SENT_AGAIN, "0")), metadata_if_readable(message.body)
        if times >= _TIMES or read is None or read.time < clock.now() - QUEUED:
            return None
        again = Resend(INBOX, message.body, {SENT_AGAIN: str(times + 1)})
        return partial(using.again, message, again, "this release can read it")

    return _settle(INBOX, settling, using.messages)


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


def _settle(queue: str, settling: Callable[[FailedMessage], Settling | None], messages: FailedMessages) -> Redelivered:
    """Those that `settling` says how; the others are given back when all was looked at: they would come again and
    again."""
    found, delivered, left = 0, 0, list[str]()
    try:
        for message, receipt in messages.all(queue):
            settle = settling(message)
            if settle is None:
                left.append(receipt)
                continue
            found += 1
            try:
                settle()
            except Exception:
                left.append(receipt)
                continue
            messages.delete(queue, receipt)
            delivered += 1
    finally:
        messages.give_back(queue, left)
    return Redelivered(delivered=delivered, failed=found - delivered)
