"""Relay the inbox queue: store each notice once, and put it on the account's own bus."""

import json
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from mesh.adapters.messaging import DETAIL_TYPE
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import OwnBusSettings, TableSettings, load
from mesh.usecases.relay_inbox import InboxMessage, relay_inbox

processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


class Settings(TableSettings, OwnBusSettings):
    """The function's environment."""

    member_topic_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """SQS records of SNS messages → the ids of those that failed, for SQS to give again and at last to the DLQ."""
    return process_partial_response(event=event, record_handler=_relay, processor=processor, context=context)


def _relay(record: SQSRecord) -> None:
    settings = load(Settings)
    envelope = json.loads(record.body)
    message = InboxMessage(
        topic_arn=envelope["TopicArn"],
        detail_type=envelope["MessageAttributes"][DETAIL_TYPE]["Value"],
        detail=json.loads(envelope["Message"]),
    )
    relay_inbox(
        message,
        topic_arn=settings.member_topic_arn,
        notices=wiring.notices(settings),
        bus=wiring.bus(settings.own_bus_name),
        clock=wiring.clock,
    )
