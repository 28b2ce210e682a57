"""People hear of a version by mail or chat: the topic that their account's rule publishes to."""

import json
from collections.abc import Iterator

import pytest

from local.accounts import ACCOUNTS, REGION
from tests.mesh_driver import MeshDriver

PRODUCT = "people-cards"
MEMBERS = ("producer", "consumer")


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


def _versions(mesh: MeshDriver, account: str, url: str) -> bool:
    """Whether a new version of the product is among the mail."""
    messages = mesh.client(account, "sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    events = [json.loads(message["Body"]) for message in messages]
    return any(
        event["detail-type"] == "ProductUpdated" and event["detail"]["data"]["product"] == PRODUCT for event in events
    )
