"""RedriveExecution, which MiniStack lacks, and what DescribeExecution says about it.

https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
"""

import datetime
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from ministack.core.responses import error_response_json, json_response
from ministack.services import stepfunctions

from local.states import runner

type Answer = tuple[int, dict[str, str], bytes]
type Handler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Answer]]

REDRIVABLE_DAYS: Final = 14
_REDRIVABLE: Final = {"FAILED", "ABORTED", "TIMED_OUT"}


def with_redrive(handle: Handler) -> Handler:
    """Wrap MiniStack's handler of Step Functions requests."""

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Answer:
        if headers.get("x-amz-target", "").endswith(".RedriveExecution"):
            return redrive_execution(json.loads(body or b"{}"))
        return await handle(method, path, headers, body, query)

    return handle_request


def redrive_execution(data: dict[str, Any]) -> Answer:
    """Restart a failed, aborted or timed out execution where it stopped."""
    arn = data.get("executionArn", "")
    execution = stepfunctions._executions.get(arn)
    if execution is None:
        return _error("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
    reason = _not_redrivable(execution)
    if reason:
        return _error("ExecutionNotRedrivable", f"Execution '{arn}' is not redrivable: {reason}")
    runner.redrive(execution)
    return stepfunctions._finalize_response(json_response({"redriveDate": execution["redriveDate"]}))  # type: ignore[no-any-return]


def with_redrive_details(describe: Callable[[dict[str, Any]], Answer]) -> Callable[[dict[str, Any]], Answer]:
    """Wrap MiniStack's `_describe_execution`."""

    def describe_execution(data: dict[str, Any]) -> Answer:
        status, headers, body = describe(data)
        execution = stepfunctions._executions.get(data.get("executionArn"))
        if status != 200 or execution is None:
            return status, headers, body
        reason = _not_redrivable(execution)
        details = {
            "redriveCount": execution.get("redriveCount", 0),
            "redriveStatus": "NOT_REDRIVABLE" if reason else "REDRIVABLE",
            **({"redriveStatusReason": reason} if reason else {}),
            **({"redriveDate": execution["redriveDate"]} if execution.get("redriveDate") else {}),
        }
        return json_response({**json.loads(body), **details})  # type: ignore[no-any-return]

    return describe_execution


def _not_redrivable(execution: dict[str, Any]) -> str:
    """Why not; empty when it is."""
    status = execution["status"]
    if status not in _REDRIVABLE or "_point" not in execution:
        return f"Execution is {status} and cannot be redriven"
    started = datetime.datetime.fromisoformat(execution["startDate"].replace("Z", "+00:00"))
    if datetime.datetime.now(datetime.UTC) - started > datetime.timedelta(days=REDRIVABLE_DAYS):
        return "Execution history is no longer available"
    return ""


def _error(code: str, message: str) -> Answer:
    return error_response_json(code, message, 400)  # type: ignore[no-any-return]
