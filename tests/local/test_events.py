"""Events across accounts, with every permission AWS asks for, and dead letters instead of silence."""

import json
from typing import Any

import pytest

from tests.local.running import RunningServer, allow, wait_until

CENTRAL, PRODUCER, OUTSIDER = "111111111111", "222222222222", "999999999999"
BUS = f"arn:aws:events:us-east-1:{CENTRAL}:event-bus/mesh"


@pytest.fixture(scope="module", autouse=True)
def _bus(server: RunningServer) -> None:
    events = server.client("events", CENTRAL)
    events.create_event_bus(Name="mesh")
    statement = {
        "Sid": "members",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{PRODUCER}:root"},
        "Action": "events:PutEvents",
        "Resource": BUS,
        "Condition": {"StringEquals": {"events:source": "mesh.producer"}},
    }
    events.put_permission(EventBusName="mesh", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    server.make_role(PRODUCER, "announcer", f"arn:aws:iam::{PRODUCER}:root", allow("events:PutEvents", resource=BUS))
    server.make_role(PRODUCER, "mute", f"arn:aws:iam::{PRODUCER}:root", allow("s3:*"))


def queue(server: RunningServer, account: str, name: str, source_like: str | None = None) -> tuple[str, str]:
    """(url, arn) of a queue that events.amazonaws.com may send to if the source's ARN is like `source_like`; by TLS
    alone, as the deployed ones."""
    sqs = server.client("sqs", account)
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{account}:{name}"
    if source_like:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnLike": {"aws:SourceArn": source_like}},
        }
        tls_only = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": "*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement, tls_only]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return url, arn


def rule(server: RunningServer, account: str, name: str, detail_type: str, bus: str = "mesh", **target: Any) -> str:
    events = server.client("events", account)
    pattern = json.dumps({"detail-type": [detail_type]})
    arn = events.put_rule(Name=name, EventBusName=bus, EventPattern=pattern)["RuleArn"]
    answer = events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "t", **target}])
    assert answer["FailedEntryCount"] == 0
    return str(arn)


def put(
    server: RunningServer,
    detail_type: str,
    *,
    account: str = PRODUCER,
    role: str | None = "announcer",
    source: str = "mesh.producer",
    bus: str = BUS,
) -> dict[str, Any]:
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps({"n": 1}), "EventBusName": bus}
    answer: dict[str, Any] = server.client("events", account, role).put_events(Entries=[entry])
    return answer


def receive(server: RunningServer, account: str, url: str) -> dict[str, Any]:
    sqs = server.client("sqs", account)
    found = wait_until(lambda: sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages"))
    message: dict[str, Any] = found[0]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return message


def test_event_crosses_accounts_with_the_senders_account(server: RunningServer) -> None:
    url, arn = queue(server, CENTRAL, "crossed", f"arn:aws:events:us-east-1:{CENTRAL}:rule/mesh/crossed")
    rule(server, CENTRAL, "crossed", "Crossed", Arn=arn)
    assert put(server, "Crossed")["FailedEntryCount"] == 0
    event = json.loads(receive(server, CENTRAL, url)["Body"])
    assert event["account"] == PRODUCER
    assert event["detail"] == {"n": 1}
    assert event["detail-type"] == "Crossed"


def test_identity_policy_must_allow_the_bus(server: RunningServer) -> None:
    with pytest.raises(Exception, match=r"AccessDenied.*events:PutEvents"):
        put(server, "Crossed", role="mute")


@pytest.mark.parametrize(
    ("account", "role", "source"), [(OUTSIDER, None, "mesh.producer"), (PRODUCER, "announcer", "mesh.other")]
)
def test_bus_policy_must_admit_sender_and_source(
    server: RunningServer, account: str, role: str | None, source: str
) -> None:
    answer = put(server, "Crossed", account=account, role=role, source=source)
    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][0]["ErrorCode"] == "AccessDeniedException"


def test_aws_sources_cannot_be_forged_across_accounts(server: RunningServer) -> None:
    assert put(server, "Crossed", source="aws.s3")["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"


def test_refused_delivery_goes_to_the_dead_letter_queue(server: RunningServer) -> None:
    _, closed = queue(server, CENTRAL, "closed")
    url, dead = queue(server, CENTRAL, "dead", f"arn:aws:events:us-east-1:{CENTRAL}:rule/mesh/refused")
    rule_arn = rule(server, CENTRAL, "refused", "Refused", Arn=closed, DeadLetterConfig={"Arn": dead})
    put(server, "Refused")
    letter = receive(server, CENTRAL, url)
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert attributes["RULE_ARN"] == rule_arn
    assert attributes["TARGET_ARN"] == closed
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
    assert json.loads(letter["Body"])["detail"] == {"n": 1}


def test_throttled_delivery_is_tried_again(server: RunningServer) -> None:
    url, arn = queue(server, CENTRAL, "again", f"arn:aws:events:us-east-1:{CENTRAL}:rule/mesh/*")
    rule(server, CENTRAL, "again", "Again", Arn=arn)
    fault = {"kind": "throttle", "service": "events", "action": "Deliver", "resource": arn, "count": 2}
    server.control("POST", "/_mesh/faults", fault)
    put(server, "Again")
    assert receive(server, CENTRAL, url)
    assert server.control("GET", "/_mesh/faults")["faults"] == []


def test_retries_end_at_the_rules_limit(server: RunningServer) -> None:
    _, arn = queue(server, CENTRAL, "never", f"arn:aws:events:us-east-1:{CENTRAL}:rule/mesh/*")
    url, dead = queue(server, CENTRAL, "never-dead", f"arn:aws:events:us-east-1:{CENTRAL}:rule/mesh/*")
    retry = {"MaximumRetryAttempts": 1, "MaximumEventAgeInSeconds": 3600}
    rule(server, CENTRAL, "never", "Never", Arn=arn, DeadLetterConfig={"Arn": dead}, RetryPolicy=retry)
    fault = {"kind": "throttle", "service": "events", "action": "Deliver", "resource": arn, "count": 9}
    server.control("POST", "/_mesh/faults", fault)
    put(server, "Never")
    attributes = receive(server, CENTRAL, url)["MessageAttributes"]
    assert attributes["ERROR_CODE"]["StringValue"] == "THROTTLING"
    assert attributes["RETRY_ATTEMPTS"]["StringValue"] == "1"


def test_duplicates_and_reordering(server: RunningServer) -> None:
    url, arn = queue(server, CENTRAL, "twice", f"arn:aws:events:us-east-1:{CENTRAL}:rule/mesh/*")
    rule(server, CENTRAL, "twice", "Twice", Arn=arn)
    server.control("POST", "/_mesh/faults", {"kind": "duplicate_event", "service": "events", "action": "Twice"})
    put(server, "Twice")
    first, second = (json.loads(receive(server, CENTRAL, url)["Body"])["id"] for _ in range(2))
    assert first == second
    server.control("POST", "/_mesh/faults", {"kind": "reorder", "service": "events", "action": "Twice", "seconds": 9})
    sent = [put(server, "Twice")["Entries"][0]["EventId"]]
    assert server.control("GET", "/_mesh/faults")["late"] == 1
    sent.append(put(server, "Twice")["Entries"][0]["EventId"])
    assert [json.loads(receive(server, CENTRAL, url)["Body"])["id"] for _ in range(2)] == sent[::-1]


def test_state_machine_target_needs_a_role_that_may_start_it(server: RunningServer) -> None:
    sfn = server.client("stepfunctions", CENTRAL)
    runner = server.make_role(CENTRAL, "runner", "states.amazonaws.com")
    definition = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    machine = sfn.create_state_machine(name="on-event", definition=definition, roleArn=runner)["stateMachineArn"]
    starter = server.make_role(
        CENTRAL, "starter", "events.amazonaws.com", allow("states:StartExecution", resource=machine)
    )
    idle = server.make_role(CENTRAL, "idle", "events.amazonaws.com")
    url, dead = queue(server, CENTRAL, "not-started", f"arn:aws:events:us-east-1:{CENTRAL}:rule/mesh/*")
    rule(server, CENTRAL, "starts", "Start", Arn=machine, RoleArn=starter)
    rule(server, CENTRAL, "starts-not", "StartNot", Arn=machine, RoleArn=idle, DeadLetterConfig={"Arn": dead})
    put(server, "Start")
    execution = wait_until(lambda: sfn.list_executions(stateMachineArn=machine)["executions"])[0]
    given = json.loads(sfn.describe_execution(executionArn=execution["executionArn"])["input"])
    assert given["account"] == PRODUCER
    put(server, "StartNot")
    attributes = receive(server, CENTRAL, url)["MessageAttributes"]
    assert attributes["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    assert len(sfn.list_executions(stateMachineArn=machine)["executions"]) == 1


def test_function_target_needs_its_permission(server: RunningServer) -> None:
    role = server.make_role(CENTRAL, "listener", "lambda.amazonaws.com")
    source = "def handler(event, context): print('heard', event['detail-type'])"
    function = server.make_function(CENTRAL, "listener", source, role)
    url, dead = queue(server, CENTRAL, "unheard", f"arn:aws:events:us-east-1:{CENTRAL}:rule/mesh/*")
    arn = rule(server, CENTRAL, "listens", "Listen", Arn=function, DeadLetterConfig={"Arn": dead})
    put(server, "Listen")
    assert receive(server, CENTRAL, url)["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    server.client("lambda", CENTRAL).add_permission(
        FunctionName="listener",
        StatementId="events",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=arn,
    )
    put(server, "Listen")
    logs = server.client("logs", CENTRAL)
    wait_until(lambda: "heard Listen" in json.dumps(log_messages(logs, "/aws/lambda/listener")))


def log_messages(logs: Any, group: str) -> list[str]:
    try:
        return [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]
    except logs.exceptions.ResourceNotFoundException:
        return []


def test_rule_to_another_accounts_bus(server: RunningServer) -> None:
    """A producer's own rule forwards to central as its role; central does not pass it on to a third account."""
    url, arn = queue(server, CENTRAL, "forwarded", f"arn:aws:events:us-east-1:{CENTRAL}:rule/mesh/forwarded")
    rule(server, CENTRAL, "forwarded", "Forwarded", Arn=arn)
    role = server.make_role(PRODUCER, "forwarder", "events.amazonaws.com", allow("events:PutEvents", resource=BUS))
    rule(server, PRODUCER, "forward", "Forwarded", bus="default", Arn=BUS, RoleArn=role)
    put(server, "Forwarded", role=None, bus="default")
    assert json.loads(receive(server, CENTRAL, url)["Body"])["account"] == PRODUCER


def test_object_created_event_has_what_aws_sends(server: RunningServer) -> None:
    s3 = server.client("s3", PRODUCER)
    s3.create_bucket(Bucket="uploads")
    s3.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(
        Bucket="uploads", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    url, arn = queue(server, PRODUCER, "uploaded", f"arn:aws:events:us-east-1:{PRODUCER}:rule/uploaded")
    rule(server, PRODUCER, "uploaded", "Object Created", bus="default", Arn=arn)
    key = "credit card/data/a+b%2F✓.csv"
    version = s3.put_object(Bucket="uploads", Key=key, Body=b"x,y\n")["VersionId"]
    event = json.loads(receive(server, PRODUCER, url)["Body"])
    first = event["detail"]
    assert event["source"] == "aws.s3"
    assert event["account"] == PRODUCER
    assert first["reason"] == "PutObject"
    assert first["object"]["key"] == key
    assert first["object"]["version-id"] == version
    assert first["object"]["size"] == 4
    s3.put_object(Bucket="uploads", Key=key, Body=b"z")
    second = json.loads(receive(server, PRODUCER, url)["Body"])["detail"]
    assert second["object"]["sequencer"] > first["object"]["sequencer"]


@pytest.mark.parametrize(
    ("condition", "key", "delivered"),
    [
        ({}, "customer", True),
        ({"StringEquals": {"aws:SourceAccount": CENTRAL}}, "customer", False),
        ({"ArnLike": {"aws:SourceArn": f"arn:aws:events:us-east-1:{CENTRAL}:rule/*"}}, "customer", False),
        ({}, "alias/aws/sns", False),
        ({}, "", True),
    ],
)
def test_the_key_of_a_topic_must_admit_the_service_without_a_condition_on_its_source(
    server: RunningServer, condition: dict[str, Any], key: str, *, delivered: bool
) -> None:
    """EventBridge asks KMS without saying for which rule (SNS developer guide, key management)."""
    name = f"encrypted-{abs(hash((str(condition), key)))}"
    if key == "customer":
        key = topic_key(server, condition)
    topic = server.client("sns", CENTRAL).create_topic(Name=name, Attributes={"KmsMasterKeyId": key} if key else {})
    arn = topic["TopicArn"]
    publish = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [publish | {"Resource": arn}]})
    server.client("sns", CENTRAL).set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
    heard, inbox = queue(server, CENTRAL, f"{name}-inbox")
    sqs = server.client("sqs", CENTRAL)
    send = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [send | {"Resource": inbox}]})
    sqs.set_queue_attributes(QueueUrl=heard, Attributes={"Policy": policy})
    server.client("sns", CENTRAL).subscribe(TopicArn=arn, Protocol="sqs", Endpoint=inbox)
    letters, dead = queue(server, CENTRAL, f"{name}-dead", f"arn:aws:events:us-east-1:{CENTRAL}:rule/mesh/*")
    rule(server, CENTRAL, name, name, Arn=arn, DeadLetterConfig={"Arn": dead})
    put(server, name)
    if delivered:
        assert receive(server, CENTRAL, heard)
    else:
        letter = receive(server, CENTRAL, letters)["MessageAttributes"]
        assert letter["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
        assert "kms:GenerateDataKey*" in letter["ERROR_MESSAGE"]["StringValue"]


def topic_key(server: RunningServer, condition: dict[str, Any]) -> str:
    account = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{CENTRAL}:root"}, "Action": "kms:*"}
    service = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Condition": condition,
    }
    statements = [statement | {"Resource": "*"} for statement in (account, service)]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    answer = server.client("kms", CENTRAL).create_key(Policy=policy)
    return str(answer["KeyMetadata"]["KeyId"])
