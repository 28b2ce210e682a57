"""A mesh server of its own for a test module: started as a process, reached only through AWS's API."""

import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from local import runtime
from local.clients import Clients

ROOT = Path(__file__).parents[2]
REGION = "us-east-1"

WAIT_SCALE = 0.01


_clients = cache(Clients)


@dataclass(frozen=True)
class RunningServer:
    endpoint: str
    state_dir: Path
    process: subprocess.Popen[bytes]

    def keys(self, account: str, role: str | None = None) -> dict[str, str]:
        """Of the account's root, or of one of its roles."""
        if role is None:
            return {"aws_access_key_id": account, "aws_secret_access_key": "test"}
        sts = self.client("sts", account)
        answer = sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role/{role}", RoleSessionName="test")["Credentials"]
        return {
            "aws_access_key_id": answer["AccessKeyId"],
            "aws_secret_access_key": answer["SecretAccessKey"],
            "aws_session_token": answer["SessionToken"],
        }

    def client(self, service: str, account: str, role: str | None = None) -> Any:
        return _clients(self.endpoint).get(service, REGION, self.keys(account, role))

    def control(self, method: str, path: str, body: Any = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.endpoint + path, data=data, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def make_role(self, account: str, name: str, service: str, *statements: dict[str, Any]) -> str:
        """A role that `service` may assume, allowed what the statements say."""
        iam = self.client("iam", account)
        principal = {"Service": service} if "." in service else {"AWS": service}
        trust = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}],
        }
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        if statements:
            policy = {"Version": "2012-10-17", "Statement": list(statements)}
            iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=json.dumps(policy))
        return str(arn)

    def make_function(self, account: str, name: str, source: str, role: str, **settings: Any) -> str:
        """A python3.13 function with `source` as app.py and `handler` in it."""
        answer = self.client("lambda", account).create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=role,
            Handler="app.handler",
            Code={"ZipFile": zip_of({"app.py": source})},
            **settings,
        )
        return str(answer["FunctionArn"])


def allow(*actions: str, resource: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def zip_of(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_server(state_dir: Path, *options: str) -> Iterator[RunningServer]:
    port = free_port()
    command = [sys.executable, "-m", "local.server", "--port", str(port), "--state-dir", str(state_dir)]
    command += [
        "--runtime-python",
        str(runtime.ensure(ROOT)),
        "--wait-scale",
        str(WAIT_SCALE),
        "--exit-with-parent",
        *options,
    ]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, env=runtime.child_environment())
    try:
        wait_until((state_dir / "ready.json").exists, seconds=30)
        yield RunningServer(f"http://127.0.0.1:{port}", state_dir, process)
    finally:
        process.terminate()
        process.wait(timeout=20)


def wait_until(condition: Any, seconds: float = 15) -> Any:
    """The first true value of `condition()`; fails when the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {condition}")


def process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] != "Z"
