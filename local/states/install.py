"""Puts our parts in the place of MiniStack's, which calls its own services in process, past IAM."""

from typing import Any

from ministack.services import stepfunctions

from local.options import ServerOptions
from local.states.executions import idempotent
from local.states.integrations import Integrations
from local.states.tasks import Tasks, running
from local.values import Json


def install(options: ServerOptions) -> None:
    """Replace what MiniStack does with a Task and with StartExecution, for this process."""
    tasks = Tasks(Integrations(options))
    execute_task = stepfunctions._execute_task

    def execute_in_context(state: Json, raw_input: Json, execution: dict[str, Any], context: Json) -> Json:
        token = running.set(execution)
        try:
            return execute_task(state, raw_input, execution, context)
        finally:
            running.reset(token)

    stepfunctions._execute_task = execute_in_context
    stepfunctions._invoke_resource = tasks.invoke
    stepfunctions._invoke_with_callback = tasks.invoke_with_callback
    stepfunctions._start_execution = idempotent(stepfunctions._start_execution)
