"""A schedule that is due calls its target through the API, as its role: that call is checked and recorded too.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
"""

import json
import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from ministack.services import scheduler

from local import roles
from local.clients import Clients
from local.events.payload import payload_of
from local.options import ServerOptions
from local.schedules.service import SERVICE, group_arn
from local.states.naming import BOTO_NAMES
from local.values import Client, Json

logger = logging.getLogger("mesh.schedules")

_MAX_RETRIES, _MAX_AGE_SECONDS = 185, 86_400
_FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS = 1.0, 60.0
_SDK = "arn:aws:scheduler:::aws-sdk:"


class Firings:
    """Calls targets in threads of their own; retries by the schedule's policy, then the dead letter queue."""

    def __init__(self, options: ServerOptions) -> None:
        self._endpoint, self._scale = options.endpoint, options.wait_scale
        self._clients = Clients(options.endpoint)

    def in_place_of(self, invoke_target: Callable[..., None]) -> Callable[..., None]:
        """MiniStack's ticker hands a due schedule to EventBridge as if it were a rule."""

        def invoke(target: Json, event: Json, rule: Json, *more: Any) -> None:  # noqa: ANN401 - passed on
            if event.get("Source") != "aws.scheduler":
                invoke_target(target, event, rule, *more)
                return
            firing = _Firing(self, target, rule, _payload(target, event, rule), str(event["EventId"]))
            threading.Thread(target=firing.run, name=f"schedule-{rule['Name']}", daemon=True).start()

        return invoke

    def pause(self, attempt: int) -> None:
        time.sleep(min(_FIRST_BACKOFF_SECONDS * 2**attempt, _LONGEST_BACKOFF_SECONDS) * self._scale)

    def client(self, service: str, schedule: Json, role_arn: str) -> Client:
        """Raises `roles.CannotAssumeRoleError`."""
        keys = roles.credentials(role_arn, SERVICE, schedule["Name"], group_arn(schedule["Arn"]))
        return self._clients.get(service, schedule["Arn"].split(":")[3], keys)

    def queue_url(self, arn: str) -> str:
        return f"{self._endpoint}/{arn.split(':')[4]}/{arn.rsplit(':', 1)[-1]}"


class _Firing:
    """One schedule's call of its target."""

    def __init__(self, firings: Firings, target: Json, schedule: Json, payload: str, number: str) -> None:
        self._firings, self._target, self._schedule = firings, target, schedule
        self._payload, self._number = payload, number

    def run(self) -> None:
        policy = self._target.get("RetryPolicy") or {}
        retries, attempt = policy.get("MaximumRetryAttempts", _MAX_RETRIES), 0
        deadline = time.monotonic() + policy.get("MaximumEventAgeInSeconds", _MAX_AGE_SECONDS)
        while True:
            try:
                self._call()
                return
            except (ClientError, BotoCoreError, roles.CannotAssumeRoleError) as error:
                if not _is_transient(error) or attempt >= retries or time.monotonic() >= deadline:
                    self._give_up(error, attempt)
                    return
            self._firings.pause(attempt)
            attempt += 1

    def _client(self, service: str) -> Client:
        return self._firings.client(service, self._schedule, self._target["RoleArn"])

    def _call(self) -> None:
        arn: str = self._target["Arn"]
        if arn.startswith(_SDK):
            service, action = arn.removeprefix(_SDK).split(":")
            arguments = json.loads(self._payload)
            getattr(self._client(BOTO_NAMES.get(service, service)), xform_name(action))(**arguments)
            return
        match arn.split(":")[2]:
            case "lambda":
                self._client("lambda").invoke(FunctionName=arn, InvocationType="Event", Payload=self._payload.encode())
            case "states":
                self._client("stepfunctions").start_execution(
                    stateMachineArn=arn, name=self._number, input=self._payload
                )
            case "sqs":
                more = self._target.get("SqsParameters") or {}
                self._client("sqs").send_message(
                    QueueUrl=self._firings.queue_url(arn), MessageBody=self._payload, **more
                )
            case "sns":
                self._client("sns").publish(TopicArn=arn, Message=self._payload)
            case "events":
                self._put_event(arn, self._target["EventBridgeParameters"])
            case service:
                logger.error("%s: %s is not a target of the local mesh", self._schedule["Arn"], service)

    def _put_event(self, bus_arn: str, more: Json) -> None:
        answer = self._client("events").put_events(Entries=[more | {"EventBusName": bus_arn, "Detail": self._payload}])
        for entry in answer["Entries"]:
            if code := entry.get("ErrorCode"):
                failure: Json = {"Error": {"Code": code, "Message": entry.get("ErrorMessage", "")}}
                raise ClientError(failure | {"ResponseMetadata": answer["ResponseMetadata"]}, "PutEvents")

    def _give_up(self, error: Exception, attempts: int) -> None:
        queue = (self._target.get("DeadLetterConfig") or {}).get("Arn")
        logger.error("%s cannot call %s: %s", self._schedule["Arn"], self._target["Arn"], error)
        if not queue:
            return
        attributes = {
            "SCHEDULE_ARN": self._schedule["Arn"],
            "TARGET_ARN": self._target["Arn"],
            "ERROR_CODE": _code(error),
            "ERROR_MESSAGE": str(error),
            "RETRY_ATTEMPTS": str(attempts),
        }
        try:
            self._client("sqs").send_message(
                QueueUrl=self._firings.queue_url(queue),
                MessageBody=self._payload,
                MessageAttributes={k: {"DataType": "String", "StringValue": v} for k, v in attributes.items()},
            )
        except (ClientError, BotoCoreError, roles.CannotAssumeRoleError):
            logger.exception("%s: its queue %s does not take it", self._schedule["Arn"], queue)


def _payload(target: Json, event: Json, schedule: Json) -> str:
    """The target's Input with its context attributes filled in, else the event."""
    due = scheduler._at_time_epoch(schedule["ScheduleExpression"]) or event["Time"]
    attributes = {
        "schedule-arn": schedule["Arn"],
        "scheduled-time": datetime.fromtimestamp(int(due), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "execution-id": event["EventId"],
        "attempt-number": "1",
    }
    given = target.get("Input")
    if not given:
        return payload_of({}, event, schedule)
    text = str(given)
    for name, value in attributes.items():
        text = text.replace(f"<aws.scheduler.{name}>", str(value))
    return text


def _is_transient(error: Exception) -> bool:
    if isinstance(error, ClientError):
        return error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500 or "hrottl" in _code(error)
    return not isinstance(error, ParamValidationError | roles.CannotAssumeRoleError)


def _code(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__
