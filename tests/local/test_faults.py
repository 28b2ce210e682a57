"""Each kind of fault does what it says, as often as it says."""

import time
import urllib.error
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


def test_delay(server: RunningServer) -> None:
    s3 = server.client("s3", ACCOUNT)
    inject(server, "delay", "s3", "ListAllMyBuckets", seconds=0.5)
    started = time.monotonic()
    s3.list_buckets()
    assert time.monotonic() - started >= 0.5


def test_bad_rules_are_refused(server: RunningServer) -> None:
    for rule in ({"kind": "melt", "service": "s3"}, {"kind": "delay"}, {"kind": "delay", "service": "s3", "count": 0}):
        with pytest.raises(urllib.error.HTTPError) as caught:
            server.control("POST", "/_mesh/faults", rule)
        assert caught.value.code == 400


def test_a_fault_is_used_up() -> None:
    faults.clear()
    faults.add({"kind": "throttle", "service": "glue", "action": "Start*", "count": 2})
    assert faults.take("throttle", "glue", "GetCrawler") is None
    assert faults.take("delay", "glue", "StartCrawler") is None
    assert all(faults.take("throttle", "glue", "StartCrawler") for _ in range(2))
    assert faults.take("throttle", "glue", "StartCrawler") is None
    assert faults.pending() == []
