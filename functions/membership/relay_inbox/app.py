"""Relay the inbox queue: store each notice once, and put it on the account's own bus."""

import json
from collections.abc import Mapping
from typing import Any

from mesh.adapters.messaging import DETAIL_TYPE
from mesh.domain.errors import Rejected
from mesh.entry import wiring
from mesh.entry.observability import entry_point, logger
from mesh.entry.settings import OwnBusSettings, TableSettings, load
from mesh.ports import Notice
from mesh.usecases.membership.relay_inbox import InboxMessage, notice_of, relay_inbox


class Settings(TableSettings, OwnBusSettings):
    """The function's environment."""

    member_topic_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """SQS records of SNS messages → the ids of those that failed, for SQS to redeliver, and finally to move to the
    DLQ."""
    settings = load(Settings)
    arrived, failed = {}, dict[str, str]()
    for record in event["Records"]:
        try:
            arrived[record["messageId"]] = _read(record, settings.member_topic_arn)
        except (Rejected, KeyError, TypeError, ValueError) as refusal:
            failed[record["messageId"]] = str(refusal)
    relayed = relay_inbox(arrived, notices=wiring.notices(settings), bus=wiring.bus(settings.own_bus_name))
    failed |= relayed.failed
    for message_id, why in failed.items():
        logger.warning("not relayed", extra={"message_id": message_id, "reason": why})
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _read(record: Mapping[str, Any], topic_arn: str) -> Notice:
    """Raises KeyError, TypeError, ValueError for what is not an SNS message, Rejected for one that is not for this
    account."""
    envelope = json.loads(record["body"])
    message = InboxMessage(
        topic_arn=envelope["TopicArn"],
        detail_type=envelope["MessageAttributes"][DETAIL_TYPE]["Value"],
        detail=json.loads(envelope["Message"]),
    )
    return notice_of(message, wiring.clock.now(), topic_arn=topic_arn)
