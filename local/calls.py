"""What an AWS request on the wire is: service, action, resource, caller; and how its error reads and is written."""

import contextvars
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

_JSON_ERROR = re.compile(rb'"(?:__type|code)"\s*:\s*"(?:[^"]*#)?([^"]+)"')
_XML_ERROR = re.compile(rb"<Code>([^<]+)</Code>")


trace_id: contextvars.ContextVar[str] = contextvars.ContextVar("trace_id", default="")
"""The `X-Amzn-Trace-Id` of the call being answered; a function that it invokes carries it on."""


@dataclass(frozen=True)
class Request:
    """One request as the gateway received it."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    service: str
    action: str
    access_key: str
    region: str


def parse(scope: dict[str, Any], headers: dict[str, str], body: bytes) -> Request:
    """Name the operation with MiniStack's own router, so that the record and its IAM check agree."""
    from ministack import app  # noqa: PLC0415 - after ServerOptions.apply
    from ministack.core import iam_actions, router  # noqa: PLC0415

    method, path = scope["method"], scope["path"]
    query = parse_qs(scope.get("query_string", b"").decode(), keep_blank_values=True)
    params = app._routing_params(method, path, headers, body, query)
    service = router.detect_service(method, path, headers, params)
    action = iam_actions.extract_iam_action(service, method, path, headers, body, params) or ""
    return Request(
        method=method,
        path=path,
        query=query,
        headers=headers,
        body=body,
        service=service,
        action=action.partition(":")[2] or headers.get("x-amz-target", "").rpartition(".")[2],
        access_key=router.extract_access_key_id(headers, query),
        region=router.extract_region(headers, query),
    )


def resource_of(request: Request, account: str) -> str:
    """The ARN that IAM checks for this call, `*` where it has none."""
    from ministack import app  # noqa: PLC0415 - after ServerOptions.apply
    from ministack.core import iam_actions  # noqa: PLC0415

    params = app._routing_params(request.method, request.path, request.headers, request.body, request.query)
    arn = iam_actions.extract_resource_arn(
        request.service,
        request.method,
        request.path,
        request.headers,
        request.body,
        params,
        request.region,
        account,
    )
    return str(arn)


def asked_of_iam(request: Request, account: str) -> tuple[str, ...]:
    """The actions, as policies write them, that a role needs for the call: of a transaction of DynamoDB its parts'."""
    from ministack.core import iam_actions  # noqa: PLC0415 - after ServerOptions.apply

    called = f"{request.service}:{request.action}"
    parts = iam_actions.dynamodb_transaction_checks(called, request.body, request.region, account)
    return tuple(sorted({action for action, _ in parts})) or (called,)


def is_conditional(request: Request) -> bool:
    """Whether it is a write that names the condition on which it is made: repeated, it meets its own effect."""
    match request.service:
        case "dynamodb":
            return b'"ConditionExpression"' in request.body
        case "s3":
            return request.method in {"PUT", "POST"} and not {"if-match", "if-none-match"}.isdisjoint(request.headers)
        case "glue":
            return request.action == "UpdateTable" and b'"VersionId"' in request.body
    return False


def error_code(headers: list[tuple[bytes, bytes]], body: bytes) -> str:
    """The error's name in an answer of any of AWS's protocols."""
    for name, value in headers:
        if name.lower() == b"x-amzn-errortype":
            return value.decode().partition(":")[0]
    found = _JSON_ERROR.search(body) or _XML_ERROR.search(body)
    return found[1].decode() if found else ""


def error_answer(request: Request, code: str, message: str) -> tuple[str, bytes]:
    """(content type, body) of an error in the protocol the request speaks."""
    if request.service == "s3":
        return "application/xml", f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        body = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        return "text/xml", f"{body}</ErrorResponse>".encode()
    return "application/x-amz-json-1.1", json.dumps({"__type": code, "message": message}).encode()
