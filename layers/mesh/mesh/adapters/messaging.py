"""Event buses, member topics and inboxes. Every answer that can be a partial failure is read."""

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from mesh.adapters.aws import as_transient, code_of, transient_errors
from mesh.domain.errors import Transient
from mesh.domain.events import SOURCE
from mesh.domain.names import member_topic

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sns import SNSClient

DETAIL_TYPE = "detail-type"
"""The message attribute that carries an event's detail-type through SNS."""


class EventNotAccepted(Transient):
    """`PutEvents` answered 200, but did not take the event."""


class EventBus:
    """Implements `ports.Bus` on one EventBridge bus (a name, or the ARN of another account's)."""

    def __init__(self, client: "EventBridgeClient", bus: str) -> None:
        self._client = client
        self._bus = bus

    def put(self, detail_type: str, detail: str) -> None:
        """Put one event. Raises EventNotAccepted with EventBridge's own code and message."""
        entry = {"EventBusName": self._bus, "Source": SOURCE, "DetailType": detail_type, "Detail": detail}
        with transient_errors():
            answer = self._client.put_events(Entries=[entry])  # type: ignore[list-item]
        if answer["FailedEntryCount"]:
            failed = answer["Entries"][0]
            code, message = failed.get("ErrorCode", ""), failed.get("ErrorMessage", "")
            raise as_transient(code, message) or EventNotAccepted(f"{code}: {message}", bus=self._bus)


class SnsMemberTopics:
    """Implements `ports.MemberTopics`."""

    def __init__(self, client: "SNSClient", *, account: str, region: str) -> None:
        self._client = client
        self._account = account
        self._region = region

    def create(self, account: str) -> str:
        """Create, or find, the member's topic. Encrypted; only that account may subscribe, and only with SQS."""
        name = member_topic(account)
        arn = f"arn:aws:sns:{self._region}:{self._account}:{name}"
        with transient_errors():
            self._client.create_topic(Name=name, Attributes={"KmsMasterKeyId": "alias/aws/sns"})
            self._client.set_topic_attributes(
                TopicArn=arn, AttributeName="Policy", AttributeValue=json.dumps(self._policy(arn, account))
            )
        return arn

    def publish(self, topic_arn: str, detail_type: str, detail: str) -> None:
        """Publish one event's detail."""
        attributes = {DETAIL_TYPE: {"DataType": "String", "StringValue": detail_type}}
        with transient_errors():
            self._client.publish(TopicArn=topic_arn, Message=detail, MessageAttributes=attributes)  # type: ignore[arg-type]

    def _policy(self, arn: str, member: str) -> dict[str, object]:
        return {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "OnlyThisMemberSubscribesItsQueues",
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{member}:root"},
                    "Action": ["sns:Subscribe", "sns:Receive"],
                    "Resource": arn,
                    "Condition": {"StringEquals": {"sns:Protocol": "sqs"}},
                },
                {
                    "Sid": "OnlyCentralPublishes",
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{self._account}:root"},
                    "Action": "sns:Publish",
                    "Resource": arn,
                },
            ],
        }


class SnsInbox:
    """Implements `ports.Inbox`: this account's queue on its topic in central."""

    def __init__(self, client: "SNSClient", queue_arn: str) -> None:
        self._client = client
        self._queue_arn = queue_arn

    def subscribe(self, topic_arn: str) -> bool:
        """Idempotent. SNS answers a topic that does not exist, or that does not let us in, with one of two codes."""
        try:
            with transient_errors():
                self._client.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=self._queue_arn)
        except ClientError as error:
            if code_of(error) in {"NotFound", "NotFoundException", "AuthorizationError", "AuthorizationErrorException"}:
                return False
            raise
        return True
