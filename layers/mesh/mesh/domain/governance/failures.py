"""What could not be processed: messages of dead-letter queues and of the queue of failed runs, why, and how each is
processed again.

| message | is there because |
|---|---|
| an event, with `ERROR_CODE`, `ERROR_MESSAGE` and `TARGET_ARN` | EventBridge could not deliver it to a rule's target |
| an invocation record (`requestContext`, `requestPayload`) | a function that EventBridge invoked failed three times |
| the end of an execution (`Step Functions Execution Status Change`) | a run failed, and so did its repetitions |
| anything else | a function received it from its queue as often as it may, and failed |

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from mesh.domain.errors import Rejected
from mesh.domain.events import event_id
from mesh.domain.names import MAX_EXECUTION_NAME

PASSING: Final = frozenset(
    {
        "CatalogBehind",
        "ConcurrentChange",
        "EventNotAccepted",
        "LineageUndelivered",
        "NotOnTheBus",
        "NotPropagated",
        "NotYetReadable",
        "NotYetShared",
        "StaleBase",
        "Throttled",
        "ClientError",
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationErrorException",
        "Runtime.ExitError",
        "Sandbox.Timedout",
    }
)
"""Errors of a function that pass by themselves: what is transient, a right that is not known everywhere yet, a process
that died."""
RUN_ENDED: Final = "Step Functions Execution Status Change"
_MAX_NAME: Final = 80


LARGEST_INPUT: Final = 262_144
"""Bytes of an execution's input; a bus takes events of a mebibyte.
https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""


class UnknownFailure(Rejected):
    """No message of that id is in the queue."""


class NotRepeatable(Rejected):
    """Nothing says how this message could be processed again."""


class EventTooLarge(Rejected):
    """An event that no state machine takes."""


class FailedMessage(NamedTuple):
    """A message of such a queue. `attributes` are its message attributes, `queue` is the queue's name in the template,
    `sent` is when it came there, or to the queue before."""

    id: str
    queue: str
    sent: datetime
    body: str
    attributes: Mapping[str, str] = {}


class Start(NamedTuple):
    """Start a state machine. A second start under the same name changes nothing."""

    machine_arn: str
    name: str
    payload: str


class Invoke(NamedTuple):
    """Invoke a function asynchronously, as EventBridge does."""

    function_arn: str
    payload: str


class Publish(NamedTuple):
    """Publish to a topic, with text attributes."""

    topic_arn: str
    message: str
    attributes: Mapping[str, str] = {}


class Resend(NamedTuple):
    """Send to the queue that the message came from, with text attributes."""

    queue: str
    body: str
    attributes: Mapping[str, str] = {}


type Redelivery = Start | Invoke | Publish | Resend


class Failure(NamedTuple):
    """`what` failed, `why` ("" where only a function's log says it), the product or access that it is `about`, its
    correlation id, and how it is processed again; `redelivery` is None where that is not possible. `since` says from
    when on it is tried where its cause may pass by itself; None: it is for people."""

    what: str
    why: str
    about: str
    correlation_id: str
    redelivery: Redelivery | None
    since: datetime | None = None


def failure_of(message: FailedMessage) -> Failure:
    """Read a message; any text is a failure of some kind."""
    body = _mapping(message.body)
    if body.get("detail-type") == RUN_ENDED and "executionArn" in body.get("detail", {}):
        return _failed_run(message.id, body["detail"])
    if "requestContext" in body and "requestPayload" in body:
        return _failed_invocation(body, message.sent)
    if "TARGET_ARN" in message.attributes:
        return _undelivered(message, body)
    return _unprocessed(message, body)


def too_large(message: FailedMessage) -> EventTooLarge | None:
    """Why a state machine will never take this event, if that is so."""
    target, size = message.attributes.get("TARGET_ARN", ""), len(message.body.encode())
    if ":states:" not in target or size <= LARGEST_INPUT:
        return None
    return EventTooLarge(
        f"the event has {size} bytes as it is delivered; {LARGEST_INPUT} are taken",
        bytes=size, limit=LARGEST_INPUT, remedy="send a smaller one",
    )  # fmt: skip


def _failed_run(message_id: str, run: Mapping[str, Any]) -> Failure:
    payload, name, machine = run.get("input"), str(run["name"]), str(run["stateMachineArn"])
    about, correlation_id = _subject(_mapping(payload))
    why = f"{run.get('error') or run['status']}: {_cause(run.get('cause')) or 'no cause is stated'}"
    end = f"-again-{message_id[:8]}"
    again = Start(machine, name[: MAX_EXECUTION_NAME - len(end)] + end, payload) if payload else None
    return Failure(f"run of {_last(machine)}", _short(why), about, correlation_id, again)


def _failed_invocation(record: Mapping[str, Any], sent: datetime) -> Failure:
    context, payload, answer = record["requestContext"], record["requestPayload"], record.get("responsePayload") or {}
    event = _mapping(payload)  # whoever may invoke a function chooses what with
    about, correlation_id = _subject(event)
    # The ARN ends in a version, or $LATEST.
    function = ":".join(str(context.get("functionArn", "")).split(":")[:7])
    why = f"{answer.get('errorType', context.get('condition', ''))}: {_cause(answer.get('errorMessage'))}"
    what, again = f"{_kind(event)} for {_last(function)}", Invoke(function, json.dumps(payload)) if function else None
    # By the event's own time: what fails once more is a message of its own. Its sender sets that time (PutEvents): one
    # that has yet to come would be tried again until then.
    began = _moment(event.get("time"))
    since = began if answer.get("errorType") in PASSING and began and began <= sent else None
    return Failure(what, _short(why), about, correlation_id, again, since)


def _moment(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found and found.tzinfo else None


def _cause(text: object) -> str:
    """Of a function's error its message, of a product's error the message in that."""
    message = _mapping(text).get("errorMessage", text)
    return str(_mapping(message).get("message") or message or "")


def _undelivered(message: FailedMessage, event: Mapping[str, Any]) -> Failure:
    attributes, target = message.attributes, message.attributes["TARGET_ARN"]
    about, correlation_id = _subject(event)
    large = too_large(message)
    why = large.message if large else f"{attributes.get('ERROR_CODE', '')}: {attributes.get('ERROR_MESSAGE', '')}"
    what = f"{_kind(event)} for {_last(target)}"
    again = None if large else _to_target(target, str(event.get("id", message.id)), message.body)
    return Failure(what, _short(why), about, correlation_id, again, message.sent)


def _to_target(target: str, event_id: str, body: str) -> Redelivery | None:
    """By the service of the target's ARN."""
    match target.split(":")[2]:
        case "lambda":
            return Invoke(target, body)
        case "states":
            return Start(target, event_id[:_MAX_NAME], body)
        case "sns":
            return Publish(target, body)
        case "sqs":
            return Resend(_last(target), body)
        case "scheduler" if target.endswith(":aws-sdk:sns:publish"):
            return _scheduled(_mapping(body))
        case _:
            return None


def _scheduled(call: Mapping[str, Any]) -> Redelivery | None:
    """What EventBridge Scheduler was to publish: the input of a universal target is the call's arguments.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
    """
    attributes = {name: str(value["StringValue"]) for name, value in (call.get("MessageAttributes") or {}).items()}
    return Publish(call["TopicArn"], call["Message"], attributes) if "TopicArn" in call else None


def _unprocessed(message: FailedMessage, body: Mapping[str, Any]) -> Failure:
    inner = _mapping(body.get("Message")) or body  # SNS wraps what it brings
    about, correlation_id = _subject(inner)
    kind = (body.get("MessageAttributes") or {}).get("detail-type", {}).get("Value") or _kind(inner)
    return Failure(f"{kind} in {message.queue}", "", about, correlation_id, Resend(message.queue, message.body))


def _subject(event: Mapping[str, Any]) -> tuple[str, str]:
    """What an event, a run's input or a lineage order is about, and its correlation id; "" where it does not say, or
    says what can be none: a trace could not be written under it."""
    detail = event["detail"] if isinstance(event.get("detail"), dict) else event
    data = next((part for part in (detail.get("data"), detail.get("ending"), detail) if isinstance(part, dict)), {})
    metadata = detail["metadata"] if isinstance(detail.get("metadata"), dict) else {}
    s3 = (detail.get("object") or {}).get("key", "") if isinstance(detail.get("object"), dict) else ""
    about = data.get("product") or data.get("access") or s3
    return _short(str(about or "")), event_id(metadata.get("correlation_id") or data.get("correlation_id"))


def _kind(event: Mapping[str, Any]) -> str:
    return str(event.get("detail-type") or event.get("kind") or "message")


def _mapping(text: object) -> dict[str, Any]:
    try:
        found = json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _last(arn: str) -> str:
    return arn.rpartition(":")[2]


def _short(text: str) -> str:
    return text if len(text) <= 1000 else text[:999] + "…"
