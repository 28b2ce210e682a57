"""Event buses, member topics and inboxes. Every answer that can be a partial failure is read."""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from mesh.adapters.aws import as_transient, code_of, message_of, transient_errors
from mesh.domain.contracts.product import Throttled
from mesh.domain.errors import Transient
from mesh.domain.events import SOURCE
from mesh.domain.membership.authorisation import NotOnTheBus
from mesh.domain.names import member_topic
from mesh.ports import Message

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sns import SNSClient

DETAIL_TYPE = "detail-type"
"""The message attribute that carries an event's detail-type through SNS."""
_GONE: Final = frozenset({"NotFound", "NotFoundException"})
"""What SNS says of a topic that does not exist."""
_KEY: Final = "alias/aws/sns"
_ENTRIES: Final = 10
_BYTES: Final = 256 * 1024
_AROUND: Final = 1024
"""More than what an entry has beside its detail."""
_BUS_CLOSED: Final = "because no resource-based policy allows"
"""IAM: the caller's own policies allow the call, and the bus of the other account has no statement for the caller.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""
_DENIED: Final = "explicit deny"
"""IAM: the bus has a statement against this caller. Without one, AccessDeniedException of an entry is no access to the
bus.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
"""


class EventNotAccepted(Transient):
    """`PutEvents` or `PublishBatch` answered 200, but did not take the event; or there is no such topic."""


class EventBus:
    """Implements `ports.Bus` on one EventBridge bus (a name, or the ARN of another account's)."""

    def __init__(self, client: "EventBridgeClient", bus: str) -> None:
        self._client = client
        self._bus = bus

    def put(self, detail_type: str, detail: str) -> None:
        """Put one event. Raises NotOnTheBus, or EventNotAccepted with EventBridge's own code and message."""
        for refused in self.put_all([Message(detail_type, detail)]).values():
            raise refused

    def put_all(self, messages: Sequence[Message]) -> dict[int, Exception]:
        """See the port."""
        refused: dict[int, Exception] = {}
        for batch in _batches(messages):
            entries: Any = [
                {
                    "EventBusName": self._bus,
                    "Source": SOURCE,
                    "DetailType": message.detail_type,
                    "Detail": message.detail,
                }
                for message in batch.values()
            ]
            try:
                with transient_errors():
                    answer = self._client.put_events(Entries=entries)
            except ClientError as error:  # no document tells whether the call or its entries are refused
                if _BUS_CLOSED not in message_of(error):
                    raise
                refused |= dict.fromkeys(batch, self._refusal(code_of(error), message_of(error)))
                continue
            for place, entry in zip(batch, answer["Entries"], strict=True):
                if code := entry.get("ErrorCode"):
                    refused[place] = self._refusal(code, entry.get("ErrorMessage", ""))
        return refused

    def _refusal(self, code: str, why: str) -> Exception:
        closed = code == "AccessDeniedException" and _DENIED not in why
        kind = NotOnTheBus if closed else EventNotAccepted
        return as_transient(code, why) or kind(f"{code}: {why}", bus=self._bus)


def _batches(messages: Sequence[Message]) -> Iterator[dict[int, Message]]:
    """Messages, by their places, that one call takes: ten, and together no more than what one alone may have."""
    batch: dict[int, Message] = {}
    size = 0
    for place, message in enumerate(messages):
        more = len(message.detail.encode()) + _AROUND
        if batch and (len(batch) == _ENTRIES or size + more > _BYTES):
            yield batch
            batch, size = {}, 0
        batch[place] = message
        size += more
    if batch:
        yield batch


def message_attributes(message: Message) -> dict[str, dict[str, str]]:
    """As SNS's Publish takes them."""
    return {DETAIL_TYPE: {"DataType": "String", "StringValue": message.detail_type}}


class SnsMemberTopics:
    """Implements `ports.MemberTopics`."""

    def __init__(self, client: "SNSClient", *, account: str, region: str) -> None:
        self._client = client
        self._account = account
        self._region = region

    def create(self, account: str) -> str:
        """Create, or find, the member's topic. Encrypted; only that account may subscribe, and only with SQS."""
        from mesh.domain.membership.entrances import topic_policy  # noqa: PLC0415 - of all functions three make topics

        arn = self._arn(account)
        policy = json.dumps(topic_policy(arn, self._account, account))
        with transient_errors():
            self._client.create_topic(Name=member_topic(account))  # with attributes it is refused, if they have changed
            for name, value in (("KmsMasterKeyId", _KEY), ("Policy", policy)):
                self._client.set_topic_attributes(TopicArn=arn, AttributeName=name, AttributeValue=value)
        return arn

    def delete(self, account: str) -> None:
        """See the port: SNS takes the deletion of a missing topic for success."""
        with transient_errors():
            self._client.delete_topic(TopicArn=self._arn(account))

    def publish(self, topic_arn: str, *messages: Message) -> None:
        """See the port. Raises EventNotAccepted with SNS's own code and message, Throttled."""
        for batch in _batches(messages):
            entries: Any = [
                {"Id": str(place), "Message": message.detail, "MessageAttributes": message_attributes(message)}
                for place, message in batch.items()
            ]
            try:
                with transient_errors():
                    answer = self._client.publish_batch(TopicArn=topic_arn, PublishBatchRequestEntries=entries)
            except ClientError as error:
                if code_of(error) not in _GONE:
                    raise
                raise EventNotAccepted(f"{code_of(error)}: {message_of(error)}", topic=topic_arn) from error
            for refused in answer.get("Failed", ()):
                why = f"{refused['Code']}: {refused.get('Message', '')}"
                raise EventNotAccepted(why, topic=topic_arn) if refused["SenderFault"] else Throttled(why)

    def fault(self, account: str) -> str:
        """See the port."""
        from mesh.domain.membership.entrances import same, topic_policy  # noqa: PLC0415 - one function looks

        arn = self._arn(account)
        try:
            with transient_errors():
                found = self._client.get_topic_attributes(TopicArn=arn)["Attributes"]
        except ClientError as error:
            if code_of(error) not in _GONE:
                raise
            return "it is gone"
        wanted = topic_policy(arn, self._account, account)["Statement"]
        there = json.loads(found.get("Policy", "{}")).get("Statement", [])
        if len(there) != len(wanted) or not all(same(*pair) for pair in zip(wanted, there, strict=True)):
            return "its policy was changed"
        return "" if found.get("KmsMasterKeyId") == _KEY else "it is not encrypted any more under the key of SNS"

    def _arn(self, account: str) -> str:
        return f"arn:aws:sns:{self._region}:{self._account}:{member_topic(account)}"


class SnsInbox:
    """Implements `ports.Inbox`: this account's queue on its topic in central. What the queue does not take, since
    somebody changed its policy for instance, SNS puts into the dead letter queue: without one it is discarded.

    https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
    """

    def __init__(self, client: "SNSClient", queue_arn: str, dlq_arn: str) -> None:
        self._client = client
        self._queue_arn = queue_arn
        self._redrive = json.dumps({"deadLetterTargetArn": dlq_arn})

    def subscribe(self, topic_arn: str) -> bool:
        """Idempotent. SNS answers a topic that does not exist, or that does not let us in, with one of two codes."""
        try:
            with transient_errors():
                self._client.subscribe(
                    TopicArn=topic_arn,
                    Protocol="sqs",
                    Endpoint=self._queue_arn,
                    Attributes={"RedrivePolicy": self._redrive},
                )
        except ClientError as error:
            if code_of(error) in _GONE | {"AuthorizationError", "AuthorizationErrorException"}:
                return False
            raise
        return True
