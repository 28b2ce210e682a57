"""The deployed definitions, and which function stands behind which Task."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from tools import templates

_FUNCTION_ARN = re.compile(r"\$\{(\w+)FunctionArn\}")


@cache
def definitions() -> dict[str, dict[str, Any]]:
    """Name (`register-product`) → definition, read once: not to be changed."""
    return {
        machine.definition.name.removesuffix(".asl.json"): json.loads(machine.definition.read_text("utf-8"))
        for machine in templates.machines()
    }


def tasks() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(machine, state, Task) of all."""
    for machine, definition in definitions().items():
        for name, state in definition["States"].items():
            if state["Type"] == "Task":
                yield machine, name, state


def function_of(task: dict[str, Any]) -> str | None:
    """The folder of the function that a Task invokes: `${TakeBatchFunctionArn}` → `take_batch`."""
    found = _FUNCTION_ARN.fullmatch(str(task.get("Arguments", {}).get("FunctionName", "")))
    return folder_of(found[1]) if found else None


def folder_of(logical: str) -> str:
    """`TakeBatchFunction` or `TakeBatch` → `take_batch`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", logical.removesuffix("Function")).lower()


def function_folders() -> dict[str, str]:
    """Every function's name → its context: `tag_product` → `contracts` for `functions/contracts/tag_product/app.py`."""
    return {
        path.parent.name: path.parent.parent.name for path in sorted((templates.ROOT / "functions").glob("*/*/app.py"))
    }
