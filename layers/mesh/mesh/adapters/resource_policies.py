"""Policies of the queues and topics of the account's stack."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mesh.adapters.aws import transient_errors
from mesh.domain.membership.entrances import Statement

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient


class StackPolicies:
    """Implements `ports.ResourcePolicies` for these ARNs of topics and URLs of queues."""

    def __init__(self, sqs: "SQSClient", sns: "SNSClient", places: Sequence[str]) -> None:
        self._sqs, self._sns, self._places = sqs, sns, places

    def all(self) -> dict[str, tuple[Statement, ...]]:
        """See the port."""
        return {_named(place): tuple(json.loads(self._policy(place)).get("Statement", ())) for place in self._places}

    def _policy(self, place: str) -> str:
        with transient_errors():
            if place.startswith("arn:"):
                return self._sns.get_topic_attributes(TopicArn=place)["Attributes"].get("Policy", "{}")
            found = self._sqs.get_queue_attributes(QueueUrl=place, AttributeNames=["Policy"])
            return found.get("Attributes", {}).get("Policy", "{}")


def _named(place: str) -> str:
    """`topic <name>`, `queue <name>`."""
    return f"topic {place.rpartition(':')[2]}" if place.startswith("arn:") else f"queue {place.rpartition('/')[2]}"
