"""What a verification's checks make, and a run that was killed leaves behind, goes by its prefix; nothing else does."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tools.verify_aws.accounts import Account
from tools.verify_aws.inventory import listed
from tools.verify_aws.names import Names
from tools.verify_aws.removal import delete_what_checks_made

OTHERS = "keep-me"


class MotoAccount(Account):
    """Reached without a profile."""

    def client(self, service: str, role: str = "") -> Any:
        return boto3.client(service, "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws():
        yield MotoAccount("central", "profile", "123456789012", "us-east-1", "arn:aws:iam::123456789012:role/Admin")


def make(account: Account, name: str) -> None:
    events, sqs, sns = (account.client(service) for service in ("events", "sqs", "sns"))
    events.create_event_bus(Name=f"{name}-bus")
    events.put_rule(Name=f"{name}-rule", EventPattern=json.dumps({"source": [name]}))
    topic = sns.create_topic(Name=f"{name}-topic")["TopicArn"]
    events.put_targets(Rule=f"{name}-rule", Targets=[{"Id": "one", "Arn": topic}])
    sqs.create_queue(QueueName=f"{name}-queue")
    account.client("cloudwatch").put_metric_alarm(
        AlarmName=f"{name}-alarm", Namespace="n", MetricName="m", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    iam = account.client("iam")
    iam.create_role(RoleName=f"{name}-role", AssumeRolePolicyDocument="{}")
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sns:Publish", "Resource": topic}]}
    iam.put_role_policy(RoleName=f"{name}-role", PolicyName="publish", PolicyDocument=json.dumps(allow))


def test_what_checks_made_goes_by_the_prefix(account: Account):
    for name in ("verify-me", OTHERS):
        make(account, name)

    delete_what_checks_made(account, Names("verify-me"))

    kinds = ("buses", "rules", "queues", "topics", "alarms", "roles")
    left = [name for kind in kinds for name in listed(account, kind) if "-" in name.rsplit(":", 1)[-1]]
    assert len(left) == len(kinds)
    assert all(OTHERS in name for name in left)
