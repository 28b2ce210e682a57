"""Replaces MiniStack's parts, which call its own services in process and bypass IAM."""

import functools
import json
from collections.abc import Callable
from typing import Any

from ministack.core import iam_actions
from ministack.services import stepfunctions

from local.options import ServerOptions
from local.states import redrive, retries, runner, waits
from local.states.executions import idempotent
from local.states.integrations import Integrations
from local.states.parallel import execute_parallel
from local.states.tasks import Tasks, context_object, machines, running
from local.values import Json


def install(options: ServerOptions) -> None:
    """Replace how MiniStack runs, starts and describes executions, for this process."""
    from ministack import app  # noqa: PLC0415  (reads the environment when imported: only on installation)

    tasks = Tasks(Integrations(options))
    execute_task = stepfunctions._execute_task

    def execute_in_context(state: Json, raw_input: Json, execution: dict[str, Any], context: Json) -> Json:
        before = running.set(execution), context_object.set(context)
        try:
            return execute_task(state, raw_input, execution, context)
        finally:
            running.reset(before[0])
            context_object.reset(before[1])

    stepfunctions._execute_task = execute_in_context
    stepfunctions._execute_parallel = execute_parallel
    stepfunctions._invoke_resource = tasks.invoke
    stepfunctions._invoke_with_callback = tasks.invoke_with_callback
    waits.install(options.wait_scale)
    stepfunctions._error_matches = retries.error_matches
    stepfunctions._find_matching_retrier = retries.find_retrier
    stepfunctions._run_execution = runner.run_execution
    stepfunctions._start_execution = idempotent(stepfunctions._start_execution)
    stepfunctions._describe_execution = redrive.with_redrive_details(stepfunctions._describe_execution)
    iam_actions.extract_resource_arn = _with_task_tokens(iam_actions.extract_resource_arn)
    app.SERVICE_HANDLERS["states"] = redrive.with_redrive(stepfunctions.handle_request)


def _with_task_tokens(extract: Callable[..., str]) -> Callable[..., str]:
    """The resource of a SendTask call is the machine whose execution waits; MiniStack names none."""

    @functools.wraps(extract)
    def extracted(service: str, method: str, path: str, headers: dict[str, str], body: bytes, *rest: Any) -> str:  # noqa: ANN401 - passed on
        if service == "states" and ".SendTask" in headers.get("x-amz-target", ""):
            token = json.loads(body or b"{}").get("taskToken")
            return machines.get(str(token), "*")
        return extract(service, method, path, headers, body, *rest)

    return extracted
