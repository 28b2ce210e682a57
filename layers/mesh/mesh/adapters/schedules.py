"""The end of each access, and the warning before it: one-time schedules of EventBridge Scheduler."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from mesh.adapters.aws import code_of, transient_errors
from mesh.ports import Target

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient

PREFIX: Final = "mesh-"


class OneTimeSchedules:
    """Implements `ports.Schedules`: schedules `mesh-…` of the default group."""

    def __init__(self, client: "EventBridgeSchedulerClient") -> None:
        self._client = client

    def at(self, name: str, when: datetime, target: Target, payload: str) -> None:
        """Call the target at that moment, to the second. One that is arranged already is moved."""
        schedule = {
            "Name": f"{PREFIX}{name}",
            "ScheduleExpression": f"at({when.astimezone(UTC):%Y-%m-%dT%H:%M:%S})",
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

    def drop(self, name: str) -> None:
        """One that is not there any more is success."""
        try:
            with transient_errors():
                self._client.delete_schedule(Name=f"{PREFIX}{name}")
        except ClientError as error:
            if code_of(error) != "ResourceNotFoundException":
                raise
