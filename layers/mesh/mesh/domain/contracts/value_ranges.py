"""Compare which values a column may hold by two contracts.

Keywords are the Open Data Contract Standard's `logicalTypeOptions`. A missing option allows everything.
"""

import json
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, Final, NamedTuple

from mesh.domain.contracts.contract import ContractColumn
from mesh.domain.contracts.evolution import Direction

_INTERVALS: Final = {
    "range": ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"),
    "length": ("minLength", "", "maxLength", ""),
    "items": ("minItems", "", "maxItems", ""),
    "fields": ("minProperties", "", "maxProperties", ""),
}
_IN_INTERVALS: Final = {name for names in _INTERVALS.values() for name in names if name}
_SIZED: Final = re.compile(r"(?:var)?char\((\d+)\)", re.IGNORECASE)


class Difference(NamedTuple):
    """`what` is `range`, `length`, `values`, or an option's own name."""

    what: str
    direction: Direction
    before: Any
    after: Any


class _Bound(NamedTuple):
    """A lower bound `(value, excluded)`; an upper one is compared the other way round."""

    value: Any
    excluded: bool


def compare_values(old: ContractColumn, new: ContractColumn) -> Iterator[Difference]:
    """Enumerations, intervals, patterns, steps and all other options."""
    before, after = allowed_values(old), allowed_values(new)
    if (direction := _of_sets(before, after)) is not None:
        yield Difference("values", direction, sorted(before or ()), sorted(after or ()))
    options, others = _options(old), _options(new)
    for what, names in _INTERVALS.items():
        lower = _of_lower(_lower(options, names, old), _lower(others, names, new))
        upper = _of_upper(_upper(options, names, old), _upper(others, names, new))
        if (direction := _both(lower, upper)) is not None:
            yield Difference(what, direction, _interval(options, names), _interval(others, names))
    for name in sorted((options.keys() | others.keys()) - _IN_INTERVALS):
        direction = _of_option(name, options.get(name), others.get(name))
        if direction is not None:
            yield Difference(name, direction, options.get(name), others.get(name))


def allowed_values(column: ContractColumn) -> frozenset[str] | None:
    """The enumeration, as JSON texts: 3.2's `enum`, and library rules that let no other value pass; else `None`."""
    sets = [column.enum] if column.enum else []
    for rule in column.extras.get("quality") or ():
        listed = (rule.get("arguments") or {}).get("validValues")
        if rule.get("metric") == "invalidValues" and listed and rule.get("mustBe") == 0:
            sets.append(tuple(listed))
    texts = [frozenset(json.dumps(value, ensure_ascii=False) for value in values) for values in sets]
    return frozenset.intersection(*texts) if texts else None


def _options(column: ContractColumn) -> Mapping[str, Any]:
    """With the length that `varchar(n)` promises."""
    sized = _SIZED.fullmatch(column.physical_type.strip())
    if sized is None:
        return column.options
    longest = column.options.get("maxLength")
    return {**column.options, "maxLength": min(int(sized[1]), longest) if isinstance(longest, int) else int(sized[1])}


def _of_sets(old: frozenset[str] | None, new: frozenset[str] | None) -> Direction | None:
    if old == new:
        return None
    if new is None or (old is not None and old < new):
        return "widened"
    return "narrowed" if old is None or new < old else "changed"


def _lower(options: Mapping[str, Any], names: tuple[str, ...], column: ContractColumn) -> _Bound | None:
    bounds = _bounds(options, names[0], names[1])
    bound = max(bounds, default=None)
    if bound and _whole(bound, column):
        return _Bound(bound.value + 1, False)
    return bound


def _upper(options: Mapping[str, Any], names: tuple[str, ...], column: ContractColumn) -> _Bound | None:
    bounds = _bounds(options, names[2], names[3])
    bound = min(bounds, key=lambda bound: (bound.value, not bound.excluded), default=None)
    if bound and _whole(bound, column):
        return _Bound(bound.value - 1, False)
    return bound


def _bounds(options: Mapping[str, Any], inclusive: str, exclusive: str) -> list[_Bound]:
    """In 3.0 an exclusive bound is a flag on the inclusive one. Whatever is not a number is compared as text."""
    value, other = options.get(inclusive), options.get(exclusive)
    if isinstance(other, bool):
        return [] if value is None else [_Bound(_comparable(value), other)]
    return [
        _Bound(_comparable(bound), excluded) for bound, excluded in ((value, False), (other, True)) if bound is not None
    ]


def _comparable(value: Any) -> Any:  # noqa: ANN401 - a number or a text
    return value if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _whole(bound: _Bound, column: ContractColumn) -> bool:
    """Whether the next integer is the bound that an exclusive one stands for."""
    return (
        bound.excluded
        and column.logical_type == "integer"
        and not isinstance(bound.value, str)
        and bound.value == int(bound.value)
    )


def _of_lower(old: _Bound | None, new: _Bound | None) -> Direction | None:
    if old == new:
        return None
    if new is None or old is None:
        return "widened" if new is None else "narrowed"
    if isinstance(old.value, str) != isinstance(new.value, str):
        return "changed"
    return "widened" if new < old else "narrowed"


def _of_upper(old: _Bound | None, new: _Bound | None) -> Direction | None:
    if old == new:
        return None
    if new is None or old is None:
        return "widened" if new is None else "narrowed"
    if isinstance(old.value, str) != isinstance(new.value, str):
        return "changed"
    return "widened" if (new.value, not new.excluded) > (old.value, not old.excluded) else "narrowed"


def _both(lower: Direction | None, upper: Direction | None) -> Direction | None:
    seen = {direction for direction in (lower, upper) if direction}
    return seen.pop() if len(seen) == 1 else "changed" if seen else None


def _of_option(name: str, old: Any, new: Any) -> Direction | None:  # noqa: ANN401 - JSON values
    if old == new or (name == "uniqueItems" and bool(old) == bool(new)):
        return None
    if name == "uniqueItems":
        return "narrowed" if new else "widened"
    if old is None or new is None:
        return "widened" if new is None else "narrowed"
    if name == "multipleOf":
        return _of_steps(Fraction(str(old)), Fraction(str(new)))
    if name == "required":
        return _of_sets(frozenset(map(str, new)), frozenset(map(str, old)))
    return "changed"


def _of_steps(old: Fraction, new: Fraction) -> Direction:
    if old and (new / old).denominator == 1:
        return "narrowed"
    return "widened" if new and (old / new).denominator == 1 else "changed"


def _interval(options: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return " ".join(f"{name} {options[name]}" for name in names if name in options)
