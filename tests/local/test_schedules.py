"""EventBridge Scheduler on the running server: one-time schedules fire in time, as their role, and no other does."""

import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.running import RunningServer, allow, wait_until

ACCOUNT, SERVICE = "111111111111", "scheduler.amazonaws.com"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
SCHEDULES = f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule"


@pytest.fixture(scope="module")
def machine(server: RunningServer) -> str:
    sfn = server.client("stepfunctions", ACCOUNT)
    runner = server.make_role(ACCOUNT, "schedule-runner", "states.amazonaws.com")
    definition = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    made = sfn.create_state_machine(name="expire-access", definition=definition, roleArn=runner)
    return str(made["stateMachineArn"])


@pytest.fixture(scope="module")
def starter(server: RunningServer, machine: str) -> str:
    return server.make_role(ACCOUNT, "expirer", SERVICE, allow("states:StartExecution", resource=machine))


@pytest.fixture(scope="module")
def idle(server: RunningServer) -> str:
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:unfired"
    return server.make_role(ACCOUNT, "idler", SERVICE, allow("sqs:SendMessage", resource=queue))


def soon(seconds: float = 1.0) -> datetime:
    """A whole second, as `at()` has it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds + 1)).replace(microsecond=0)


def at(when: datetime) -> str:
    return f"at({when:%Y-%m-%dT%H:%M:%S})"


def schedule(server: RunningServer, arn: str, role_arn: str, *, caller: str | None = None, **more: Any) -> str:
    """The schedule's name."""
    name = more.pop("Name", f"s-{uuid.uuid4().hex[:8]}")
    target = {"Arn": arn, "RoleArn": role_arn} | more.pop("target", {})
    server.client("scheduler", ACCOUNT, caller).create_schedule(
        Name=name,
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=target,
        **{"ScheduleExpression": at(soon()), "ActionAfterCompletion": "DELETE"} | more,
    )
    return str(name)


def executions(server: RunningServer, machine: str, given: dict[str, Any]) -> list[dict[str, Any]]:
    sfn = server.client("stepfunctions", ACCOUNT)
    found = [
        sfn.describe_execution(executionArn=each["executionArn"])
        for each in sfn.list_executions(stateMachineArn=machine)["executions"]
    ]
    return [each for each in found if given.items() <= json.loads(each["input"]).items()]


def exists(server: RunningServer, name: str, **group: str) -> bool:
    try:
        server.client("scheduler", ACCOUNT).get_schedule(Name=name, **group)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ResourceNotFoundException"
        return False
    return True


def refusal(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


def test_a_one_time_schedule_starts_an_execution_as_its_role_in_time(
    server: RunningServer, machine: str, starter: str
) -> None:
    when = soon()
    given = {"access": "ac-1", "at": "<aws.scheduler.scheduled-time>", "by": "<aws.scheduler.schedule-arn>"}
    name = schedule(server, machine, starter, target={"Input": json.dumps(given)}, ScheduleExpression=at(when))
    assert exists(server, name)
    (run,) = wait_until(lambda: executions(server, machine, {"access": "ac-1"}))
    late = (run["startDate"] - when).total_seconds()
    assert 0 <= late < 2, f"{late} s late"
    found = json.loads(run["input"])
    assert found["by"] == f"{SCHEDULES}/default/{name}"
    assert found["at"] == f"{when:%Y-%m-%dT%H:%M:%SZ}"
    wait_until(lambda: not exists(server, name))
    calls = server.control("GET", f"/_mesh/record?account={ACCOUNT}")["calls"]
    started = [call for call in calls if call["action"] == "StartExecution"]
    assert [call["principal"] for call in started if call["role_session"] == name] == [starter]
    time.sleep(1)
    assert len(executions(server, machine, {"access": "ac-1"})) == 1


def test_a_function_is_invoked_as_the_role_alone(server: RunningServer) -> None:
    """Unlike a rule's, a schedule's function needs no policy of its own."""
    role = server.make_role(ACCOUNT, "warned", "lambda.amazonaws.com")
    source = "def handler(event, context): print('warned about', event['access'])"
    function = server.make_function(ACCOUNT, "warn", source, role)
    invoker = server.make_role(ACCOUNT, "warner", SERVICE, allow("lambda:InvokeFunction", resource=function))
    schedule(server, function, invoker, target={"Input": '{"access": "ac-7"}'})
    logs = server.client("logs", ACCOUNT)

    def said() -> bool:
        try:
            events = logs.filter_log_events(logGroupName="/aws/lambda/warn")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return False
        return any("warned about ac-7" in event["message"] for event in events)

    wait_until(said)


def test_without_the_right_nothing_happens_but_a_dead_letter(server: RunningServer, machine: str, idle: str) -> None:
    sqs = server.client("sqs", ACCOUNT)
    url = sqs.create_queue(QueueName="unfired")["QueueUrl"]
    dead = {"Input": '{"access": "ac-2"}', "DeadLetterConfig": {"Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:unfired"}}
    schedule(server, machine, idle, target=dead)
    found = wait_until(lambda: sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages"))
    attributes = found[0]["MessageAttributes"]
    assert attributes["ERROR_CODE"]["StringValue"] == "AccessDeniedException"
    assert attributes["TARGET_ARN"]["StringValue"] == machine
    assert executions(server, machine, {"access": "ac-2"}) == []


def test_creating_needs_the_schedule_and_the_role(server: RunningServer, machine: str, starter: str, idle: str) -> None:
    narrow = f"{SCHEDULES}/default/expire-*"
    passed = allow("iam:PassRole", resource=starter) | {"Condition": {"StringEquals": {"iam:PassedToService": SERVICE}}}
    writes = allow("scheduler:CreateSchedule", "scheduler:DeleteSchedule", resource=narrow)
    server.make_role(ACCOUNT, "granter", ROOT, writes, passed)

    def create(name: str, role_arn: str, **more: Any) -> None:
        schedule(server, machine, role_arn, caller="granter", Name=name, ScheduleExpression=at(soon(3600)), **more)

    assert refusal(create, name="other", role_arn=starter) == "AccessDeniedException"
    assert refusal(create, name="expire-1", role_arn=idle) == "AccessDeniedException"
    server.client("scheduler", ACCOUNT).create_schedule_group(Name="warnings")
    assert refusal(create, name="expire-1", role_arn=starter, GroupName="warnings") == "AccessDeniedException"
    create("expire-1", starter)
    assert server.client("scheduler", ACCOUNT).get_schedule(Name="expire-1")["GroupName"] == "default"
    client = server.client("scheduler", ACCOUNT, "granter")
    client.delete_schedule(Name="expire-1")
    assert not exists(server, "expire-1")
    assert refusal(client.delete_schedule, Name="expire-1") == "ResourceNotFoundException"


def test_a_client_token_makes_a_repeated_creation_harmless(server: RunningServer, machine: str, starter: str) -> None:
    later = {"Name": "once", "ScheduleExpression": at(soon(3600))}
    schedule(server, machine, starter, ClientToken="token-1", **later)
    schedule(server, machine, starter, ClientToken="token-1", **later)

    def again(**more: Any) -> None:
        schedule(server, machine, starter, **later | more)

    assert refusal(again) == "ConflictException"
    assert refusal(again, ClientToken="token-1", Description="other") == "ConflictException"


@pytest.mark.parametrize(
    "expression", ["at(tomorrow)", "at(2026-13-01T00:00:00)", "at(2026-11-21T10:00:00Z)", "soon", "rate(5)"]
)
def test_expressions_that_never_fire_are_refused(
    server: RunningServer, machine: str, starter: str, expression: str
) -> None:
    def create() -> None:
        schedule(server, machine, starter, ScheduleExpression=expression)

    assert refusal(create) == "ValidationException"


def test_a_role_that_the_service_cannot_assume_is_refused(server: RunningServer, machine: str) -> None:
    mine = server.make_role(ACCOUNT, "not-the-schedulers", "lambda.amazonaws.com")
    for arn in (mine, f"arn:aws:iam::{ACCOUNT}:role/nobody"):
        assert refusal(lambda arn=arn: schedule(server, machine, arn)) == "ValidationException"


def test_a_name_fires_again_and_a_disabled_schedule_does_not(server: RunningServer, machine: str, starter: str) -> None:
    kept = {"Name": "again", "ActionAfterCompletion": "NONE", "target": {"Input": '{"access": "ac-3"}'}}
    schedule(server, machine, starter, **kept)
    wait_until(lambda: len(executions(server, machine, {"access": "ac-3"})) == 1)
    client = server.client("scheduler", ACCOUNT)
    assert exists(server, "again")
    client.delete_schedule(Name="again")
    schedule(server, machine, starter, **kept)
    schedule(server, machine, starter, State="DISABLED", target={"Input": '{"access": "ac-4"}'})
    wait_until(lambda: len(executions(server, machine, {"access": "ac-3"})) == 2)
    time.sleep(1.5)
    assert executions(server, machine, {"access": "ac-4"}) == []
