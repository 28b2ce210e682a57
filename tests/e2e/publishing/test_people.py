"""People hear of a version by mail or chat: the topic that their account's rule publishes to."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.accounts import ACCOUNTS, REGION
from tests.mesh_driver import MeshDriver

PRODUCT = "people-cards"
MEMBERS = ("producer", "consumer")
EVENTBRIDGE = {"Service": "events.amazonaws.com"}


@pytest.fixture(scope="module")
def mailboxes(deployed_mesh: MeshDriver) -> Iterator[dict[str, str]]:
    """Account → the URL of a queue that is subscribed to the topic of its people."""
    mesh, urls = deployed_mesh, {}
    for account in MEMBERS:
        sqs, topic = mesh.client(account, "sqs"), mesh.output(account, "PeopleTopicArn")
        urls[account] = sqs.create_queue(QueueName=PRODUCT)["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNTS[account]}:{PRODUCT}"
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sqs.set_queue_attributes(QueueUrl=urls[account], Attributes={"Policy": policy})
        attributes = {"RawMessageDelivery": "true"}
        mesh.client(account, "sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
    yield urls
    for account, url in urls.items():
        mesh.client(account, "sqs").delete_queue(QueueUrl=url)


def test_a_version_reaches_the_people_of_owner_and_subscriber(mesh: MeshDriver, mailboxes: dict[str, str]) -> None:
    mesh.prepare(PRODUCT)
    mesh.subscribe(PRODUCT)
    mesh.upload(PRODUCT, {f"{PRODUCT}/data/t1/a.csv": "id\n1\n"})
    for account in MEMBERS:
        mesh.until(lambda account=account: _versions(mesh, account, mailboxes[account]), f"mail in {account}")


@pytest.mark.parametrize("account", MEMBERS)
@pytest.mark.parametrize("by_a_role", [False, True])
def test_a_rule_of_another_account_reaches_nobody(
    mesh: MeshDriver, mailboxes: dict[str, str], account: str, *, by_a_role: bool
) -> None:
    """A topic's name is no secret: central's own account tries, as EventBridge itself and in a role that may publish
    wherever it is let in."""
    name, topic = f"intruder-{account}-{by_a_role}".lower(), mesh.output(account, "PeopleTopicArn")
    sqs, events, central = mesh.client("central", "sqs"), mesh.client("central", "events"), ACCOUNTS["central"]
    url, dead = sqs.create_queue(QueueName=name)["QueueUrl"], f"arn:aws:sqs:{REGION}:{central}:{name}"
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": _allow("sqs:SendMessage", dead, EVENTBRIDGE)})
    target = {"Id": "people", "Arn": topic, "DeadLetterConfig": {"Arn": dead}}
    if by_a_role:
        target["RoleArn"] = _publisher(mesh, name)
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[target])

    events.put_events(Entries=[{"Source": name, "DetailType": "ProductUpdated", "Detail": "{}"}])

    received = mesh.until(lambda: _received(mesh, "central", url), f"what {topic} refused")
    assert received[0]["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    assert [mail for mail in _received(mesh, account, mailboxes[account]) if name in mail["Body"]] == []


def _publisher(mesh: MeshDriver, name: str) -> str:
    """A role of central's that EventBridge may assume, and that may publish anywhere, under any key."""
    iam = mesh.client("central", "iam")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_allow("sts:AssumeRole", "", EVENTBRIDGE))["Role"]
    for action in ("sns:Publish", "kms:*"):
        iam.put_role_policy(RoleName=name, PolicyName=action[:3], PolicyDocument=_allow(action, "*"))
    return str(role["Arn"])


def _allow(action: str, resource: str, principal: dict[str, str] | None = None) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, "Principal": principal}
    return json.dumps({"Version": "2012-10-17", "Statement": [{key: each for key, each in statement.items() if each}]})


def _received(mesh: MeshDriver, account: str, url: str) -> list[dict[str, Any]]:
    sqs = mesh.client(account, "sqs")
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
    return list(answer.get("Messages", ()))


def _versions(mesh: MeshDriver, account: str, url: str) -> bool:
    """Whether a new version of the product is among the mail."""
    events = [json.loads(message["Body"]) for message in _received(mesh, account, url)]
    return any(
        event["detail-type"] == "ProductUpdated" and event["detail"]["data"]["product"] == PRODUCT for event in events
    )
