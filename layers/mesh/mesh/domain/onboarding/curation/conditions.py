"""Conditions of a step, all of which must hold.

Source: AWS Glue DataBrew Developer Guide, "Using conditions". What the guide leaves open: comparisons of order are
between numbers and false for what is none; IS_NOT and the NOT_ forms are true wherever IS and the plain forms are
false, for a missing value too; IS and IS_NOT take a text or a JSON list of texts; IS_BETWEEN takes a JSON map of both
bounds.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from mesh.domain.onboarding.curation.cells import Cell, Row, is_missing, number, text
from mesh.domain.onboarding.curation.columns import ColumnFlow
from mesh.domain.onboarding.curation.recipe import Condition, Step

type Test = Callable[[Cell], bool]
type RowTest = Callable[[Row], bool]

_TEXT: Final[dict[str, Callable[[str, str], bool]]] = {
    "CONTAINS": lambda value, part: part in value,
    "STARTS_WITH": str.startswith,
    "ENDS_WITH": str.endswith,
}
_ORDER: Final[dict[str, Callable[[Decimal, Decimal], bool]]] = {
    "LESS_THAN": lambda value, bound: value < bound,
    "LESS_THAN_EQUAL": lambda value, bound: value <= bound,
    "GREATER_THAN": lambda value, bound: value > bound,
    "GREATER_THAN_EQUAL": lambda value, bound: value >= bound,
}
SUPPORTED: Final = tuple(
    sorted({*_TEXT, *(f"NOT_{name}" for name in _TEXT), *_ORDER, "IS", "IS_NOT", "IS_BETWEEN", "IS_MISSING"})
)


def row_test(step: Step, flow: ColumnFlow) -> RowTest | None:
    """Whether a row meets all conditions; None for a step without any."""
    tests = [(flow.find(step, one.column), _test(step, one)) for one in step.conditions]
    if not tests:
        return None
    return lambda row: all(test(row[at]) for at, test in tests)


def _test(step: Step, condition: Condition) -> Test:
    name = condition.name
    if name == "IS_MISSING":
        return is_missing
    if name not in SUPPORTED:
        remedy = f"Supported are {', '.join(SUPPORTED)}."
        raise step.unsupported(f"the condition {name!r} is not supported", remedy, condition=name)
    if not condition.value:
        raise step.invalid(f"the condition {name} needs a Value")
    if name in {"IS", "IS_NOT"}:
        return _negated(_same(step, condition.value), name == "IS_NOT")
    if name == "IS_BETWEEN":
        return _between(step, condition.value)
    if name in _ORDER:
        return _ordered(name, _bound(step, name, condition.value))
    return _negated(_text(name.removeprefix("NOT_"), condition.value), name.startswith("NOT_"))


def _negated(test: Test, negate: bool) -> Test:
    return (lambda cell: not test(cell)) if negate else test


def _same(step: Step, value: str) -> Test:
    wanted = {value}
    if value.startswith("["):
        try:
            listed = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise step.invalid(f"the condition's Value is not a JSON list: {error}"[:300], "Value") from error
        wanted = {item if isinstance(item, str) else text(item) for item in listed}
    return lambda cell: not is_missing(cell) and text(cell) in wanted


def _text(name: str, value: str) -> Test:
    compare = _TEXT[name]
    return lambda cell: not is_missing(cell) and compare(text(cell), value)


def _ordered(name: str, bound: Decimal) -> Test:
    compare = _ORDER[name]

    def test(cell: Cell) -> bool:
        value = number(cell)
        return value is not None and compare(value, bound)

    return test


def _between(step: Step, value: str) -> Test:
    try:
        bounds = json.loads(value)
        least, most = str(bounds["GREATER_THAN_EQUAL"]), str(bounds["LESS_THAN_EQUAL"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise step.invalid(
            'IS_BETWEEN has a Value like {"GREATER_THAN_EQUAL": "1", "LESS_THAN_EQUAL": "9"}, as JSON in a string',
            "Value",
        ) from error
    tests = [_ordered(name, _bound(step, name, text))
             for name, text in (("GREATER_THAN_EQUAL", least), ("LESS_THAN_EQUAL", most))]  # fmt: skip
    return lambda cell: all(test(cell) for test in tests)


def _bound(step: Step, name: str, value: str) -> Decimal:
    bound = number(value)
    if bound is None:
        raise step.invalid(f"{name} compares with a number, not {value!r:.60}", "Value")
    return bound
