"""A recipe: DataBrew's JSON list of steps, checked for its form.

Source: AWS Glue DataBrew Developer Guide, "Defining a recipe structure", and API reference, RecipeStep, RecipeAction,
ConditionExpression: at most 100 steps, names of capitals and underscores, all parameter values strings, lists and maps
as JSON within a string.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, Final

from mesh.domain.onboarding.budgets import MAX_RECIPE, MAX_STEPS
from mesh.domain.onboarding.curation.errors import RecipeInvalid, UnsupportedStep

_OPERATION: Final = re.compile(r"[A-Z_]{1,128}").fullmatch
_PARAMETER: Final = re.compile(r"[A-Za-z0-9]{1,128}").fullmatch
_MAX_VALUE: Final = 32_768
_DIGITS: Final = 9
_FORM: Final = 'Write each step as {"Action": {"Operation": NAME, "Parameters": {"name": "text"}}}.'


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; `value` is "" where none was given."""

    name: str
    value: str
    column: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step, `number` counted from 1."""

    number: int
    operation: str
    parameters: dict[str, str]
    conditions: tuple[Condition, ...] = ()

    def required(self, name: str) -> str:
        """A parameter's text. Raises RecipeInvalid without it."""
        value = self.parameters.get(name, "")
        if not value:
            raise self.invalid(f"lacks the parameter {name}", name)
        return value

    def flag(self, name: str) -> bool:
        """`"true"` or `"false"`, the latter where it is not given."""
        value = self.parameters.get(name, "false").lower()
        if value not in {"true", "false"}:
            raise self.invalid(f'{name} is "true" or "false", not {value!r:.60}', name)
        return value == "true"

    def whole_number(self, name: str, least: int, most: int) -> int:
        """A whole number within bounds."""
        value = self.required(name)
        if not value.isascii() or not value.isdigit() or len(value) > _DIGITS or not least <= int(value) <= most:
            raise self.invalid(f"{name} is a whole number from {least} to {most}, not {value!r:.60}", name)
        return int(value)

    def texts(self, name: str) -> list[str]:
        """A JSON list of texts."""
        value = self._json(name)
        if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
            raise self.invalid(f"{name} is a JSON list of texts in a string", name)
        return value

    def mapping(self, name: str) -> dict[str, str]:
        """A JSON map of texts to texts; numbers and truth values within are taken as text."""
        value = self._json(name)
        if not isinstance(value, dict) or not value or any(isinstance(item, dict | list) for item in value.values()):
            raise self.invalid(f"{name} is a JSON map of values in a string", name)
        return {key: item if isinstance(item, str) else json.dumps(item) for key, item in value.items()}

    def invalid(self, message: str, parameter: str | None = None) -> RecipeInvalid:
        """The error that this step cannot be read."""
        return RecipeInvalid(
            f"step {self.number} ({self.operation}): {message}",
            step=self.number,
            operation=self.operation,
            parameter=parameter,
            remedy="Correct the step and upload the recipe again.",
        )

    def unsupported(self, message: str, remedy: str, **where: Any) -> UnsupportedStep:  # noqa: ANN401 - as in MeshError
        """The error that this step asks for something that is not built."""
        prefix = f"step {self.number} ({self.operation})"
        return UnsupportedStep(
            f"{prefix}: {message}", remedy=remedy, step=self.number, operation=self.operation, **where
        )

    def _json(self, name: str) -> object:
        try:
            return json.loads(self.required(name))
        except (ValueError, RecursionError) as error:  # the former for numbers of thousands of digits as well
            raise self.invalid(f"{name} is not JSON: {error}"[:300], name) from error


@dataclass(frozen=True, slots=True)
class Recipe:
    """Steps in order. `sha256` is that of the steps, whatever the file's white space."""

    steps: tuple[Step, ...]
    sha256: str


def parse_recipe(body: bytes) -> Recipe:
    """A recipe from its file. Raises RecipeInvalid, naming the first step that is wrong."""
    if len(body) > MAX_RECIPE:
        raise RecipeInvalid(f"the recipe is larger than {MAX_RECIPE} bytes", remedy="Shorten it.")
    try:
        document = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise RecipeInvalid(f"the recipe is not JSON: {error}"[:300], remedy="Save it as UTF-8 JSON.") from error
    if not isinstance(document, list):
        raise RecipeInvalid("a recipe is a JSON list of steps", remedy=_FORM)
    if len(document) > MAX_STEPS:
        raise RecipeInvalid(
            f"a recipe has at most {MAX_STEPS} steps, this one {len(document)}", remedy="Join or drop some."
        )
    steps = tuple(_step(number, item) for number, item in enumerate(document, start=1))
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Recipe(steps, hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest())


def _step(number: int, item: object) -> Step:
    if not isinstance(item, dict) or not isinstance(item.get("Action"), dict):
        raise _malformed(number, "is not an object with an Action")
    _only(number, item, {"Action", "ConditionExpressions"})
    _only(number, item["Action"], {"Operation", "Parameters"})
    operation, parameters = item["Action"].get("Operation"), item["Action"].get("Parameters") or {}
    if not isinstance(operation, str) or not _OPERATION(operation):
        raise _malformed(number, f"has no operation's name, but {operation!r}"[:200])
    if not isinstance(parameters, dict):
        raise _malformed(number, f"({operation}): Parameters is not a map")
    for name, value in parameters.items():
        if not _PARAMETER(name) or not isinstance(value, str) or len(value) > _MAX_VALUE:
            raise _malformed(
                number, f"({operation}): the parameter {name!r} is not text of at most {_MAX_VALUE} characters"[:300]
            )
    conditions = item.get("ConditionExpressions") or []
    if not isinstance(conditions, list):
        raise _malformed(number, f"({operation}): ConditionExpressions is not a list")
    return Step(number, operation, parameters, tuple(_condition(number, operation, one) for one in conditions))


def _condition(number: int, operation: str, item: object) -> Condition:
    if not isinstance(item, dict):
        raise _malformed(number, f"({operation}): a condition is not an object")
    _only(number, item, {"Condition", "Value", "TargetColumn"})
    name, value, column = item.get("Condition"), item.get("Value", ""), item.get("TargetColumn")
    if not isinstance(name, str) or not isinstance(value, str) or not isinstance(column, str) or not column:
        raise _malformed(number, f"({operation}): a condition has Condition, TargetColumn and Value, all texts")
    return Condition(name, value, column)


def _only(number: int, item: dict[str, Any], names: set[str]) -> None:
    if unknown := sorted(set(item) - names):
        raise _malformed(number, f"has {', '.join(unknown)[:100]}, which no step has")


def _malformed(number: int, message: str) -> RecipeInvalid:
    return RecipeInvalid(f"step {number} {message}", step=number, remedy=_FORM)
