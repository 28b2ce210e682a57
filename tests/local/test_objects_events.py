"""S3's events of writes and deletions as EventBridge gets them, and objects that expire."""

import json
from collections.abc import Iterator
from functools import partial

import pytest

from tests.local.running import RunningServer, running_server, wait_until

PRODUCER = "222222222222"
DAY = 86_400


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Of these tests alone: time is skipped on it."""
    with running_server(tmp_path_factory.mktemp("objects")) as running:
        yield running


@pytest.fixture(scope="module")
def queue(server: RunningServer):
    """The queue that gets every event of S3."""
    sqs, events = server.client("sqs", PRODUCER), server.client("events", PRODUCER)
    url = sqs.create_queue(QueueName="objects", Attributes={"MessageRetentionPeriod": "1209600"})["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{PRODUCER}:objects"
    lets = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [lets]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    events.put_rule(Name="objects", EventPattern=json.dumps({"source": ["aws.s3"]}))
    assert events.put_targets(Rule="objects", Targets=[{"Id": "q", "Arn": arn}])["FailedEntryCount"] == 0
    return url


def bucket(server, name, *, versioned):
    s3 = server.client("s3", PRODUCER)
    s3.create_bucket(Bucket=name)
    s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}}, SkipDestinationValidation=True
    )
    if versioned:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return s3


def events_of(server, queue, name, number):
    """That many events of the bucket, in the order of their sequencers."""
    sqs, found = server.client("sqs", PRODUCER), []

    def enough():
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            event = json.loads(message["Body"])
            if event["detail"]["bucket"]["name"] == name:
                found.append(event)
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return len(found) >= number

    wait_until(enough)
    assert len(found) == number
    return sorted(found, key=lambda event: event["detail"]["object"]["sequencer"])


def summary(event):
    detail = event["detail"]
    return event["detail-type"], detail["reason"], detail.get("deletion-type"), detail["object"].get("version-id")


def test_deletions_in_a_versioned_bucket(server, queue):
    s3 = bucket(server, "deleted-versions", versioned=True)
    there = {"Bucket": "deleted-versions", "Key": "a b/ü.csv"}
    first = s3.put_object(**there, Body=b"1")["VersionId"]
    marker = s3.delete_object(**there)["VersionId"]
    s3.delete_object(**there, VersionId=marker)
    s3.delete_object(**there, VersionId=first)
    found = events_of(server, queue, "deleted-versions", 4)
    assert [summary(event) for event in found] == [
        ("Object Created", "PutObject", None, first),
        ("Object Deleted", "DeleteObject", "Delete Marker Created", marker),
        ("Object Deleted", "DeleteObject", "Permanently Deleted", marker),
        ("Object Deleted", "DeleteObject", "Permanently Deleted", first),
    ]
    assert {event["detail"]["object"]["key"] for event in found} == {"a b/ü.csv"}


def test_the_content_of_a_deletion_event(server, queue):
    s3 = bucket(server, "deleted-plain", versioned=False)
    s3.put_object(Bucket="deleted-plain", Key="a", Body=b"1")
    s3.delete_object(Bucket="deleted-plain", Key="a")
    created, deleted = events_of(server, queue, "deleted-plain", 2)
    assert created["detail"]["object"]["size"] == 1
    assert (deleted["source"], deleted["account"]) == ("aws.s3", PRODUCER)
    assert deleted["resources"] == ["arn:aws:s3:::deleted-plain"]
    detail = deleted["detail"]
    assert detail["object"].keys() == {"key", "etag", "sequencer"}
    assert detail["object"]["etag"] == "d41d8cd98f00b204e9800998ecf8427e"
    assert (detail["version"], detail["requester"], detail["source-ip-address"]) == ("0", PRODUCER, "127.0.0.1")
    assert summary(deleted) == ("Object Deleted", "DeleteObject", "Permanently Deleted", None)


def test_every_object_of_a_batch_has_its_event(server, queue):
    s3 = bucket(server, "deleted-batch", versioned=True)
    versions = {key: s3.put_object(Bucket="deleted-batch", Key=key, Body=b"1")["VersionId"] for key in "abc"}
    entries = [{"Key": "a"}, {"Key": "b", "VersionId": versions["b"]}]
    answer = s3.delete_objects(Bucket="deleted-batch", Delete={"Objects": entries})
    assert "Errors" not in answer
    found = events_of(server, queue, "deleted-batch", 5)[3:]
    assert [(event["detail"]["object"]["key"], event["detail"]["deletion-type"]) for event in found] == [
        ("a", "Delete Marker Created"),
        ("b", "Permanently Deleted"),
    ]


def test_sequencers_of_a_key_grow_across_writes_and_deletions(server, queue):
    s3 = bucket(server, "sequenced", versioned=True)
    for number in range(5):
        s3.put_object(Bucket="sequenced", Key="k", Body=b"x" * number)
        s3.delete_object(Bucket="sequenced", Key="k")
    found = events_of(server, queue, "sequenced", 10)
    assert [event["detail-type"] for event in found] == ["Object Created", "Object Deleted"] * 5
    assert [event["detail"]["object"]["size"] for event in found[::2]] == [0, 1, 2, 3, 4]
    assert len({len(event["detail"]["object"]["sequencer"]) for event in found}) == 1


@pytest.fixture
def expiring(server):
    """(client, name) of a bucket whose objects below `card/data/` and with the tag `keep=no` expire after ten days."""
    made = []

    def make(name, *, versioned):
        s3 = bucket(server, name, versioned=versioned)
        rules = [
            {"ID": "landing", "Status": "Enabled", "Filter": {"Prefix": "card/data/"}, "Expiration": {"Days": 10}},
            {
                "ID": "tagged",
                "Status": "Enabled",
                "Filter": {"Tag": {"Key": "keep", "Value": "no"}},
                "Expiration": {"Days": 10},
            },
            {"ID": "off", "Status": "Disabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}},
        ]
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
        made.append(partial(s3.delete_bucket_lifecycle, Bucket=name))
        return s3

    yield make
    for undo in made:
        undo()


def keys(s3, name):
    return [each["Key"] for each in s3.list_objects_v2(Bucket=name).get("Contents", [])]


def test_expiry_adds_a_marker_and_sends_a_lifecycle_event(server, queue, expiring):
    s3 = expiring("expiring", versioned=True)
    version = s3.put_object(Bucket="expiring", Key="card/data/t/a.csv", Body=b"1")["VersionId"]
    s3.put_object(Bucket="expiring", Key="card/published/t/x", Body=b"1")
    s3.put_object(Bucket="expiring", Key="tagged", Body=b"1", Tagging="keep=no")
    s3.put_object(Bucket="expiring", Key="otherwise", Body=b"1", Tagging="keep=yes")
    server.control("POST", "/_mesh/clock", {"skip": 9 * DAY})
    assert len(keys(s3, "expiring")) == 4
    s3.put_object(Bucket="expiring", Key="card/data/t/later.csv", Body=b"1")
    server.control("POST", "/_mesh/clock", {"skip": 2 * DAY})
    assert keys(s3, "expiring") == ["card/data/t/later.csv", "card/published/t/x", "otherwise"]
    found = events_of(server, queue, "expiring", 7)[5:]
    assert {event["detail"]["object"]["key"] for event in found} == {"card/data/t/a.csv", "tagged"}
    for event in found:
        assert summary(event)[:3] == ("Object Deleted", "Lifecycle Expiration", "Delete Marker Created")
        assert event["detail"]["requester"] == "s3.amazonaws.com"
        assert "source-ip-address" not in event["detail"]
    body = s3.get_object(Bucket="expiring", Key="card/data/t/a.csv", VersionId=version)["Body"].read()
    assert body == b"1"


def test_without_versions_what_expires_is_gone(server, queue, expiring):
    s3 = expiring("expiring-plain", versioned=False)
    s3.put_object(Bucket="expiring-plain", Key="card/data/t/a.csv", Body=b"1")
    server.control("POST", "/_mesh/clock", {"skip": 10 * DAY})
    _, deleted = events_of(server, queue, "expiring-plain", 2)
    assert summary(deleted) == ("Object Deleted", "Lifecycle Expiration", "Permanently Deleted", None)
    assert keys(s3, "expiring-plain") == []


def test_the_rules_of_a_template_are_the_buckets(server):
    rules = [
        {"Id": "old", "Status": "Enabled", "Prefix": "card/data/", "ExpirationInDays": 10},
        {"Id": "uploads", "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
    ]
    properties = {"BucketName": "templated", "LifecycleConfiguration": {"Rules": rules}}
    template = {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties}}}
    stacks, s3 = server.client("cloudformation", PRODUCER), server.client("s3", PRODUCER)
    stacks.create_stack(StackName="templated", TemplateBody=json.dumps(template))
    done = ("CREATE_COMPLETE", "CREATE_FAILED", "ROLLBACK_COMPLETE")
    wait_until(lambda: stacks.describe_stacks(StackName="templated")["Stacks"][0]["StackStatus"] in done)
    found = s3.get_bucket_lifecycle_configuration(Bucket="templated")["Rules"]
    assert [(rule["ID"], rule.get("Expiration", {}).get("Days")) for rule in found] == [("old", 10), ("uploads", None)]
    for key in ("card/data/x", "card/published/x"):
        s3.put_object(Bucket="templated", Key=key, Body=b"1")
    server.control("POST", "/_mesh/clock", {"skip": 10 * DAY})
    assert keys(s3, "templated") == ["card/published/x"]
