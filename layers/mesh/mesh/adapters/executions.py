"""Starting and resuming state machine executions."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from mesh.adapters.aws import code_of, transient_errors

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class StateMachine:
    """Implements `ports.Executions` for one machine."""

    def __init__(self, client: "SFNClient", arn: str) -> None:
        self._client = client
        self._arn = arn

    def start(self, name: str, payload: str) -> bool:
        """`False` if an execution of that name exists already."""
        try:
            with transient_errors():
                self._client.start_execution(stateMachineArn=self._arn, name=name, input=payload)
        except ClientError as error:
            if code_of(error) != "ExecutionAlreadyExists":
                raise
            return False
        return True

    def running(self, execution_arn: str) -> bool:
        """Whether that execution is at work."""
        return self.ended(execution_arn) is None

    def ended(self, execution_arn: str) -> datetime | None:
        """See the port. Step Functions forgets an execution 90 days after its end."""
        try:
            with transient_errors():
                found = self._client.describe_execution(executionArn=execution_arn)
        except ClientError as error:
            if code_of(error) not in {"ExecutionDoesNotExist", "InvalidArn"}:
                raise
            return datetime.min.replace(tzinfo=UTC)
        return None if found["status"] == "RUNNING" else found["stopDate"].astimezone(UTC)


class StepFunctionsAnswers:
    """Implements `ports.TaskAnswers`."""

    def __init__(self, client: "SFNClient") -> None:
        self._client = client

    def send(self, token: str, output: str) -> bool:
        """`False` if the run no longer waits."""
        return resume(self._client, token, output)


def resume(client: "SFNClient", token: str, output: str) -> bool:
    """Answer a task token; `False` if its task has ended (late, or a second answer)."""
    try:
        with transient_errors():
            client.send_task_success(taskToken=token, output=output)
    except ClientError as error:
        if code_of(error) not in {"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"}:
            raise
        return False
    return True
