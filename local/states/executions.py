"""StartExecution as AWS answers it: names checked, the same call twice is one execution."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from ministack.core.responses import error_response_json, get_account_id, get_region, json_response
from ministack.services import stepfunctions

from local.states.payloads import MAX_BYTES

type Answer = tuple[int, dict[str, str], bytes]
type Action = Callable[[dict[str, Any]], Answer]

# "A name must not contain: white space, brackets < > { } [ ], wildcards ? *, special characters, control characters".
_KEPT = timedelta(days=90)
_NAME = re.compile(r"""[^\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}""")


def idempotent(start_execution: Action) -> Action:
    """Wrap MiniStack's `_start_execution`, which refuses every name it has seen."""

    def start(data: dict[str, Any]) -> Answer:
        refusal = _refuse(data)
        if refusal:
            return refusal
        existing = _existing(data)
        if existing is None:
            return start_execution(data)
        if existing["status"] == "RUNNING" and existing["input"] == data.get("input", "{}"):
            answer = {"executionArn": existing["executionArn"], "startDate": existing["startDate"]}
            return json_response(answer)  # type: ignore[no-any-return]
        message = f"Execution Already Exists: '{existing['executionArn']}'"
        return error_response_json("ExecutionAlreadyExists", message, 400)  # type: ignore[no-any-return]

    return start


def running() -> list[str]:
    """ARNs of the executions that go on, in every account."""
    executions = list(stepfunctions._executions._data.values())
    return sorted(each["executionArn"] for each in executions if each["status"] == "RUNNING")


def forget() -> None:
    """What ended long enough ago: "90 days. After this time, you can no longer retrieve or view the execution history."

    https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
    """
    oldest = datetime.now(UTC) - _KEPT
    for place, execution in list(stepfunctions._executions._data.items()):
        ended = execution.get("stopDate")
        if ended and datetime.fromisoformat(ended) < oldest:
            stepfunctions._executions._data.pop(place, None)


def _refuse(data: dict[str, Any]) -> Answer | None:
    name, text = data.get("name"), data.get("input", "{}")
    if name is not None and not _NAME.fullmatch(name):
        return error_response_json("InvalidName", f"Invalid Name: '{name}'", 400)  # type: ignore[no-any-return]
    try:
        json.loads(text)
    except ValueError as error:
        message = f"Invalid State Machine Execution Input: '{error}'"
        return error_response_json("InvalidExecutionInput", message, 400)  # type: ignore[no-any-return]
    if len(text.encode()) > MAX_BYTES:
        message = "Value at 'input' failed to satisfy constraint: Member must have length less than or equal to 262144"
        return error_response_json("ValidationException", message, 400)  # type: ignore[no-any-return]
    return None


def _existing(data: dict[str, Any]) -> dict[str, Any] | None:
    machine = stepfunctions._state_machines.get(stepfunctions._resolve_state_machine_arn(data["stateMachineArn"]) or "")
    if machine is None or not data.get("name"):
        return None
    arn = f"arn:aws:states:{get_region()}:{get_account_id()}:execution:{machine['name']}:{data['name']}"
    found: dict[str, Any] | None = stepfunctions._executions.get(arn)
    return found
