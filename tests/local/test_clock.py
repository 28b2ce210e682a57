"""The mesh's clock: what is skipped has passed for whatever asks for the time, in services and in functions."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.running import RunningServer, allow, running_server, wait_until

ACCOUNT = "222222222222"
DAY = 86_400
SOURCE = """
import os, time
from datetime import UTC, date, datetime
import boto3

class Later(datetime):
    pass

def handler(event, context):
    moments = {
        "now": datetime.now(UTC).timestamp(), "local": datetime.now().timestamp(), "time": time.time(),
        "nanoseconds": time.time_ns() / 1e9, "utc": datetime.utcnow().replace(tzinfo=UTC).timestamp(),
        "subclass": Later.now(UTC).timestamp(), "text": datetime.fromisoformat(
            time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())).timestamp(),
    }
    return {
        "pid": os.getpid(), "moments": moments, "today": date.today().isoformat(), "class": type(Later.now()).__name__,
        "remaining": context.get_remaining_time_in_millis(),
        "caller": boto3.client("sts").get_caller_identity()["Arn"],
    }
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Of these tests alone: no other is to find itself days later."""
    with running_server(tmp_path_factory.mktemp("clock")) as running:
        yield running


@pytest.fixture
def skip(server: RunningServer) -> Callable[[float], None]:
    def pass_time(seconds: float) -> None:
        server.control("POST", "/_mesh/clock", {"skip": seconds})

    return pass_time


def mesh_time(server: RunningServer) -> float:
    return float(server.control("GET", "/_mesh/clock")["now"])


def invoke(server: RunningServer, function: str) -> dict[str, Any]:
    answer = server.client("lambda", ACCOUNT).invoke(FunctionName=function)
    found = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, found
    return dict(found)


@pytest.fixture(scope="module")
def table(server: RunningServer) -> str:
    client = server.client("dynamodb", ACCOUNT)
    client.create_table(
        TableName="kept",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    client.update_time_to_live(TableName="kept", TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"})
    return "kept"


def test_a_function_reads_the_mesh_s_time_in_a_process_that_was_there_before_and_in_a_new_one(server, skip):
    role = server.make_role(ACCOUNT, "teller", "lambda.amazonaws.com", allow("logs:*"))
    old = server.make_function(ACCOUNT, "teller", SOURCE, role, Timeout=20)
    before = invoke(server, old)

    skip(30 * DAY)
    later = invoke(server, old)
    new = invoke(server, server.make_function(ACCOUNT, "another-teller", SOURCE, role, Timeout=20))

    assert later["pid"] == before["pid"] != new["pid"]
    for found in (later, new):
        assert {name for name, at in found["moments"].items() if abs(at - mesh_time(server)) > 60} == set()
        assert found["today"] == datetime.fromtimestamp(mesh_time(server), UTC).date().isoformat()
        assert found["class"] == "Later"
        assert 0 < found["remaining"] <= 20_000
        assert found["caller"].endswith("assumed-role/teller/" + ("teller" if found is later else "another-teller"))
    assert later["moments"]["now"] - before["moments"]["now"] >= 30 * DAY


def test_the_caller_s_clock_is_the_machine_s_and_so_is_the_record_s(server, skip):
    skip(DAY)
    since = time.time()

    server.client("sts", ACCOUNT).get_caller_identity()

    recorded = server.control("GET", f"/_mesh/record?since={since}")["calls"]
    assert [each["action"] for each in recorded] == ["GetCallerIdentity"]
    assert recorded[0]["time"] - since < 60


def test_a_schedule_is_due_and_a_rate_s_time_has_come(server, skip):
    sqs, events = server.client("sqs", ACCOUNT), server.client("events", ACCOUNT)
    url = sqs.create_queue(QueueName="due")["QueueUrl"]
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:due"
    statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [statement | {"Resource": queue}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    role = server.make_role(ACCOUNT, "scheduler", "scheduler.amazonaws.com", allow("sqs:SendMessage", resource=queue))
    when = datetime.fromtimestamp(mesh_time(server), UTC) + timedelta(days=29)
    server.client("scheduler", ACCOUNT).create_schedule(
        Name="in-29-days",
        ScheduleExpression=f"at({when:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={"Arn": queue, "RoleArn": role, "Input": '"once"'},
    )
    events.put_rule(Name="daily", ScheduleExpression="rate(1 day)")
    events.put_targets(Rule="daily", Targets=[{"Id": "queue", "Arn": queue, "Input": '"daily"'}])
    came: list[str] = []

    def takes(wanted: list[str]) -> bool:
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
        came.extend(each["Body"] for each in found)
        return sorted(came) == wanted

    skip(20 * DAY)
    wait_until(lambda: takes(['"daily"']), seconds=20)
    skip(9 * DAY)
    wait_until(lambda: takes(['"daily"', '"daily"', '"once"']), seconds=20)


def test_an_item_is_still_there_when_it_has_expired_and_gone_days_later(server, skip, table):
    dynamodb, now = server.client("dynamodb", ACCOUNT), int(mesh_time(server))
    items = {
        "expires": {"N": str(now + DAY)},
        "expires later": {"N": str(now + 30 * DAY)},
        "no number": {"S": str(now + DAY)},
        "too long ago": {"N": str(now - 6 * 365 * DAY)},
    }
    for name, expires in items.items():
        dynamodb.put_item(TableName=table, Item={"pk": {"S": name}, "expires": expires})

    def there() -> set[str]:
        return {item["pk"]["S"] for item in dynamodb.scan(TableName=table)["Items"]}

    skip(DAY + 3600)
    assert there() == set(items)
    skip(2 * DAY)
    assert there() == set(items) - {"expires"}
    skip(30 * DAY)
    assert there() == {"no number", "too long ago"}


def test_a_wait_has_passed_and_an_execution_is_forgotten_after_90_days(server, skip):
    sfn = server.client("stepfunctions", ACCOUNT)
    role = server.make_role(ACCOUNT, "waiter", "states.amazonaws.com")
    states = {"Wait": {"Type": "Wait", "Seconds": 7 * DAY, "End": True}}
    made = sfn.create_state_machine(
        name="waits", definition=json.dumps({"StartAt": "Wait", "States": states}), roleArn=role
    )
    run = sfn.start_execution(stateMachineArn=made["stateMachineArn"])["executionArn"]

    def status() -> str:
        return str(sfn.describe_execution(executionArn=run)["status"])

    skip(6 * DAY)
    assert status() == "RUNNING"
    assert server.control("GET", "/_mesh/executions")["running"] == [run]
    skip(DAY)
    wait_until(lambda: status() == "SUCCEEDED", seconds=10)
    assert server.control("GET", "/_mesh/executions")["running"] == []
    skip(89 * DAY)
    assert status() == "SUCCEEDED"
    skip(2 * DAY)
    with pytest.raises(ClientError, match="ExecutionDoesNotExist"):
        status()


def test_a_role_s_session_ends(server, skip):
    server.make_role(ACCOUNT, "visitor", f"arn:aws:iam::{ACCOUNT}:root", allow("s3:ListAllMyBuckets"))
    s3 = server.client("s3", ACCOUNT, "visitor")
    s3.list_buckets()

    skip(3601)

    with pytest.raises(ClientError, match="ExpiredToken"):
        s3.list_buckets()
    server.client("s3", ACCOUNT, "visitor").list_buckets()


def test_what_is_invisible_becomes_visible(server, skip):
    sqs = server.client("sqs", ACCOUNT)
    url = sqs.create_queue(QueueName="skipped", Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="m")
    assert len(sqs.receive_message(QueueUrl=url)["Messages"]) == 1
    skip(300)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    skip(300)
    assert len(sqs.receive_message(QueueUrl=url)["Messages"]) == 1


def test_a_message_is_gone_after_its_queue_s_retention(server, skip):
    sqs = server.client("sqs", ACCOUNT)
    url = sqs.create_queue(QueueName="short", Attributes={"MessageRetentionPeriod": str(DAY)})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x")

    def left() -> str:
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        return str(found["Attributes"]["ApproximateNumberOfMessages"])

    skip(DAY - 60)
    assert left() == "1"
    skip(61)
    assert left() == "0"


@pytest.mark.parametrize("seconds", [-1, "inf", "nan"])
def test_time_does_not_run_backwards(server, seconds):
    before = server.control("GET", "/_mesh/clock")["skipped"]

    with pytest.raises(Exception, match="400"):
        server.control("POST", "/_mesh/clock", {"skip": seconds})

    assert server.control("GET", "/_mesh/clock")["skipped"] == before


def test_a_mesh_starts_with_the_machine_s_time(tmp_path: Path):
    with running_server(tmp_path) as first:
        first.control("POST", "/_mesh/clock", {"skip": DAY})
    with running_server(tmp_path) as second:
        assert second.control("GET", "/_mesh/clock")["skipped"] == 0
