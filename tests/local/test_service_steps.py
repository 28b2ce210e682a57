"""From service to service: each resource's policy and each trust is judged by what the service is documented to send.

Each refusal here is one that a kinder laptop, which sends account and ARN of the source on every step, would let pass.
"""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.authorization.steps import STEPS, context
from tests.local.running import RunningServer, allow, wait_until

ACCOUNT, REGION = "111111111111", "us-east-1"
RULES = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/*"
BY_ACCOUNT = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
BY_RULE = {"ArnLike": {"aws:SourceArn": RULES}}
ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def admits(service: str, action: str, resource: str, condition: dict[str, Any]) -> dict[str, Any]:
    return allow(action, resource=resource) | {"Principal": {"Service": service}, "Condition": condition}


def queue(server: RunningServer, name: str, service: str, condition: dict[str, Any]) -> tuple[str, str]:
    """(url, arn) of a queue that admits the service on the condition."""
    sqs, arn = server.client("sqs", ACCOUNT), f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    text = policy(admits(service, "sqs:SendMessage", arn, condition))
    return sqs.create_queue(QueueName=name, Attributes={"Policy": text})["QueueUrl"], arn


def received(server: RunningServer, url: str) -> dict[str, Any]:
    sqs = server.client("sqs", ACCOUNT)
    found = wait_until(lambda: sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages"))
    return dict(found[0])


def error_code(server: RunningServer, name: str, target: str) -> str:
    """Why an event of the account's own bus could not be delivered to the target."""
    url, dead = queue(server, f"{name}-dead", "events.amazonaws.com", BY_RULE)
    events = server.client("events", ACCOUNT)
    events.put_rule(Name=name, EventPattern=json.dumps({"detail-type": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "t", "Arn": target, "DeadLetterConfig": {"Arn": dead}}])
    events.put_events(Entries=[{"Source": "test", "DetailType": name, "Detail": "{}"}])
    return str(received(server, url)["MessageAttributes"]["ERROR_CODE"]["StringValue"])


def make_role(server: RunningServer, name: str, service: str, condition: dict[str, Any], *may: dict[str, Any]) -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole", "Condition": condition}
    arn = server.make_role(ACCOUNT, name, service, *may)
    server.client("iam", ACCOUNT).update_assume_role_policy(RoleName=name, PolicyDocument=policy(trust))
    return arn


@pytest.mark.parametrize(("name", "condition"), [("topic-by-rule", BY_RULE), ("topic-by-account", BY_ACCOUNT)])
def test_eventbridge_names_no_source_to_a_topic(server: RunningServer, name: str, condition: dict[str, Any]) -> None:
    sns = server.client("sns", ACCOUNT)
    topic = sns.create_topic(Name=name)["TopicArn"]
    text = policy(admits("events.amazonaws.com", "sns:Publish", topic, condition))
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=text)

    assert error_code(server, name, topic) == "NO_PERMISSIONS"


def test_eventbridge_names_no_account_to_a_queue(server: RunningServer) -> None:
    _, arn = queue(server, "by-account", "events.amazonaws.com", BY_ACCOUNT)

    assert error_code(server, "queue-by-account", arn) == "NO_PERMISSIONS"


def test_eventbridge_names_no_account_to_a_function(server: RunningServer) -> None:
    """ "A SourceAccount setting prevents EventBridge from being able to invoke the function." """
    role = server.make_role(ACCOUNT, "by-account", "lambda.amazonaws.com")
    function = server.make_function(ACCOUNT, "by-account", "def handler(event, context): pass", role)
    server.client("lambda", ACCOUNT).add_permission(
        FunctionName="by-account",
        StatementId="events",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceAccount=ACCOUNT,
    )

    assert error_code(server, "function-by-account", function) == "NO_PERMISSIONS"


def test_a_topic_names_itself_to_a_queue_and_not_its_account(server: RunningServer) -> None:
    sns = server.client("sns", ACCOUNT)
    topic = sns.create_topic(Name="fan")["TopicArn"]
    open_url, by_topic = queue(server, "by-topic", "sns.amazonaws.com", {"ArnEquals": {"aws:SourceArn": topic}})
    closed_url, by_account = queue(server, "by-topics-account", "sns.amazonaws.com", BY_ACCOUNT)
    for endpoint in (by_account, by_topic):
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint)
    sns.publish(TopicArn=topic, Message="m")

    assert received(server, open_url)
    assert "Messages" not in server.client("sqs", ACCOUNT).receive_message(QueueUrl=closed_url)


@pytest.mark.parametrize("named", [False, True])
def test_eventbridge_publishes_under_a_key_by_the_target_s_role(server: RunningServer, *, named: bool) -> None:
    """The topic has the policy that SNS gives it, the key that of its account: neither lets EventBridge itself in."""
    name = "by-its-role" if named else "by-itself"
    kms, sns, events = (server.client(service, ACCOUNT) for service in ("kms", "sns", "events"))
    key = kms.create_key(Policy=policy(allow("kms:*") | {"Principal": ROOT}))["KeyMetadata"]["Arn"]
    topic = sns.create_topic(Name=name, Attributes={"KmsMasterKeyId": key})["TopicArn"]
    url, arn = queue(server, name, "sns.amazonaws.com", {"ArnEquals": {"aws:SourceArn": topic}})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    dead_url, dead = queue(server, f"{name}-dead", "events.amazonaws.com", BY_RULE)
    target = {"Id": "t", "Arn": topic, "DeadLetterConfig": {"Arn": dead}}
    if named:
        may = (allow("sns:Publish", resource=topic), allow("kms:GenerateDataKey", "kms:Decrypt", resource=key))
        target["RoleArn"] = make_role(server, name, "events.amazonaws.com", BY_RULE, *may)
    events.put_rule(Name=name, EventPattern=json.dumps({"detail-type": [name]}))
    events.put_targets(Rule=name, Targets=[target])
    events.put_events(Entries=[{"Source": "test", "DetailType": name, "Detail": "{}"}])

    if named:
        assert json.loads(received(server, url)["Body"])["TopicArn"] == topic
    else:
        assert received(server, dead_url)["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"


def test_lambda_promises_no_key_when_it_assumes_a_role(server: RunningServer) -> None:
    role = make_role(server, "for-my-account", "lambda.amazonaws.com", BY_ACCOUNT)

    with pytest.raises(ClientError, match="cannot be assumed by Lambda"):
        server.make_function(ACCOUNT, "unassumable", "def handler(event, context): pass", role)


@pytest.mark.parametrize("service", ["glue.amazonaws.com", "databrew.amazonaws.com", "lambda.amazonaws.com"])
def test_who_promises_no_key_assumes_no_role_that_asks_for_one(service: str) -> None:
    assert context(service, "sts", "arn:aws:any:us-east-1:111111111111:one", ACCOUNT) == {}


@pytest.mark.parametrize(("source", "assumed"), [("schedule-group/default", True), ("schedule/default/*", False)])
def test_scheduler_assumes_a_role_for_a_group_of_schedules(
    server: RunningServer, source: str, *, assumed: bool
) -> None:
    condition = {"ArnLike": {"aws:SourceArn": f"arn:aws:scheduler:{REGION}:{ACCOUNT}:{source}"}, **BY_ACCOUNT}
    name = "for-group" if assumed else "for-schedule"
    role = make_role(server, name, "scheduler.amazonaws.com", condition)
    target = {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:none", "RoleArn": role, "Input": "{}"}
    scheduler = server.client("scheduler", ACCOUNT)
    arguments: dict[str, Any] = {"Name": name, "ScheduleExpression": "at(2099-01-01T00:00:00)", "Target": target}

    if assumed:
        assert scheduler.create_schedule(**arguments, FlexibleTimeWindow={"Mode": "OFF"})["ScheduleArn"]
    else:
        with pytest.raises(ClientError, match="must allow AWS EventBridge Scheduler to assume the role"):
            scheduler.create_schedule(**arguments, FlexibleTimeWindow={"Mode": "OFF"})


@pytest.mark.parametrize(("name", "status"), [("own", "SUCCEEDED"), ("other", "FAILED")])
def test_a_machine_assumes_its_role_in_its_own_name(server: RunningServer, name: str, status: str) -> None:
    condition = {"ArnEquals": {"aws:SourceArn": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:own"}}
    role = make_role(server, f"machine-{name}", "states.amazonaws.com", condition, allow("sqs:ListQueues"))
    state = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:listQueues", "End": True}
    states = server.client("stepfunctions", ACCOUNT)
    definition = json.dumps({"StartAt": "List", "States": {"List": state}})
    machine = states.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
    run = states.start_execution(stateMachineArn=machine)["executionArn"]

    assert wait_until(lambda: ended(states.describe_execution(executionArn=run)["status"])) == status


def ended(status: str) -> str:
    return "" if status == "RUNNING" else status


def test_who_publishes_to_an_encrypted_topic_needs_its_key(server: RunningServer) -> None:
    kms, sns = server.client("kms", ACCOUNT), server.client("sns", ACCOUNT)
    text = policy(allow("kms:*") | {"Principal": ROOT})
    key = kms.create_key(Policy=text)["KeyMetadata"]["Arn"]
    topic = sns.create_topic(Name="secret", Attributes={"KmsMasterKeyId": key})["TopicArn"]
    publishes = allow("sns:Publish", resource=topic)
    server.make_role(ACCOUNT, "keyless", ACCOUNT, publishes, allow("kms:Decrypt", resource=key))
    server.make_role(ACCOUNT, "keyed", ACCOUNT, publishes, allow("kms:Decrypt", "kms:GenerateDataKey", resource=key))

    with pytest.raises(ClientError, match=r"KMSAccessDenied.*kms:GenerateDataKey"):
        server.client("sns", ACCOUNT, "keyless").publish(TopicArn=topic, Message="m")
    assert server.client("sns", ACCOUNT, "keyed").publish(TopicArn=topic, Message="m")["MessageId"]


def test_what_failed_goes_to_its_destination_by_the_role_of_the_function(server: RunningServer) -> None:
    lost_url, lost = queue(server, "lost", "nobody.amazonaws.com", {})
    kept_url, kept = queue(server, "kept", "nobody.amazonaws.com", {})
    client = server.client("lambda", ACCOUNT)
    for name, target, may in (("mute", lost, []), ("telling", kept, [allow("sqs:SendMessage", resource=kept)])):
        role = server.make_role(ACCOUNT, name, "lambda.amazonaws.com", *may)
        server.make_function(ACCOUNT, name, "def handler(event, context): raise ValueError", role)
        destination = {"OnFailure": {"Destination": target}}
        client.put_function_event_invoke_config(
            FunctionName=name, MaximumRetryAttempts=0, DestinationConfig=destination
        )
        client.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")

    assert json.loads(received(server, kept_url)["Body"])["requestContext"]["condition"] == "RetriesExhausted"
    assert "Messages" not in server.client("sqs", ACCOUNT).receive_message(QueueUrl=lost_url)


def test_each_step_names_its_source_in_awss_documents() -> None:
    own = ("https://docs.aws.amazon.com/", "https://aws.github.io/")

    assert [step for step in STEPS.values() if not step.source.startswith(own)] == []


def test_an_alarm_reaches_topics_that_admit_it_by_what_cloudwatch_sends(server: RunningServer) -> None:
    sns, sqs, arns, urls = server.client("sns", ACCOUNT), server.client("sqs", ACCOUNT), {}, {}
    alarm = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:goes-off"
    conditions = {
        "account": BY_ACCOUNT,
        "alarm": {"ArnLike": {"aws:SourceArn": alarm}},
        "foreign": {"StringEquals": {"aws:SourceAccount": "222222222222"}},
    }
    for name, condition in conditions.items():
        topic = arns[name] = sns.create_topic(Name=f"alarms-{name}")["TopicArn"]
        text = policy(admits("cloudwatch.amazonaws.com", "sns:Publish", topic, condition))
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=text)
        by_topic = {"ArnEquals": {"aws:SourceArn": topic}}
        urls[name], arn = queue(server, f"alarms-{name}", "sns.amazonaws.com", by_topic)
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    cloudwatch = server.client("cloudwatch", ACCOUNT)
    cloudwatch.put_metric_alarm(
        AlarmName="goes-off", Namespace="n", MetricName="m", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold", AlarmActions=list(arns.values()),
    )  # fmt: skip

    cloudwatch.set_alarm_state(AlarmName="goes-off", StateValue="ALARM", StateReason="test")

    assert "goes-off" in received(server, urls["account"])["Body"]
    assert "goes-off" in received(server, urls["alarm"])["Body"]
    assert "Messages" not in sqs.receive_message(QueueUrl=urls["foreign"], WaitTimeSeconds=1)


def test_an_alarm_reaches_a_topic_of_its_account_that_has_the_policy_of_sns(server: RunningServer) -> None:
    """ "This default policy … [ensures] that AWS services access your topic only on behalf of AWS resources you own":
    another account's alarm is not one."""
    sns = server.client("sns", ACCOUNT)
    topic = sns.create_topic(Name="as-made")["TopicArn"]
    url, arn = queue(server, "as-made", "sns.amazonaws.com", {"ArnEquals": {"aws:SourceArn": topic}})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    for account in ("222222222222", ACCOUNT):
        cloudwatch = server.client("cloudwatch", account)
        cloudwatch.put_metric_alarm(
            AlarmName=f"of-{account}", Namespace="n", MetricName="m", Statistic="Sum", Period=60, EvaluationPeriods=1,
            Threshold=1, ComparisonOperator="GreaterThanThreshold", AlarmActions=[topic],
        )  # fmt: skip
        cloudwatch.set_alarm_state(AlarmName=f"of-{account}", StateValue="ALARM", StateReason="test")

    assert f"of-{ACCOUNT}" in received(server, url)["Body"]
    assert "Messages" not in server.client("sqs", ACCOUNT).receive_message(QueueUrl=url, WaitTimeSeconds=1)
