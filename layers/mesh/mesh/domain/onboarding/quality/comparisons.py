"""What a quality rule compares its number with: the operators of the Open Data Contract Standard.

`mustBeBetween` leaves its two bounds out: the standard says that it "is the equivalent to mustBeGreaterThan and
mustBeLessThan", and gives that as its example. `mustNotBeBetween` is its reverse.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

OPERATORS: Final = (
    "mustBe",
    "mustNotBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeBetween",
    "mustNotBeBetween",
)
_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "mustBe": operator.eq,
    "mustNotBe": operator.ne,
    "mustBeGreaterThan": operator.gt,
    "mustBeGreaterOrEqualTo": operator.ge,
    "mustBeLessThan": operator.lt,
    "mustBeLessOrEqualTo": operator.le,
}
_TRUTH: Final = {"true": 1.0, "false": 0.0}


class Comparison(NamedTuple):
    """One operator with its operands: one number, or two for `…Between`."""

    operator: str
    operands: tuple[float, ...]

    def holds(self, value: float) -> bool:
        """Whether the number satisfies it."""
        if compare := _COMPARE.get(self.operator):
            return compare(value, self.operands[0])
        low, high = self.operands
        return (low < value < high) == (self.operator == "mustBeBetween")

    @property
    def text(self) -> str:
        """As in the contract: `mustBeLessThan 5`."""
        shown = [f"{operand:g}" for operand in self.operands]
        return f"{self.operator} {shown[0] if len(shown) == 1 else '[' + ', '.join(shown) + ']'}"


NONE_MAY: Final = Comparison("mustBe", (0.0,))
"""No row may break it: what a promise without an operator means."""


def comparisons(rule: Mapping[str, Any]) -> tuple[Comparison, ...]:
    """All of a rule's operators (3.0 allows several: each has to hold).

    Raises `ValueError`, with what is wrong, for one that is unknown or whose operand is not a number or boolean.
    """
    stated = {name: operand for name, operand in rule.items() if name.startswith("must")}
    if unknown := sorted(stated.keys() - set(OPERATORS)):
        raise ValueError(f"there is no operator {unknown[0]}; there are {', '.join(OPERATORS)}")
    return tuple(Comparison(name, _operands(name, operand)) for name, operand in stated.items())


def _operands(name: str, operand: object) -> tuple[float, ...]:
    if name.endswith("Between"):
        if not isinstance(operand, list | tuple) or len(operand) != 2:
            raise ValueError(f"{name} takes two numbers, not {operand!r}")
        return (_number(name, operand[0]), _number(name, operand[1]))
    return (_number(name, operand),)


def _number(name: str, operand: object) -> float:
    text = str(operand).strip().lower()
    try:
        return _TRUTH[text] if text in _TRUTH else float(text)
    except ValueError:
        raise ValueError(f"{name} compares with a number, not with {operand!r}") from None
