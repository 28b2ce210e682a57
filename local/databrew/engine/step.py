"""One step of a recipe, as the API takes it."""

from dataclasses import dataclass
from typing import Any

from local.databrew.engine.frame import StepError


@dataclass(frozen=True)
class Step:
    """`number` counts from 1."""

    number: int
    operation: str
    parameters: dict[str, str]
    conditions: list[dict[str, str]]

    @classmethod
    def of(cls, number: int, written: dict[str, Any]) -> "Step":
        action = written["Action"]
        return cls(
            number, action["Operation"], action.get("Parameters") or {}, written.get("ConditionExpressions") or []
        )

    def __getitem__(self, name: str) -> str:
        """A parameter. Raises StepError without it."""
        if name not in self.parameters:
            raise StepError(f"Parameter {name} is required")
        return self.parameters[name]

    def get(self, name: str, default: str = "") -> str:
        return self.parameters.get(name, default)

    def flag(self, name: str) -> bool:
        return self.get(name, "false").lower() == "true"
