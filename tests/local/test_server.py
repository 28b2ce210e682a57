"""The server itself: its address, its record, its shutdown."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from local import account_bootstrap, runtime
from local.accounts import ACCOUNTS
from local.server import configuration
from tests.local.running import ROOT, RunningServer, allow, running_server

ACCOUNT = "222222222222"


def test_listens_on_the_loopback_alone(server: RunningServer) -> None:
    port = int(server.endpoint.rsplit(":", 1)[1])
    listening = Path("/proc/net/tcp").read_text().splitlines()[1:]
    addresses = {line.split()[1].split(":")[0] for line in listening if line.split()[1].endswith(f":{port:04X}")}
    assert addresses == {"0100007F"}


def test_a_taken_port_is_said_and_exits_with_one(server: RunningServer, tmp_path: Path) -> None:
    port = server.endpoint.rsplit(":", 1)[1]
    command = [sys.executable, "-m", "local.server", "--port", port, "--state-dir", str(tmp_path)]
    command += ["--runtime-python", str(runtime.ensure(ROOT))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert not (tmp_path / "ready.json").exists()


def test_an_idle_connection_is_the_clients_to_close() -> None:
    """Clients that try once lose a call that is under way when the server closes: a test run may idle for an hour."""
    assert configuration(None).timeout_keep_alive > 60 * 60


def test_two_servers_know_nothing_of_each_other(server: RunningServer, tmp_path: Path) -> None:
    with running_server(tmp_path) as second:
        server.client("sqs", ACCOUNT).create_queue(QueueName="only-here")
        assert not second.client("sqs", ACCOUNT).list_queues().get("QueueUrls")
        marker = json.loads((tmp_path / "ready.json").read_text())
        assert marker["endpoint"] == second.endpoint
    assert not (tmp_path / "ready.json").exists()
    assert second.process.returncode == 0


def test_ends_with_its_parent(tmp_path: Path) -> None:
    with running_server(tmp_path) as doomed:
        assert doomed.process.stdin is not None
        doomed.process.stdin.close()
        assert doomed.process.wait(timeout=10) == 0


def test_unsigned_and_unknown_callers_are_refused(server: RunningServer) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{server.endpoint}/?Action=ListUsers&Version=2010-05-08")
    assert caught.value.code == 403
    stranger = boto3.Session("AKIAIOSFODNN7EXAMPLE", "wrong", region_name="us-east-1")
    with pytest.raises(ClientError, match="security token"):
        stranger.client("sts", endpoint_url=server.endpoint).get_caller_identity()


def test_record_names_role_action_resource_and_bytes(server: RunningServer) -> None:
    s3 = server.client("s3", ACCOUNT)
    s3.create_bucket(Bucket="recorded")
    s3.put_object(Bucket="recorded", Key="data/x.csv", Body=b"x" * 1000)
    server.make_role(
        ACCOUNT, "ranger", f"arn:aws:iam::{ACCOUNT}:root", allow("s3:GetObject", resource="arn:aws:s3:::recorded/*")
    )
    since = time.time()
    reader = server.client("s3", ACCOUNT, "ranger")
    reader.get_object(Bucket="recorded", Key="data/x.csv", Range="bytes=0-99")["Body"].read()
    with pytest.raises(ClientError):
        reader.put_object(Bucket="recorded", Key="data/y.csv", Body=b"12345")
    calls = server.control("GET", f"/_mesh/record?since={since}&account={ACCOUNT}")["calls"]
    got, refused = (call for call in calls if call["service"] == "s3")
    assert got["principal"] == f"arn:aws:iam::{ACCOUNT}:role/ranger"
    assert (got["action"], got["resource"]) == ("GetObject", "arn:aws:s3:::recorded/data/x.csv")
    assert (got["status"], got["bytes_out"], got["error"]) == (206, 100, "")
    assert got["request_id"]
    assert (refused["action"], refused["status"], refused["error"]) == ("PutObject", 403, "AccessDenied")
    assert refused["bytes_in"] == 5
    lines = (server.state_dir / "calls.jsonl").read_text().splitlines()
    assert any(json.loads(line) == got for line in lines)


def test_tls_only_buckets_accept_the_loopback_but_no_clear_text(server: RunningServer) -> None:
    s3 = server.client("s3", ACCOUNT)
    s3.create_bucket(Bucket="tls-only")
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::tls-only", "arn:aws:s3:::tls-only/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3.put_bucket_policy(Bucket="tls-only", Policy=policy)
    server.make_role(ACCOUNT, "writer", f"arn:aws:iam::{ACCOUNT}:root", allow("s3:*"))
    writer = server.client("s3", ACCOUNT, "writer")
    writer.put_object(Bucket="tls-only", Key="a", Body=b"")
    writer.meta.events.register(
        "before-sign.s3", lambda request, **_: request.headers.add_header("X-Forwarded-Proto", "http")
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        writer.put_object(Bucket="tls-only", Key="a", Body=b"")


def test_nothing_is_left_behind_even_by_a_server_that_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, elsewhere = tmp_path / "state", tmp_path / "temporary"
    elsewhere.mkdir()
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    source = "import tempfile\ndef handler(event, context):\n    return tempfile.mkdtemp()"

    def use(running: RunningServer) -> Path:
        role = running.make_role(ACCOUNT, "worker", "lambda.amazonaws.com", allow("logs:*"))
        running.make_function(ACCOUNT, "writer", source, role)
        running.client("s3", ACCOUNT).create_bucket(Bucket="some")
        return Path(json.loads(running.client("lambda", ACCOUNT).invoke(FunctionName="writer")["Payload"].read()))

    with running_server(state) as killed:
        left = use(killed)
        killed.process.kill()
        killed.process.wait()
    assert left.is_relative_to(state)
    (state / "ready.json").unlink()
    with running_server(state) as stopped:
        assert not left.exists()
        assert use(stopped).exists()

    assert [*elsewhere.iterdir()] == []
    assert not {path.name for path in state.iterdir()} & {"tmp", "functions"}


def test_accounts_are_those_that_were_set_up(server: RunningServer) -> None:
    assert server.control("GET", "/_mesh/accounts") == {"accounts": []}
    account_bootstrap.make_admin_roles(server.endpoint, [ACCOUNTS["consumer-2"], ACCOUNTS["producer"]])
    server.make_role(ACCOUNTS["consumer-3"], "Analyst", "lambda.amazonaws.com")
    assert server.control("GET", "/_mesh/accounts") == {"accounts": [ACCOUNTS["producer"], ACCOUNTS["consumer-2"]]}


def test_unknown_control_path(server: RunningServer) -> None:
    with socket.create_connection(("127.0.0.1", int(server.endpoint.rsplit(":", 1)[1]))):
        pass
    with pytest.raises(urllib.error.HTTPError) as caught:
        server.control("GET", "/_mesh/nothing")
    assert caught.value.code == 404
