"""ConditionExpressions as SQL: all of a step's must hold.

https://docs.aws.amazon.com/databrew/latest/dg/recipes.condition-expressions.html
"""

import json
from typing import Any

from local.databrew.engine import cells
from local.databrew.engine.frame import Frame, StepError, literal

_ORDER = {"LESS_THAN": "<", "LESS_THAN_EQUAL": "<=", "GREATER_THAN": ">", "GREATER_THAN_EQUAL": ">="}
_TEXT = {"CONTAINS": "contains", "STARTS_WITH": "starts_with", "ENDS_WITH": "ends_with"}


def test(frame: Frame, conditions: list[dict[str, str]]) -> str:
    """True or false, never NULL."""
    found = [f"({_one(frame, condition)})" for condition in conditions]
    return " AND ".join(found) or "true"


def _one(frame: Frame, condition: dict[str, str]) -> str:
    name, value = condition["Condition"], condition.get("Value", "")
    cell = frame.cell(condition["TargetColumn"])
    if name == "IS_MISSING":
        return cells.missing(cell)
    if name in {"IS", "IS_NOT"}:
        return _negated(_same(cell, value), name == "IS_NOT")
    if name == "IS_BETWEEN":
        bounds: dict[str, Any] = json.loads(value)
        return " AND ".join(_ordered(cell, bound, str(limit)) for bound, limit in bounds.items())
    if name in _ORDER:
        return _ordered(cell, name, value)
    if (plain := name.removeprefix("NOT_")) in _TEXT:
        holds = f"NOT {cells.missing(cell)} AND {_TEXT[plain]}({cells.text(cell)}, {literal(value)})"
        return _negated(holds, plain != name)
    raise StepError(f"The condition {name} is not supported")


def _same(cell: str, value: str) -> str:
    wanted = json.loads(value) if value.startswith("[") else [value]
    texts = [item if isinstance(item, str) else json.dumps(item) for item in wanted]
    return f"NOT {cells.missing(cell)} AND {cells.text(cell)} IN ({', '.join(map(literal, texts))})"


def _ordered(cell: str, name: str, value: str) -> str:
    return f"coalesce({cells.double(cell)} {_ORDER[name]} CAST({literal(value)} AS DOUBLE), false)"


def _negated(holds: str, negate: bool) -> str:
    return f"NOT ({holds})" if negate else holds
