"""Queues of what could not be processed, and the ways back."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from mesh.adapters.aws import code_of, transient_errors
from mesh.domain.governance.failures import FailedMessage, Invoke, Publish, Redelivery, Resend, Start

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

_AT_ONCE: Final = 10
"""Messages of one ReceiveMessage, at most."""
_LOOKED_AT: Final = 30
"""Seconds for which messages that are looked at are hidden from others; they are given back before."""
_MOST: Final = 2_000
"""Messages that are looked through for one."""


def received(
    client: "SQSClient", url: str, queue: str, *, seconds: int = _LOOKED_AT
) -> Iterator[tuple[FailedMessage, str]]:
    """Messages with their receipt handles, until none comes any more; each is hidden for so long. SQS may leave some
    out of an answer, and so out of this."""
    known: set[str] = set()
    while len(known) < _MOST:
        with transient_errors():
            answer = client.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=_AT_ONCE,
                VisibilityTimeout=seconds,
                WaitTimeSeconds=1,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["SentTimestamp"],
            )
        fresh = [message for message in answer.get("Messages", ()) if message["MessageId"] not in known]
        if not fresh:
            return
        for message in fresh:
            known.add(message["MessageId"])
            yield _message(queue, message), message["ReceiptHandle"]


def give_back(client: "SQSClient", url: str, receipts: Sequence[str]) -> None:
    """Let others see them at once. One whose time is over anyway is no failure."""
    for start in range(0, len(receipts), _AT_ONCE):
        entries: Any = [
            {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
            for number, receipt in enumerate(receipts[start : start + _AT_ONCE])
        ]
        with transient_errors():
            client.change_message_visibility_batch(QueueUrl=url, Entries=entries)


class SqsFailedMessages:
    """Implements `ports.FailedMessages`; `urls` by the queues' names in the template."""

    def __init__(self, client: "SQSClient", urls: Mapping[str, str]) -> None:
        self._client = client
        self._urls = urls

    def take(self, queue: str, message_id: str) -> tuple[FailedMessage, str] | None:
        """See the port."""
        others: list[str] = []
        url = self._url(queue)
        try:
            for message, receipt in received(self._client, url, queue):
                if message.id == message_id:
                    return message, receipt
                others.append(receipt)
        finally:
            give_back(self._client, url, others)
        return None

    def all(self, queue: str) -> Iterator[tuple[FailedMessage, str]]:
        """See the port."""
        return received(self._client, self._url(queue), queue)

    def give_back(self, queue: str, receipts: Sequence[str]) -> None:
        """See the port."""
        give_back(self._client, self._url(queue), receipts)

    def delete(self, queue: str, receipt: str) -> None:
        """See the port."""
        with transient_errors():
            self._client.delete_message(QueueUrl=self._url(queue), ReceiptHandle=receipt)

    def _url(self, queue: str) -> str:
        if queue not in self._urls:
            raise ValueError(f"{queue} is none of {', '.join(sorted(self._urls))}")
        return self._urls[queue]


class AwsRedeliveries:
    """Implements `ports.Redeliveries`. `sources`: queue of failed messages → URL of the queue that they came
    from."""

    def __init__(
        self,
        machines: "SFNClient",
        functions: "LambdaClient",
        topics: "SNSClient",
        queues: "SQSClient",
        sources: Mapping[str, str],
    ) -> None:
        self._machines = machines
        self._functions = functions
        self._topics = topics
        self._queues = queues
        self._sources = sources

    def deliver(self, redelivery: Redelivery) -> None:
        """See the port."""
        with transient_errors():
            match redelivery:
                case Start(machine, name, payload):
                    self._start(machine, name, payload)
                case Invoke(function, payload):
                    self._functions.invoke(FunctionName=function, InvocationType="Event", Payload=payload.encode())
                case Publish(topic, message, attributes):
                    self._topics.publish(TopicArn=topic, Message=message, MessageAttributes=_texts(attributes))
                case Resend(queue, body, attributes):
                    self._queues.send_message(
                        QueueUrl=self._source(queue), MessageBody=body, MessageAttributes=_texts(attributes)
                    )

    def _source(self, queue: str) -> str:
        """By the name of the queue of failed messages, or, for a rule's target, by the queue's own."""
        own = (url for url in self._sources.values() if url.rpartition("/")[2] == queue)
        return self._sources.get(queue) or next(own)

    def _start(self, machine: str, name: str, payload: str) -> None:
        try:
            self._machines.start_execution(stateMachineArn=machine, name=name, input=payload)
        except ClientError as error:
            if code_of(error) != "ExecutionAlreadyExists":  # replayed before, and not deleted
                raise


def _texts(attributes: Mapping[str, str]) -> Any:  # noqa: ANN401 - SNS and SQS have a type each, of the same shape
    return {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}


def _message(queue: str, message: Mapping[str, Any]) -> FailedMessage:
    attributes = {name: value.get("StringValue", "") for name, value in message.get("MessageAttributes", {}).items()}
    sent = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)
    return FailedMessage(message["MessageId"], queue, sent, message["Body"], attributes)
