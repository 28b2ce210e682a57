"""What a Task's `Resource` means, and waiting for a task token."""

import contextvars
import json
import re
import threading
import time
from typing import Any
from uuid import uuid4

from ministack.core.responses import get_region
from ministack.services import stepfunctions
from ministack.services.stepfunctions import _ExecutionError as TaskError

from local import clock
from local.states.integrations import Integrations, Task
from local.states.payloads import require_room
from local.values import Json

_RESOURCE = re.compile(
    r"arn:aws:states:[^:]*:[^:]*:(?P<sdk>aws-sdk:)?(?P<service>[a-z0-9-]+):(?P<action>\w+)"
    r"(?:\.(?P<pattern>sync:2|sync|waitForTaskToken))?"
)
_CALLBACK = ".waitForTaskToken"

machines: dict[str, str] = {}
"""Task token → the machine it was made for: known to AWS from the token itself, also when its task has ended."""
running: contextvars.ContextVar[dict[str, Any]] = contextvars.ContextVar("running_execution")
"""The execution whose state is being worked on: MiniStack's own record of it."""
context_object: contextvars.ContextVar[Json] = contextvars.ContextVar("context_object")
"""The context object of that state (`$states.context`)."""


def parse(resource: str, execution: dict[str, Any]) -> Task:
    """Raises MiniStack's `_ExecutionError` for a resource that is not a service integration."""
    found = _RESOURCE.fullmatch(resource)
    if found is None:
        raise TaskError("States.Runtime", f"The resource {resource} is not supported")
    pattern = found["pattern"] or ""
    return _task(
        execution,
        found["service"],
        found["action"],
        optimized=not found["sdk"],
        pattern="" if pattern == "waitForTaskToken" else pattern,
    )


def _task(execution: dict[str, Any], service: str, action: str, *, optimized: bool, pattern: str = "") -> Task:
    return Task(
        role_arn=execution["_role"],
        execution_arn=execution["executionArn"],
        region=get_region(),
        service=service,
        action=action,
        optimized=optimized,
        pattern=pattern,
    )


class Tasks:
    """In the place of MiniStack's `_invoke_resource` and `_invoke_with_callback`."""

    def __init__(self, integrations: Integrations) -> None:
        self._integrations = integrations

    def invoke(self, resource: str, arguments: Json) -> Json:
        """The task's result. What it is given, and what it returns, has the size of a state's payload at most."""
        require_room(arguments, "The task's input")
        result = self._invoke(resource, arguments)
        require_room(result, "The task's result")
        return result

    def _invoke(self, resource: str, arguments: Json) -> Json:
        execution = running.get()
        if resource.startswith("arn:aws:lambda:"):
            task = _task(execution, "lambda", "invoke", optimized=True)
            return self._integrations.invoke_function(task, resource, arguments)
        if ":activity:" in resource:
            return stepfunctions._invoke_activity(resource, arguments)
        return self._integrations.call(parse(resource, execution), arguments)

    def invoke_with_callback(self, resource: str, arguments: Json, token: str, state: dict[str, Any]) -> Json:
        """Make the call that carries the token, then wait for its answer, a missed heartbeat or the timeout.

        A token is of one attempt: what answers it later finds no task, and the next attempt has another one. An answer
        that comes while the call is made counts, whatever becomes of the call.
        """
        waiting: dict[str, Any] = {"event": threading.Event(), "result": None, "error": None, "heartbeat": None}
        waiting["machine"] = running.get()["stateMachineArn"]
        stepfunctions._task_tokens[token] = waiting
        machines[token] = waiting["machine"]
        started = _now()
        try:
            try:
                self.invoke(resource.replace(_CALLBACK, ""), arguments)
            except TaskError:
                if not waiting["event"].is_set():
                    raise
            _wait(waiting, state, running.get(), started)
        finally:
            stepfunctions._task_tokens.pop(token, None)
            context_object.get()["Task"] = {"Token": str(uuid4())}
        if waiting["error"]:
            raise TaskError(waiting["error"].get("Error", ""), waiting["error"].get("Cause", ""))
        return json.loads(str(waiting["result"]))


def _now() -> float:
    return time.monotonic() + clock.skipped()


def _wait(waiting: dict[str, Any], state: dict[str, Any], execution: dict[str, Any], started: float) -> None:
    """Until the token is answered. Its time has run since the task started, while its call was made as well."""
    beat = started
    timeout = float(state.get("TimeoutSeconds", 99_999_999))
    heartbeat = float(state.get("HeartbeatSeconds", timeout))
    last = waiting["heartbeat"]
    while not waiting["event"].wait(0.1):
        now = _now()
        if waiting["heartbeat"] != last:
            last, beat = waiting["heartbeat"], now
        if now - started > timeout:
            raise TaskError("States.Timeout", "")
        if now - beat > heartbeat:
            raise TaskError("States.HeartbeatTimeout", "")
        if execution["status"] != "RUNNING":
            raise TaskError("States.TaskFailed", "the execution was stopped")
