"""What a state may be given, return and remember, and how long an execution's history may be.

https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html#service-limits-task-executions
https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html#variables-limits
"""

import json
from typing import Any, Final

from ministack.services.stepfunctions import _ExecutionError as TaskError

from local.values import Json

MAX_BYTES: Final = 262_144
"""Of a task's, state's or execution's input or result, and of what one state assigns to variables."""
MAX_VARIABLES_BYTES: Final = 10 * 1024 * 1024
"""Of all variables of an execution."""
MAX_EVENTS: Final = 25_000
"""Of an execution's history, its end included."""


def require_room(value: Json, what: str, limit: int = MAX_BYTES) -> None:
    """Raises States.DataLimitExceeded, which no `States.ALL` catches, for more than `limit` bytes of UTF-8."""
    size = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
    if size > limit:
        cause = f"{what} exceeded the maximum number of bytes service limit: {size} bytes, {limit} are possible."
        raise TaskError("States.DataLimitExceeded", cause)


def require_assigned(before: dict[str, Json], after: dict[str, Json]) -> None:
    """The same for variables: those of one state, and all together."""
    changed = {name: value for name, value in after.items() if name not in before or before[name] is not value}
    require_room(changed, "The variables that the state assigned")
    require_room(after, "The variables of the execution", MAX_VARIABLES_BYTES)


def require_short(execution: dict[str, Any]) -> None:
    """Raises States.Runtime, which nothing catches, once only the last event is left."""
    if len(execution["events"]) >= MAX_EVENTS - 1:
        raise TaskError("States.Runtime", f"The execution reached the maximum number of history events ({MAX_EVENTS}).")
