"""Each kind of fault does what it says, as often as it says."""

import json
import time
import urllib.error
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from local import faults
from tests.local.running import RunningServer

ACCOUNT = "333333333333"


@pytest.fixture(autouse=True, scope="module")
def _bucket(server: RunningServer) -> None:
    server.client("s3", ACCOUNT).create_bucket(Bucket="faulty")
    server.client("sqs", ACCOUNT).create_queue(QueueName="faulty")


def inject(server: RunningServer, kind: str, service: str, action: str, **more: Any) -> None:
    server.control("POST", "/_mesh/faults", {"kind": kind, "service": service, "action": action, **more})


@pytest.mark.parametrize(
    ("service", "action", "call"),
    [
        ("dynamodb", "ListTables", lambda client: client.list_tables()),
        ("sns", "ListTopics", lambda client: client.list_topics()),
        ("s3", "ListAllMyBuckets", lambda client: client.list_buckets()),
        ("lambda", "ListFunctions", lambda client: client.list_functions()),
    ],
)
def test_throttle_in_each_protocol(server: RunningServer, service: str, action: str, call: Any) -> None:
    client = server.client(service, ACCOUNT)
    inject(server, "throttle", service, action, code="Throttling", message="Rate exceeded", account=ACCOUNT)
    with pytest.raises(ClientError) as caught:
        call(client)
    assert caught.value.response["Error"]["Code"] == "Throttling"
    assert caught.value.response["Error"]["Message"] == "Rate exceeded"
    call(client)


def test_another_account_is_spared(server: RunningServer) -> None:
    inject(server, "throttle", "s3", "*", account="111111111111")
    server.client("s3", ACCOUNT).list_buckets()
    assert len(server.control("GET", "/_mesh/faults")["faults"]) == 1


def test_error_after_effect(server: RunningServer) -> None:
    s3 = server.client("s3", ACCOUNT)
    inject(server, "error_after_effect", "s3", "PutObject", code="InternalError")
    with pytest.raises(ClientError, match="InternalError"):
        s3.put_object(Bucket="faulty", Key="effect", Body=b"done")
    assert s3.get_object(Bucket="faulty", Key="effect")["Body"].read() == b"done"


def test_lost_answer(server: RunningServer) -> None:
    sqs = server.client("sqs", ACCOUNT)
    url = sqs.get_queue_url(QueueName="faulty")["QueueUrl"]
    inject(server, "lost_answer", "sqs", "SendMessage")
    with pytest.raises((BotoCoreError, ClientError)):
        sqs.send_message(QueueUrl=url, MessageBody="arrived")
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "arrived"


def test_a_lost_answer_that_has_no_body(server: RunningServer) -> None:
    """HEAD: half an answer would be a whole one, without the headers that it should have."""
    s3 = server.client("s3", ACCOUNT)
    s3.put_object(Bucket="faulty", Key="headed", Body=b"there")
    inject(server, "lost_answer", "s3", "GetObject")
    with pytest.raises(BotoCoreError):
        s3.head_object(Bucket="faulty", Key="headed")
    assert s3.head_object(Bucket="faulty", Key="headed")["ContentLength"] == 5


def test_delay(server: RunningServer) -> None:
    s3 = server.client("s3", ACCOUNT)
    inject(server, "delay", "s3", "ListAllMyBuckets", seconds=0.5)
    started = time.monotonic()
    s3.list_buckets()
    assert time.monotonic() - started >= 0.5


def test_bad_rules_are_refused(server: RunningServer) -> None:
    for rule in (
        {"kind": "melt", "service": "s3"},
        {"kind": "delay"},
        {"kind": "delay", "service": "s3", "count": 0},
        {"kind": "delay", "service": "s3", "after": -1},
    ):
        with pytest.raises(urllib.error.HTTPError) as caught:
            server.control("POST", "/_mesh/faults", rule)
        assert caught.value.code == 400


def test_a_fault_is_used_up() -> None:
    faults.clear()
    faults.add({"kind": "throttle", "service": "glue", "action": "Start*", "count": 2})
    assert faults.take("throttle", faults.Where("glue", "GetCrawler")) is None
    assert faults.take("delay", faults.Where("glue", "StartCrawler")) is None
    assert all(faults.take("throttle", faults.Where("glue", "StartCrawler")) for _ in range(2))
    assert faults.take("throttle", faults.Where("glue", "StartCrawler")) is None
    assert faults.pending() == []


def test_a_fault_strikes_the_conditional_calls_of_a_role_after_some() -> None:
    faults.clear()
    rule = {"kind": "lost_answer", "service": "dynamodb", "principal": "*/taker", "conditional": True, "after": 2}
    faults.add(rule)
    put = faults.Where("dynamodb", "PutItem", principal="arn:aws:iam::333333333333:role/taker", conditional=True)
    others = (put._replace(conditional=False), put._replace(principal="arn:aws:iam::333333333333:role/other"))
    assert [bool(faults.take("lost_answer", where)) for where in (put, *others, put, *others, put, put)] == (
        [False] * 6 + [True, False]
    )


TAGS = {"product": ["cards", "loans"]}


def lake(server: RunningServer) -> Any:
    """Lake Formation with LF-Tags to grant, and a database to tag."""
    client = server.client("lakeformation", ACCOUNT)
    existing = {tag["TagKey"] for tag in client.list_lf_tags()["LFTags"]}
    if "product" not in existing:
        client.create_lf_tag(TagKey="product", TagValues=TAGS["product"])
        client.create_lf_tag(TagKey="pii", TagValues=["none"])
        server.client("glue", ACCOUNT).create_database(DatabaseInput={"Name": "faulty"})
    return client


def entries(role_arn: str, count: int) -> list[dict[str, Any]]:
    resource = {"LFTag": {"TagKey": "product", "TagValues": ["cards"]}}
    principal = {"DataLakePrincipalIdentifier": role_arn}
    entry = {"Principal": principal, "Resource": resource, "Permissions": ["DESCRIBE"]}
    return [entry | {"Id": str(number)} for number in range(count)]


def test_an_entry_of_a_batch_fails_with_http_200(server: RunningServer) -> None:
    client = lake(server)
    batch = entries(server.make_role(ACCOUNT, "granted-in-batches", "lambda.amazonaws.com"), 3)
    batch[1]["Resource"] = {"LFTag": {"TagKey": "product", "TagValues": ["loans"]}}
    inject(server, "batch_failure", "lakeformation", "BatchGrantPermissions", code="InternalServiceException")
    failures = client.batch_grant_permissions(Entries=[batch[1], batch[0]])["Failures"]
    assert [(f["RequestEntry"]["Id"], f["Error"]["ErrorCode"]) for f in failures] == [("1", "InternalServiceException")]
    listed = client.list_permissions(Principal=batch[0]["Principal"])["PrincipalResourcePermissions"]
    assert [each["Resource"]["LFTag"]["TagValues"] for each in listed] == [["cards"]]
    inject(server, "batch_failure", "lakeformation", "BatchRevokePermissions")
    failures = client.batch_revoke_permissions(Entries=[batch[0]])["Failures"]
    assert failures[0]["Error"]["ErrorCode"] == "ConcurrentModificationException"
    assert client.list_permissions(Principal=batch[0]["Principal"])["PrincipalResourcePermissions"] == listed


def test_tagging_fails_by_the_tag(server: RunningServer) -> None:
    client = lake(server)
    tags = [{"TagKey": "product", "TagValues": ["cards"]}, {"TagKey": "pii", "TagValues": ["none"]}]
    database = {"Database": {"Name": "faulty"}}
    inject(server, "batch_failure", "lakeformation", "AddLFTagsToResource")
    (failure,) = client.add_lf_tags_to_resource(Resource=database, LFTags=tags)["Failures"]
    assert (failure["LFTag"]["TagKey"], failure["Error"]["ErrorCode"]) == ("product", "ConcurrentModificationException")
    assigned = client.get_resource_lf_tags(Resource=database)["LFTagOnDatabase"]
    assert [tag["TagKey"] for tag in assigned] == ["pii"]
    inject(server, "batch_failure", "lakeformation", "RemoveLFTagsFromResource")
    assert len(client.remove_lf_tags_from_resource(Resource=database, LFTags=tags[1:])["Failures"]) == 1
    assert client.remove_lf_tags_from_resource(Resource=database, LFTags=tags[1:])["Failures"] == []


def test_faults_at_random_repeat(server: RunningServer) -> None:
    client = lake(server)
    batch = entries(server.make_role(ACCOUNT, "granted-at-random", "lambda.amazonaws.com"), 20)
    at_random = {"probability": 0.4, "seed": 7, "count": 1000}

    def failed() -> list[str]:
        server.control("DELETE", "/_mesh/faults")
        inject(server, "batch_failure", "lakeformation", "BatchGrantPermissions", **at_random)
        return [f["RequestEntry"]["Id"] for f in client.batch_grant_permissions(Entries=batch)["Failures"]]

    first = failed()
    assert 0 < len(first) < 20
    assert failed() == first
    assert server.control("GET", "/_mesh/faults")["faults"][0]["count"] == 1000 - len(first)


def test_a_call_fails_at_random_too(server: RunningServer) -> None:
    client = lake(server)
    conflict = {"code": "ConcurrentModificationException", "probability": 0.5, "seed": 1, "count": 1000}
    inject(server, "throttle", "lakeformation", "ListLFTags", **conflict)
    outcomes = set()
    for _ in range(30):
        try:
            client.list_lf_tags()
            outcomes.add("")
        except ClientError as error:
            outcomes.add(error.response["Error"]["Code"])
    assert outcomes == {"", "ConcurrentModificationException"}


@pytest.mark.parametrize("probability", [0, 1.5, -1])
def test_probabilities_are_probabilities(probability: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        faults.add({"kind": "throttle", "service": "s3", "probability": probability})


# --- aimed at one subject -------------------------------------------------------------------------------------------


@pytest.fixture
def subjects(server: RunningServer) -> Iterator[None]:
    """Names like `swp-a-1` are what calls are about."""
    server.control("POST", "/_mesh/subjects", {"pattern": "swp-[a-z]-[0-9]"})
    yield
    server.control("POST", "/_mesh/subjects", {"pattern": ""})
    server.control("DELETE", "/_mesh/faults")


@pytest.mark.usefixtures("subjects")
def test_a_fault_strikes_the_calls_about_its_subject(server: RunningServer) -> None:
    s3 = server.client("s3", ACCOUNT)
    inject(server, "throttle", "s3", "PutObject", code="SlowDown", status=503, subject="swp-a-1 swp-b-2")
    s3.put_object(Bucket="faulty", Key="swp-c-3/x", Body=b"")
    with pytest.raises(ClientError, match="SlowDown"):
        s3.put_object(Bucket="faulty", Key="other", Body=b"about swp-b-2")
    s3.put_object(Bucket="faulty", Key="swp-a-1/x", Body=b"")
    s3.list_objects_v2(Bucket="faulty", Prefix="swp-b-2")
    subjects = [call["subjects"] for call in server.control("GET", "/_mesh/record")["calls"]]
    assert subjects[-4:] == [["swp-c-3"], ["swp-b-2"], ["swp-a-1"], ["swp-b-2"]]


def test_a_pattern_that_is_none_is_refused(server: RunningServer) -> None:
    with pytest.raises(urllib.error.HTTPError):
        server.control("POST", "/_mesh/subjects", {"pattern": "("})


# --- who calls dies -------------------------------------------------------------------------------------------------

WRITER = """
import boto3
def handler(event, context):
    boto3.client("s3").put_object(Bucket="faulty", Key="written/" + event["key"], Body=b"")
    return "written"
"""


@pytest.mark.usefixtures("subjects")
@pytest.mark.parametrize(("kind", "written"), [("crash_before", False), ("crash_after", True)])
def test_the_function_that_calls_dies_before_the_call_or_after_it(
    server: RunningServer, kind: str, written: bool
) -> None:
    role = server.make_role(
        ACCOUNT, f"writer-{kind}", "lambda.amazonaws.com", {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    )
    name = server.make_function(ACCOUNT, f"writer-{kind}", WRITER, role)
    client, key = server.client("lambda", ACCOUNT), f"{kind}.txt"
    inject(server, kind, "s3", "PutObject", subject="swp-a-1")
    event = json.dumps({"about": "swp-a-1", "key": key}).encode()
    failed = client.invoke(FunctionName=name, Payload=event)
    assert json.loads(failed["Payload"].read())["errorType"] == "Runtime.ExitError"
    found = server.client("s3", ACCOUNT).list_objects_v2(Bucket="faulty", Prefix=f"written/{key}").get("Contents", [])
    assert bool(found) is written
    assert json.loads(client.invoke(FunctionName=name, Payload=event)["Payload"].read()) == "written"
    assert server.control("GET", "/_mesh/faults")["faults"] == []


def test_nobody_dies_of_a_persons_call(server: RunningServer) -> None:
    inject(server, "crash_before", "s3", "ListAllMyBuckets")
    server.client("s3", ACCOUNT).list_buckets()
    assert len(server.control("GET", "/_mesh/faults")["faults"]) == 1
    server.control("DELETE", "/_mesh/faults")


# --- other batches --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2])
def test_the_last_event_is_not_put(server: RunningServer, count: int) -> None:
    inject(server, "batch_failure", "events", "PutEvents", code="ThrottlingException")
    entry = {"Source": "test", "DetailType": "Test", "Detail": "{}"}
    answer = server.client("events", ACCOUNT).put_events(Entries=[entry] * count)
    assert answer["FailedEntryCount"] == 1
    codes = [each.get("ErrorCode") for each in answer["Entries"]]
    assert codes == [None] * (count - 1) + ["ThrottlingException"]


@pytest.mark.parametrize("count", [1, 2])
def test_the_last_message_is_not_published(server: RunningServer, count: int) -> None:
    sns = server.client("sns", ACCOUNT)
    topic = sns.create_topic(Name="faulty")["TopicArn"]
    inject(server, "batch_failure", "sns", "Publish")
    sns.publish(TopicArn=topic, Message="alone")
    entries = [{"Id": str(number), "Message": "m"} for number in range(count)]
    answer = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert [each["Id"] for each in answer["Successful"]] == [str(number) for number in range(count - 1)]
    [failed] = answer["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == (str(count - 1), "InternalError", False)


@pytest.mark.parametrize("count", [1, 2])
def test_the_last_key_stays_unprocessed(server: RunningServer, count: int) -> None:
    dynamodb, name = server.client("dynamodb", ACCOUNT), f"faulty-{count}"
    dynamodb.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    )  # fmt: skip
    keys = [{"pk": {"S": str(number)}} for number in range(count)]
    for key in keys:
        dynamodb.put_item(TableName=name, Item=key)
    inject(server, "batch_failure", "dynamodb", "BatchGetItem")
    wanted = {name: {"Keys": keys, "ConsistentRead": True}}
    answer = dynamodb.batch_get_item(RequestItems=wanted)
    assert len(answer["Responses"].get(name, [])) == count - 1
    left = answer["UnprocessedKeys"]
    assert left == {name: {"Keys": keys[-1:], "ConsistentRead": True}}
    assert dynamodb.batch_get_item(RequestItems=left)["Responses"][name] == keys[-1:]


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("quiet", [True, False])
def test_the_last_object_is_not_deleted(server: RunningServer, count: int, quiet: bool) -> None:
    s3, bucket = server.client("s3", ACCOUNT), f"faulty-{count}-{quiet}".lower()
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    going = [
        {"Key": f"{number}.csv", "VersionId": s3.put_object(Bucket=bucket, Key=f"{number}.csv")["VersionId"]}
        for number in range(count)
    ]
    inject(server, "batch_failure", "s3", "DeleteObject")

    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": going, "Quiet": quiet})

    assert answer["Errors"] == [{**going[-1], "Code": "InternalError", "Message": "injected fault"}]
    assert [each["Key"] for each in answer.get("Deleted", ())] == [each["Key"] for each in going[:-1] if not quiet]
    left = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert [(each["Key"], each["VersionId"]) for each in left] == [tuple(going[-1].values())]
