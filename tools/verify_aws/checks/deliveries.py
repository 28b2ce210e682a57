"""Which keys services send each other: a policy that asks for one, beside one that does not.

What arrives only where no key is asked for, was sent without it.
"""

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

from tools.verify_aws.accounts import Account
from tools.verify_aws.checks.registry import REGISTRY, Bench, Seen, not_observable, same_if
from tools.verify_aws.progress import TookTooLong, until

_ARRIVES_SECONDS: Final = 90.0
_LATER_SECONDS: Final = 5.0
"""What was sent with another message that has arrived, and has not come so much later, does not come."""
type Condition = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Mailbox:
    """A queue in central's account, subscribed to a topic of its own."""

    account: Account
    topic: str
    queue: str

    def arrived(self) -> bool:
        """Whether there is a message, not counting what SNS itself says."""
        answer = self.account.client("sqs").receive_message(QueueUrl=self.queue, WaitTimeSeconds=1)
        return bool(answer.get("Messages"))


@REGISTRY.check(
    "EventBridge names no source to a topic: \"You can't use of Condition blocks in Amazon SNS topic policies for "
    'EventBridge"',
    assumes="it names none: a topic that asks for the rule gets nothing",
)
def rule_to_topic(bench: Bench, made: ExitStack) -> Seen:
    events, name = bench.central.client("events"), f"{bench.names.prefix}-rule"
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    made.callback(events.delete_rule, Name=name)
    rule = f"arn:aws:events:{bench.central.region}:{bench.central.number}:rule/{name}"
    plain, asking = _boxes(bench, "events.amazonaws.com", {"ArnEquals": {"aws:SourceArn": rule}}, made)
    targets = [{"Id": str(number), "Arn": box.topic} for number, box in enumerate((plain, asking))]
    events.put_targets(Rule=name, Targets=targets)
    made.callback(events.remove_targets, Rule=name, Ids=[target["Id"] for target in targets])

    def send() -> None:
        events.put_events(Entries=[{"Source": name, "DetailType": "Verification", "Detail": "{}"}])

    return _compared(plain, asking, send, "the rule", sent=False)


@REGISTRY.check(
    "A rule publishes to an encrypted topic in the role of its target",
    assumes="it does, by that role's rights on topic and key, and neither of them lets EventBridge in",
)
def rule_in_a_role(bench: Bench, made: ExitStack) -> Seen:
    """Under the key of central's own topics, to a topic that has the policy of a new one."""
    events, name = bench.central.client("events"), f"{bench.names.prefix}-in-a-role"
    stack = bench.names.stack("central")
    found = bench.central.client("cloudformation").describe_stack_resource(
        StackName=stack, LogicalResourceId="TopicKey"
    )
    key = found["StackResourceDetail"]["PhysicalResourceId"]
    topic = _topic(bench, "in-a-role", None, made)
    bench.central.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="KmsMasterKeyId", AttributeValue=key)
    box = _subscribed(bench, "in-a-role", topic, {}, made)
    role = _role_of_a_rule(bench, name, topic, key, made)
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    made.callback(events.delete_rule, Name=name)
    events.put_targets(Rule=name, Targets=[{"Id": "topic", "Arn": topic, "RoleArn": role}])
    made.callback(events.remove_targets, Rule=name, Ids=["topic"])

    def arrives() -> bool:
        events.put_events(Entries=[{"Source": name, "DetailType": "Verification", "Detail": "{}"}])
        return box.arrived()

    try:
        until(arrives, "what is sent", _ARRIVES_SECONDS)
    except TookTooLong:
        return Seen("nothing arrives", "differs")
    return Seen("it arrives", "same")


@REGISTRY.check("A topic names itself to a queue", assumes="and not its account: a queue that asks for it gets nothing")
def topic_to_queue(bench: Bench, made: ExitStack) -> Seen:
    account = {"StringEquals": {"aws:SourceAccount": bench.central.number}}
    topic = _topic(bench, "both", None, made)
    plain = _subscribed(bench, "plain", topic, {}, made)
    asking = _subscribed(bench, "asking", topic, account, made)
    sns = bench.central.client("sns")
    return _compared(plain, asking, lambda: sns.publish(TopicArn=topic, Message="{}"), "its account", sent=False)


@REGISTRY.check(
    "Policies that name a service ask only for keys that it sends (`local/authorization/steps.py`)",
    assumes="CloudWatch names its account to the topic of an alarm",
)
def alarm_to_topic(bench: Bench, made: ExitStack) -> Seen:
    cloudwatch, name = bench.central.client("cloudwatch"), f"{bench.names.prefix}-alarm"
    condition = {"StringEquals": {"aws:SourceAccount": bench.central.number}}
    plain, asking = _boxes(bench, "cloudwatch.amazonaws.com", condition, made)
    foreign = {"Service": "cloudwatch.amazonaws.com", "Condition": {"StringEquals": {"aws:SourceAccount": "0" * 12}}}
    closed = _subscribed(bench, "closed", _topic(bench, "closed", foreign, made), {}, made)
    cloudwatch.put_metric_alarm(
        AlarmName=name, Namespace=name, MetricName=name, Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1,
        ComparisonOperator="GreaterThanThreshold", AlarmActions=[plain.topic, asking.topic, closed.topic],
    )  # fmt: skip
    made.callback(cloudwatch.delete_alarms, AlarmNames=[name])

    def send() -> None:
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="verification")

    seen = _compared(plain, asking, send, "the account", sent=True)
    return not_observable("the topic's policy is not asked") if closed.arrived() else seen


def _role_of_a_rule(bench: Bench, name: str, topic: str, key: str, made: ExitStack) -> str:
    iam, central = bench.central.client("iam"), bench.central
    rule = f"arn:aws:events:{central.region}:{central.number}:rule/{name}"
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document(trust))["Role"]["Arn"]
    made.callback(iam.delete_role, RoleName=name)
    publish = {"Effect": "Allow", "Action": "sns:Publish", "Resource": topic}
    of_key = f"arn:aws:kms:{central.region}:{central.number}:key/{key}"
    encrypt = {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": of_key}
    iam.put_role_policy(RoleName=name, PolicyName="publish", PolicyDocument=_document(publish, encrypt))
    made.callback(iam.delete_role_policy, RoleName=name, PolicyName="publish")
    return str(role)


def _compared(plain: Mailbox, asking: Mailbox, send: Any, key: str, *, sent: bool) -> Seen:  # noqa: ANN401 - a callable
    """Sends until the plain box has something. `sent` is whether the key is assumed to be sent."""

    def arrives() -> bool:
        send()
        return plain.arrived()

    try:
        until(arrives, "what is sent", _ARRIVES_SECONDS if sent is False else _ARRIVES_SECONDS / 3)
    except TookTooLong:
        return not_observable("nothing arrives, whether or not a key is asked for")
    deadline, came = time.monotonic() + _LATER_SECONDS, asking.arrived()
    while not came and time.monotonic() < deadline:
        came = asking.arrived()
    return same_if(came == sent, f"it names {key}" if came else f"it does not name {key}")


def _boxes(bench: Bench, service: str, condition: Condition, made: ExitStack) -> tuple[Mailbox, Mailbox]:
    """Two topics that admit the service, one of them on a condition; each with a queue."""
    plain, asking = (
        _subscribed(bench, what, _topic(bench, what, {"Service": service, "Condition": asked}, made), {}, made)
        for what, asked in (("plain", {}), ("asking", condition))
    )
    return plain, asking


def _topic(bench: Bench, what: str, admits: dict[str, Any] | None, made: ExitStack) -> str:
    sns = bench.central.client("sns")
    arn = str(sns.create_topic(Name=f"{bench.names.prefix}-{what}")["TopicArn"])
    made.callback(sns.delete_topic, TopicArn=arn)
    if admits:
        policy = _policy(admits["Service"], "sns:Publish", arn, admits["Condition"])
        sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
    return arn


def _subscribed(bench: Bench, what: str, topic: str, condition: Condition, made: ExitStack) -> Mailbox:
    """A new name each time: SQS keeps that of a queue that was deleted for a minute."""
    sqs, sns = bench.central.client("sqs"), bench.central.client("sns")
    name = f"{bench.names.prefix}-{what}-{time.time_ns() % 10**9}"
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    made.callback(sqs.delete_queue, QueueUrl=queue)
    arn = f"arn:aws:sqs:{bench.central.region}:{bench.central.number}:{name}"
    wanted = {**condition, "ArnEquals": {"aws:SourceArn": topic}}
    policy = _policy("sns.amazonaws.com", "sqs:SendMessage", arn, wanted)
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)
    made.callback(sns.unsubscribe, SubscriptionArn=subscription["SubscriptionArn"])
    return Mailbox(bench.central, topic, queue)


def _policy(service: str, action: str, resource: str, condition: Condition) -> str:
    statement: dict[str, Any] = {"Effect": "Allow", "Principal": {"Service": service}, "Action": action}
    statement["Resource"] = resource
    if condition:
        statement["Condition"] = condition
    return _document(statement)


def _document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
