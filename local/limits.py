"""Sizes that AWS refuses, and MiniStack and the emulated services take.

What botocore's service models state (members of a list, length of a text) is checked where a service is emulated
(`local.lakeformation.protocol.validate`), items and transactions of DynamoDB and messages of SQS and SNS by MiniStack,
payloads of states in `local.states.payloads`. Here is the rest, on the request as it arrives.
"""

import json
import re
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from local.calls import Request

EVENTS_BYTES: Final = 1_048_576
"""All entries of one PutEvents.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevent-size
"""
INVOCATION_BYTES: Final = 6 * 1024 * 1024
"""Of a synchronous invocation.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#function-configuration-deployment-and-execution
"""
ANSWER_BYTES: Final = INVOCATION_BYTES + 100
"""Lambda's own errors name this figure: "Response payload size exceeded maximum allowed payload size"."""
ASYNCHRONOUS_BYTES: Final = 1_048_576
"""Of an asynchronous one (ibid.)."""
PUBLISHED_BYTES: Final = 262_144
"""All messages of one PublishBatch: https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html"""
KEY_BYTES: Final = 1_024
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""
DELETED_AT_ONCE: Final = 1_000
"""https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html"""
TASK_OUTPUT_CHARACTERS: Final = 262_144
"""https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html"""

_BATCHED: Final = re.compile(r"PublishBatchRequestEntries\.(?:member|entry)\.\d+\.Message")


class TooLarge(NamedTuple):
    """The error that AWS answers with."""

    code: str
    message: str
    status: int = 400


def exceeded(request: Request) -> TooLarge | None:
    """The first limit that a request exceeds."""
    match request.service, request.action:
        case "events", "PutEvents":
            return _of_events(request.body)
        case "lambda", "InvokeFunction":
            return _of_invocation(request)
        case "sns", "Publish":  # the action that IAM checks for PublishBatch as well
            return _of_messages(request.body)
        case "states", "SendTaskSuccess":
            return _of_task_output(request.body)
        case "s3", _:
            return _of_objects(request)
    return None


def entry_bytes(entry: dict[str, Any]) -> int:
    """The size of an entry as EventBridge counts it."""
    texts = (entry.get("Source"), entry.get("DetailType"), entry.get("Detail"), *(entry.get("Resources") or ()))
    return sum(len(str(text).encode()) for text in texts if text) + (14 if entry.get("Time") else 0)


def _of_events(body: bytes) -> TooLarge | None:
    if len(body) <= EVENTS_BYTES or sum(map(entry_bytes, json.loads(body).get("Entries") or ())) <= EVENTS_BYTES:
        return None
    return TooLarge("ValidationException", "Total size of the entries in the request is over the limit.")


def _of_invocation(request: Request) -> TooLarge | None:
    later = request.headers.get("x-amz-invocation-type") == "Event"
    limit = ASYNCHRONOUS_BYTES if later else INVOCATION_BYTES
    if len(request.body) <= limit:
        return None
    message = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
    return TooLarge("RequestEntityTooLargeException", message, 413)


def _of_messages(body: bytes) -> TooLarge | None:
    """MiniStack looks at each message alone."""
    if len(body) <= PUBLISHED_BYTES:
        return None
    messages = [value for name, value in parse_qsl(body.decode()) if _BATCHED.fullmatch(name)]
    if sum(len(message.encode()) for message in messages) <= PUBLISHED_BYTES:
        return None
    why = f"The length of all the messages put together is more than the limit: {PUBLISHED_BYTES} bytes"
    return TooLarge("BatchRequestTooLong", why)


def _of_task_output(body: bytes) -> TooLarge | None:
    if len(body) <= TASK_OUTPUT_CHARACTERS or len(json.loads(body).get("output", "")) <= TASK_OUTPUT_CHARACTERS:
        return None
    return TooLarge(
        "ValidationException",
        "1 validation error detected: Value at 'output' failed to satisfy constraint: Member must have length less "
        f"than or equal to {TASK_OUTPUT_CHARACTERS}",
    )


def _of_objects(request: Request) -> TooLarge | None:
    """The path is `/bucket/key`, decoded: the mesh addresses buckets by path."""
    key = request.path.removeprefix("/").partition("/")[2]
    if len(key.encode()) > KEY_BYTES:
        return TooLarge("KeyTooLongError", "Your key is too long")
    if request.method == "POST" and "delete" in request.query and request.body.count(b"<Key>") > DELETED_AT_ONCE:
        return TooLarge("MalformedXML", "The XML you provided was not well-formed or did not validate")
    return None
