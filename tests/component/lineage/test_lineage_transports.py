"""Transports of lineage: against a server on this machine, botocore's stubber, and S3 and DynamoDB of moto."""

import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from botocore.stub import Stubber
from mesh.adapters.dynamodb.items import Table
from mesh.adapters.dynamodb.lineage import DynamoLineage
from mesh.adapters.lineage_transports import (
    DataZoneTransport,
    FileTransport,
    HttpTransport,
    LineageUndelivered,
    secret,
)
from mesh.domain.contracts.product import Throttled
from mesh.domain.lineage.run_events import encoded, token_of
from mesh.domain.retention import Retention


def event(run: str = "0f5c8a52-54f0-5d5e-9f0a-6a3a3f6f2c11", kind: str = "COMPLETE") -> dict:
    return {"eventType": kind, "eventTime": "2026-11-21T09:30:09Z", "run": {"runId": run}}


@pytest.fixture
def receiver():
    """A server that keeps what it is sent and answers with the statuses it is told to, 201 after those."""
    received, statuses = [], []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, dict(self.headers), json.loads(body)))
            status = statuses.pop(0) if statuses else 201
            self.send_response(status)
            if status == 307:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.received, server.statuses = received, statuses
    yield server
    server.shutdown()
    server.server_close()


def test_http_posts_each_event_with_the_token(receiver):
    transport = HttpTransport(f"http://127.0.0.1:{receiver.server_port}/api/v1/lineage", "s3cret")

    transport.send([event(kind="START"), event()])

    assert [(path, body["eventType"]) for path, _, body in receiver.received] == [
        ("/api/v1/lineage", "START"),
        ("/api/v1/lineage", "COMPLETE"),
    ]
    headers = receiver.received[0][1]
    assert (headers["Authorization"], headers["Content-Type"]) == ("Bearer s3cret", "application/json")


@pytest.mark.parametrize("status", [307, 400, 429, 503])
def test_http_that_does_not_take_an_event_gives_the_order_back(receiver, status):
    receiver.statuses.append(status)
    transport = HttpTransport(f"http://127.0.0.1:{receiver.server_port}/", "s3cret")

    with pytest.raises(LineageUndelivered, match=str(status)) as raised:
        transport.send([event()])

    assert "s3cret" not in str(raised.value)
    assert len(receiver.received) == 1  # no redirect is followed


def test_http_without_an_answer_gives_the_order_back(receiver):
    port = receiver.server_port
    receiver.shutdown()
    receiver.server_close()

    with pytest.raises(LineageUndelivered, match=r"127\.0\.0\.1"):
        HttpTransport(f"http://127.0.0.1:{port}/").send([event()])


@pytest.mark.parametrize("url", ["http://lineage.example.com/", "ftp://127.0.0.1/", "lineage.example.com"])
def test_lineage_does_not_travel_in_clear(url):
    with pytest.raises(ValueError, match="https alone"):
        HttpTransport(url)


@pytest.fixture
def datazone(aws):
    client = boto3.client("datazone")
    with Stubber(client) as stubber:
        yield client, stubber


def test_datazone_takes_each_event_once(datazone):
    client, stubber = datazone
    asked = {"domainIdentifier": "dzd_1234567890abcd", "event": encoded(event()), "clientToken": token_of(event())}
    stubber.add_response("post_lineage_event", {"id": "1"}, asked)
    stubber.add_client_error("post_lineage_event", "ConflictException", expected_params=asked)

    DataZoneTransport(client, "dzd_1234567890abcd").send([event(), event()])

    stubber.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "raised"), [("ThrottlingException", Throttled), ("ResourceNotFoundException", LineageUndelivered)]
)
def test_datazone_that_refuses_gives_the_order_back(datazone, code, raised):
    client, stubber = datazone
    stubber.add_client_error("post_lineage_event", code, "no")

    with pytest.raises(raised, match=code):
        DataZoneTransport(client, "dzd_1234567890abcd").send([event()])


def test_files_are_json_lines_and_a_repeated_order_is_the_same_object(aws):
    s3 = aws("s3")
    s3.create_bucket(Bucket="lineage")
    transport = FileTransport(s3, "lineage")

    for _ in range(2):
        transport.send([event(kind="START"), event()])
    transport.send([])

    [item] = s3.list_objects_v2(Bucket="lineage")["Contents"]
    assert item["Key"].startswith("lineage/dt=2026-11-21/")
    lines = s3.get_object(Bucket="lineage", Key=item["Key"])["Body"].read().splitlines()
    assert [json.loads(line) for line in lines] == [event(kind="START"), event()]


def test_the_log_keeps_each_event_once_and_for_so_many_days(table):
    kept = Retention(history=timedelta(days=2))
    log = DynamoLineage(Table(table.client, table.name, kept, now=table.now))

    for kind in ("START", "COMPLETE", "COMPLETE"):
        log.put("loans", event(kind=kind))

    assert [one["eventType"] for one in log.events("loans")] == ["COMPLETE", "START"]
    [item, _] = table.query("LINEAGE#loans")
    assert item["expires"] == 1_795_426_209
    assert list(log.events("other")) == []


def test_a_secret_is_read_as_text(aws):
    client = aws("secretsmanager")
    arn = client.create_secret(Name="lineage", SecretString="token\n")["ARN"]

    assert secret(client, arn) == "token"
