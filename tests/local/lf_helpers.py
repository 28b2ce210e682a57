"""A MiniStack with Lake Formation, RAM and Glue plugged in, on a free port, and clients of three accounts."""

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

CENTRAL, PRODUCER, CONSUMER = "111111111111", "222222222222", "333333333333"
REGION = "us-east-1"
_started: dict[str, str] = {}
_session = boto3.Session()


def endpoint() -> str:
    """The endpoint of the server, started once for the whole run."""
    if "url" not in _started:
        _started["url"] = _start()
    return _started["url"]


def _start() -> str:
    os.environ.setdefault("SFTP_ENABLED", "0")
    os.environ.setdefault("IOT_MTLS_ENABLED", "0")
    import uvicorn
    from ministack import app

    app.AUTH = True  # another test of this process may have imported it without that setting
    from local import authorization, glue, lakeformation, ram

    for package in (authorization, lakeformation, ram, glue):
        package.install()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = uvicorn.Config(app.app, port=port, log_config=None, timeout_keep_alive=24 * 60 * 60)
    threading.Thread(target=uvicorn.Server(config).run, daemon=True).start()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return f"http://127.0.0.1:{port}"
    raise TimeoutError("the server did not start within 20 s")


def reset() -> None:
    """An empty mesh: no Lake Formation state, no shares, no catalog, no roles, no buckets."""
    endpoint()
    from ministack.services import eventbridge, iam, s3, sqs, sts

    from local import glue, lakeformation, shares

    for module in (glue, lakeformation, shares, iam, sts, s3, eventbridge, sqs):
        module.reset()


class Caller:
    """Clients with one set of credentials. Every answer is checked against botocore's model of it."""

    def __init__(self, account: str, key: str, secret: str = "secret", token: str | None = None, arn: str = "") -> None:
        self.account = account
        self.arn = arn or f"arn:aws:iam::{account}:root"
        self._credentials = {"aws_access_key_id": key, "aws_secret_access_key": secret, "aws_session_token": token}
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            config = Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"})
            client = _session.client(
                service, endpoint_url=endpoint(), config=config, region_name=REGION, **self._credentials
            )
            if service in ("lakeformation", "ram", "glue"):
                client.meta.events.register("after-call", conforms)
            self._clients[service] = client
        return self._clients[service]

    @property
    def lf(self) -> Any:
        return self.client("lakeformation")

    @property
    def glue(self) -> Any:
        return self.client("glue")

    @property
    def ram(self) -> Any:
        return self.client("ram")

    @property
    def s3(self) -> Any:
        return self.client("s3")


def conforms(http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
    """Fail the call whose answer is not of the shape that botocore's model says."""
    if http_response.status_code >= 300 or model.output_shape is None:
        return
    body = {name: value for name, value in json.loads(http_response.content).items() if value is not None}
    report = ParamValidator().validate(body, model.output_shape).generate_report()
    # An empty list is answered even where the model gives the member, shared with an input, a minimum length.
    wrong = [line for line in report.splitlines() if "valid min length" not in line]
    assert not wrong, f"{model.name} answers out of shape: {wrong}"


@cache
def root(account: str) -> Caller:
    """The account's root, always the same: each of its clients would take a hundredth of a second to make anew."""
    return Caller(account, account)


def role(account: str, name: str, *actions: str, resources: str | list[str] = "*", trust: str = "") -> Caller:
    """A role that may do `actions`, assumed. `trust` names a service that may assume it too."""
    iam = root(account).client("iam")
    principal: dict[str, str] = {"AWS": f"arn:aws:iam::{account}:root"} | ({"Service": trust} if trust else {})
    document = {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]}
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
    put_policy(account, name, *actions, resources=resources)
    credentials = root(account).client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    return Caller(account, credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"], arn)


def put_policy(account: str, role_name: str, *actions: str, resources: str | list[str] = "*") -> None:
    """What the role may do, and nothing else."""
    statements = [{"Effect": "Allow", "Action": list(actions or ("sts:GetCallerIdentity",)), "Resource": resources}]
    root(account).client("iam").put_role_policy(
        RoleName=role_name, PolicyName="may", PolicyDocument=json.dumps({"Statement": statements})
    )


def settings(account: str, *admins: str) -> None:
    """Lake Formation as the mesh sets it up: its own administrators, nothing open to IAM alone."""
    root(account).lf.put_data_lake_settings(
        DataLakeSettings={
            "DataLakeAdmins": [{"DataLakePrincipalIdentifier": arn} for arn in admins],
            "CreateDatabaseDefaultPermissions": [],
            "CreateTableDefaultPermissions": [],
            "Parameters": {"CROSS_ACCOUNT_VERSION": "4"},
        }
    )


def table_input(name: str, *columns: str, location: str = "s3://bucket/x/", keys: tuple[str, ...] = ()) -> Any:
    return {
        "Name": name,
        "StorageDescriptor": {"Columns": [{"Name": c, "Type": "string"} for c in columns], "Location": location},
        "PartitionKeys": [{"Name": key, "Type": "string"} for key in keys],
        "TableType": "EXTERNAL_TABLE",
    }


def grant(
    caller: Caller, principal: str, resource: Any, permissions: list[str], option: bool = False, **more: Any
) -> None:
    caller.lf.grant_permissions(
        Principal={"DataLakePrincipalIdentifier": principal},
        Resource=resource,
        Permissions=permissions,
        PermissionsWithGrantOption=permissions if option else [],
        **more,
    )


def error_of(call: Callable[..., Any], **params: Any) -> tuple[str, str]:
    """The code and message with which the call is refused."""
    try:
        call(**params)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    raise AssertionError("the call succeeded")
