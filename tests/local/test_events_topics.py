"""Topics and queues across accounts: a topic's policy says who subscribes and publishes, a queue's who sends."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.running import RunningServer, allow, wait_until

CENTRAL, CONSUMER, OUTSIDER = "111111111111", "333333333333", "999999999999"
TOPIC = f"arn:aws:sns:us-east-1:{CENTRAL}:mesh-to-{CONSUMER}"


@pytest.fixture(scope="module", autouse=True)
def _topic(server: RunningServer) -> None:
    sns = server.client("sns", CENTRAL)
    sns.create_topic(Name=f"mesh-to-{CONSUMER}")
    statement = {"Effect": "Allow", "Principal": {"AWS": CONSUMER}, "Action": "sns:Subscribe", "Resource": TOPIC}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sns.set_topic_attributes(TopicArn=TOPIC, AttributeName="Policy", AttributeValue=policy)
    server.make_role(CONSUMER, "subscriber", f"arn:aws:iam::{CONSUMER}:root", allow("sns:*", "sqs:*"))
    server.make_role(CONSUMER, "reader", f"arn:aws:iam::{CONSUMER}:root", allow("sqs:*"))
    server.make_role(CENTRAL, "notifier", f"arn:aws:iam::{CENTRAL}:root", allow("sns:Publish", resource=TOPIC))


def make_queue(server: RunningServer, name: str, source: str | None) -> tuple[str, str]:
    sqs = server.client("sqs", CONSUMER)
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{CONSUMER}:{name}"
    if source:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": source}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return url, arn


def subscribe(server: RunningServer, queue_arn: str, account: str = CONSUMER, role: str | None = "subscriber") -> Any:
    sns = server.client("sns", account, role)
    return sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=queue_arn, Attributes={"RawMessageDelivery": "true"})


def publish(server: RunningServer, text: str) -> None:
    server.client("sns", CENTRAL, "notifier").publish(TopicArn=TOPIC, Message=text)


def received(server: RunningServer, url: str) -> list[str]:
    messages = server.client("sqs", CONSUMER).receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
    return [message["Body"] for message in messages.get("Messages", [])]


def test_a_member_subscribes_and_is_notified(server: RunningServer) -> None:
    url, arn = make_queue(server, "inbox", TOPIC)
    subscribe(server, arn)
    publish(server, "updated")
    assert wait_until(lambda: received(server, url)) == ["updated"]


def test_others_may_not_subscribe(server: RunningServer) -> None:
    for account, role in ((OUTSIDER, None), (CONSUMER, "reader")):
        with pytest.raises(ClientError) as caught:
            subscribe(server, f"arn:aws:sqs:us-east-1:{account}:any", account, role)
        assert caught.value.response["Error"]["Code"] in {"AuthorizationError", "AccessDenied", "AccessDeniedException"}


def test_queue_that_does_not_admit_the_topic_gets_nothing(server: RunningServer) -> None:
    closed, closed_arn = make_queue(server, "closed", None)
    other, other_arn = make_queue(server, "other", f"{TOPIC}-other")
    subscribe(server, closed_arn)
    subscribe(server, other_arn)
    url, arn = make_queue(server, "open", TOPIC)
    subscribe(server, arn)
    publish(server, "news")
    assert wait_until(lambda: received(server, url)) == ["news"]
    assert received(server, closed) == received(server, other) == []


def test_what_a_queue_does_not_take_goes_where_the_subscription_says(server: RunningServer) -> None:
    """A refusal is the client's error, which SNS does not repeat: without such a queue the message is gone."""
    closed, closed_arn = make_queue(server, "shut", None)
    dead, dead_arn = make_queue(server, "shut-dead", TOPIC)
    nobody, nobody_arn = make_queue(server, "shut-dead-too", None)
    sns = server.client("sns", CONSUMER, "subscriber")
    for endpoint, target in ((closed_arn, dead_arn), (f"{closed_arn}-gone", dead_arn), (f"{closed_arn}-2", nobody_arn)):
        redrive = json.dumps({"deadLetterTargetArn": target})
        sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=endpoint, Attributes={"RedrivePolicy": redrive})
    publish(server, "kept")

    found: list[str] = []
    assert wait_until(lambda: found.extend(received(server, dead)) or len(found) == 2)
    assert [json.loads(body)["Message"] for body in found] == ["kept", "kept"]
    assert received(server, closed) == received(server, nobody) == []


def test_a_batch_may_only_be_published_by_an_allowed_role(server: RunningServer) -> None:
    """IAM knows sns:Publish alone."""
    url, arn = make_queue(server, "batches", TOPIC)
    subscribe(server, arn)
    entries: Any = [{"Id": str(number), "Message": f"news {number}"} for number in range(2)]
    answer = server.client("sns", CENTRAL, "notifier").publish_batch(TopicArn=TOPIC, PublishBatchRequestEntries=entries)

    assert [each["Id"] for each in answer["Successful"]] == ["0", "1"]
    news: list[str] = []
    assert wait_until(lambda: news.extend(received(server, url)) or len(news) == 2)
    assert sorted(news) == ["news 0", "news 1"]
    server.make_role(CENTRAL, "lister", f"arn:aws:iam::{CENTRAL}:root", allow("sns:ListTopics"))
    with pytest.raises(ClientError, match="not authorized"):
        server.client("sns", CENTRAL, "lister").publish_batch(TopicArn=TOPIC, PublishBatchRequestEntries=entries[:1])


def test_only_the_owner_may_publish(server: RunningServer) -> None:
    with pytest.raises(ClientError, match="not authorized"):
        server.client("sns", CONSUMER, "subscriber").publish(TopicArn=TOPIC, Message="forged")


def test_queue_of_another_account_is_closed_without_its_policy(server: RunningServer) -> None:
    url, _ = make_queue(server, "private", None)
    server.make_role(CENTRAL, "sender", f"arn:aws:iam::{CENTRAL}:root", allow("sqs:*"))
    with pytest.raises(ClientError, match=r"AccessDenied|not authorized|NonExistentQueue"):
        server.client("sqs", CENTRAL, "sender").send_message(QueueUrl=url, MessageBody="x")
