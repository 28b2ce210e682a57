"""What somebody decided about a message that could not be processed: it is processed again, or it is discarded."""

from typing import Literal

from mesh.domain.governance.failures import FailedMessage, Failure, NotRepeatable, UnknownFailure, failure_of
from mesh.domain.model import Model
from mesh.ports import FailedMessages, Redeliveries, Trace

type Action = Literal["replay", "discard"]


class Decision(Model):
    """`queue` is a name of the template, `by` who decided, as they say: Lambda does not tell who invoked it."""

    queue: str
    message: str
    action: Action
    reason: str = ""
    by: str = ""


class Settled(Model):
    """What was done, with what. `trace` is the id under which `mesh trace` shows it."""

    action: Action
    what: str
    about: str
    trace: str


def settle_failure(
    decision: Decision, *, messages: FailedMessages, redeliveries: Redeliveries, trace: Trace
) -> Settled:
    """Do it, record it, and take the message out of its queue: in that order, so that a crash repeats it and loses
    nothing. What is processed twice is processed as once.

    Raises UnknownFailure, also for a message that somebody else is deciding about; NotRepeatable; ValueError for a
    queue that is none of the account's.
    """
    found = messages.take(decision.queue, decision.message)
    if found is None:
        raise UnknownFailure(
            "no such message is in the queue: it was replayed or discarded, or is being looked at by somebody else",
            queue=decision.queue,
            id=decision.message,
            remedy="see what is there: mesh dlq list, mesh failures; then try again after a minute",
        )
    message, receipt = found
    failure = failure_of(message)
    if decision.action == "replay":
        if failure.redelivery is None:
            messages.give_back(decision.queue, [receipt])
            raise NotRepeatable(
                "what was to be processed is not in the message", queue=decision.queue, id=decision.message,
                remedy=_remedy(message),
            )  # fmt: skip
        redeliveries.deliver(failure.redelivery)
    trace_id = note_settled(message, failure, trace, action=decision.action, reason=decision.reason, by=decision.by)
    messages.delete(decision.queue, receipt)
    return Settled(action=decision.action, what=failure.what, about=failure.about, trace=trace_id)


def note_settled(
    message: FailedMessage, failure: Failure, trace: Trace, *, action: Action, reason: str, by: str
) -> str:
    """Record what was done with a message; under which id."""
    correlation_id = failure.correlation_id or message.id
    trace.note(
        correlation_id,
        "message replayed" if action == "replay" else "message discarded",
        queue=message.queue, message=message.id, failure=failure.what, cause=failure.why, reason=reason, by=by,
    )  # fmt: skip
    return correlation_id


def _remedy(message: FailedMessage) -> str:
    return f"Upload or request it again, then: mesh dlq discard {message.id} --reason TEXT"
