"""The end of each access, and the warning before it: one-time schedules of EventBridge Scheduler."""

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from mesh.adapters.aws import code_of, transient_errors
from mesh.adapters.messaging import message_attributes
from mesh.ports import Message, Target

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient

PREFIX: Final = "mesh-"
_SNS_PUBLISH: Final = "arn:aws:scheduler:::aws-sdk:sns:publish"
"""A universal target: the schedule's input is the call's parameters.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
"""


class OneTimeSchedules:
    """Implements `ports.Schedules`: schedules `mesh-…` of the default group."""

    def __init__(self, client: "EventBridgeSchedulerClient") -> None:
        self._client = client

    def at(self, name: str, when: datetime, target: Target, payload: str) -> None:
        """Call the target at that moment, or within the second after it: schedules are precise to the second, and none
        may fire too early. One that is arranged already is moved."""
        second = (when + timedelta(microseconds=999_999)).replace(microsecond=0)
        schedule = {
            "Name": f"{PREFIX}{name}",
            "ScheduleExpression": f"at({second.astimezone(UTC):%Y-%m-%dT%H:%M:%S})",
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            "Target": {
                "Arn": target.arn,
                "RoleArn": target.role_arn,
                "Input": payload,
                "DeadLetterConfig": {"Arn": target.dlq_arn},
            },
        }
        try:
            with transient_errors():
                self._client.create_schedule(**schedule)  # type: ignore[arg-type]
        except ClientError as error:
            if code_of(error) != "ConflictException":
                raise
            with transient_errors():
                self._client.update_schedule(**schedule)  # type: ignore[arg-type]

    def publish_at(self, name: str, when: datetime, topic_arn: str, message: Message, caller: Target) -> None:
        """See the port."""
        parameters = {
            "TopicArn": topic_arn,
            "Message": message.detail,
            "MessageAttributes": message_attributes(message),
        }
        self.at(name, when, caller._replace(arn=_SNS_PUBLISH), json.dumps(parameters))

    def drop(self, name: str) -> None:
        """One that is not there any more is success."""
        try:
            with transient_errors():
                self._client.delete_schedule(Name=f"{PREFIX}{name}")
        except ClientError as error:
            if code_of(error) != "ResourceNotFoundException":
                raise
