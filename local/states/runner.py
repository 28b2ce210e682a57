"""Runs a machine's states; replaces MiniStack's `_run_execution`.

Adds what that lacks: the definition and role of the moment of the start, the machine's own TimeoutSeconds, redrive, and
no artificial delay before the first state.
"""

import contextvars
import copy
import json
import logging
import threading
import time
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import now_iso
from ministack.services import stepfunctions
from ministack.services.stepfunctions import _ExecutionError as TaskError

from local.states.payloads import require_assigned, require_room, require_short
from local.values import Json

logger = logging.getLogger("mesh.states")

_WITH_EXECUTION = {"Task": "_execute_task", "Parallel": "_execute_parallel", "Map": "_execute_map"}
_WITHOUT = {"Pass": "_execute_pass", "Choice": "_execute_choice", "Wait": "_execute_wait"}


@dataclass
class Point:
    """Where an execution is: the state it enters next, with what."""

    state: str | None
    input: Json
    variables: dict[str, Json]


def run_execution(execution_arn: str) -> None:
    """From the start; in a thread of its own."""
    execution = stepfunctions._executions.get(execution_arn)
    if execution is None:
        return
    machine = stepfunctions._state_machines.get(execution["stateMachineArn"])
    if machine is None:
        stepfunctions._fail_execution(execution, "StateMachineDeleted", "State machine no longer exists")
        return
    # An update of the machine or its role is for executions that start after it.
    execution["_definition"] = json.loads(machine["definition"])
    execution["_role"] = machine["roleArn"]
    start = Point(execution["_definition"]["StartAt"], json.loads(execution["input"]), {})
    _run(execution, start)


def redrive(execution: dict[str, Any]) -> None:
    """Go on, in a thread of its own, from the state that did not succeed, with the input it had."""
    execution.update(status="RUNNING", output=None, stopDate=None, error=None, cause=None, redriveDate=now_iso())
    execution["redriveCount"] = execution.get("redriveCount", 0) + 1
    details = {"executionRedrivenEventDetails": {"redriveCount": execution["redriveCount"]}}
    stepfunctions._add_event(execution, "ExecutionRedriven", details)
    stepfunctions._emit_execution_status_event(execution)
    point = copy.deepcopy(execution["_point"])
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(_run, execution, point), daemon=True).start()


def _run(execution: dict[str, Any], point: Point) -> None:
    # A run that was stopped and redriven must not be finished by its first thread.
    run = execution["_run"] = object()
    limit = execution["_definition"].get("TimeoutSeconds")
    deadline = time.monotonic() + float(limit) if limit else None
    watch = _watch(execution, run, float(limit)) if limit else None
    try:
        output = _walk(execution, run, point, deadline)
    except TaskError as error:
        if _current(execution, run):
            stepfunctions._fail_execution(execution, error.error, error.cause)
    except Exception as error:
        logger.exception("execution %s", execution["executionArn"])
        if _current(execution, run):
            stepfunctions._fail_execution(execution, "States.Runtime", str(error))
    else:
        if _current(execution, run):
            _succeed(execution, output)
    finally:
        if watch:
            watch.cancel()


def _walk(execution: dict[str, Any], run: object, point: Point, deadline: float | None) -> Json:
    context = _context(execution, point)
    while point.state and _current(execution, run):
        execution["_point"] = copy.deepcopy(point)
        point.input, point.state = _step(execution, point, context)
        point.variables = context["variables"]
        if deadline and time.monotonic() > deadline:
            break
    return point.input


def _context(execution: dict[str, Any], point: Point) -> dict[str, Any]:
    machine_arn = execution["stateMachineArn"]
    return {
        "QueryLanguage": execution["_definition"].get("QueryLanguage", "JSONPath"),
        "Execution": {
            "Id": execution["executionArn"],
            "Input": json.loads(execution["input"]),
            "Name": execution["name"],
            "RoleArn": execution["_role"],
            "StartTime": execution["startDate"],
            "RedriveCount": execution.get("redriveCount", 0),
        },
        "StateMachine": {"Id": machine_arn, "Name": machine_arn.rsplit(":", 1)[-1]},
        "variables": point.variables,
    }


def _step(execution: dict[str, Any], point: Point, context: dict[str, Any]) -> tuple[Json, str | None]:
    """Enter, work on and leave one state: (its output, the next state's name)."""
    name = point.state
    state = execution["_definition"]["States"].get(name)
    if state is None:
        raise TaskError("States.Runtime", f"State '{name}' not found in definition")
    context["State"] = {"Name": name, "EnteredTime": now_iso(), "RetryCount": 0}
    kind = state["Type"]
    require_short(execution)
    _add(execution, f"{kind}StateEntered", "stateEnteredEventDetails", name=name, input=json.dumps(point.input))
    before = dict(context["variables"])
    output, following = _work(kind, state, point.input, execution, context)
    require_room(output, f"The state '{name}' returned a result that")
    require_assigned(before, context["variables"])
    _add(execution, f"{kind}StateExited", "stateExitedEventDetails", name=name, output=json.dumps(output))
    return output, following


def _work(
    kind: str, state: dict[str, Any], given: Json, execution: dict[str, Any], context: dict[str, Any]
) -> tuple[Json, str | None]:
    if kind == "Fail":
        raise TaskError(*stepfunctions._fail_state_error(state, given, context))
    if kind == "Succeed":
        if context["QueryLanguage"] == "JSONata":
            return stepfunctions._apply_jsonata_output(state, given, context, default=given), None
        chosen = stepfunctions._apply_input_path(state, given, context)
        return stepfunctions._apply_output_path(state, chosen, context), None
    # By name, at the moment of use: some of these are replaced.
    if kind == "Task" and isinstance(state.get("TimeoutSeconds"), str):
        seconds = stepfunctions._jsonata_state_field(state, "TimeoutSeconds", "number", given, context)
        state = {**state, "TimeoutSeconds": seconds}
    if kind in _WITH_EXECUTION:
        return getattr(stepfunctions, _WITH_EXECUTION[kind])(state, given, execution, context)  # type: ignore[no-any-return]
    if kind in _WITHOUT:
        return getattr(stepfunctions, _WITHOUT[kind])(state, given, context)  # type: ignore[no-any-return]
    raise TaskError("States.Runtime", f"Unknown state type: {kind}")


def _current(execution: dict[str, Any], run: object) -> bool:
    return execution["status"] == "RUNNING" and execution["_run"] is run


def _succeed(execution: dict[str, Any], output: Json) -> None:
    text = json.dumps(output)
    execution.update(status="SUCCEEDED", output=text, stopDate=now_iso())
    _add(execution, "ExecutionSucceeded", "executionSucceededEventDetails", output=text)
    stepfunctions._emit_execution_status_event(execution)


def _watch(execution: dict[str, Any], run: object, seconds: float) -> threading.Timer:
    """The machine's TimeoutSeconds ends the execution whatever its state waits for. A thread, until it is cancelled."""

    def expire() -> None:
        if not _current(execution, run):
            return
        execution.update(status="TIMED_OUT", stopDate=now_iso())
        _add(execution, "ExecutionTimedOut", "executionTimedOutEventDetails")
        stepfunctions._emit_execution_status_event(execution)

    context = contextvars.copy_context()
    timer = threading.Timer(seconds, context.run, [expire])
    timer.daemon = True
    timer.start()
    return timer


def _add(execution: dict[str, Any], event: str, details: str, **values: Json) -> None:
    stepfunctions._add_event(execution, event, {details: values})
