"""Values in a row, and how DataBrew's operations see them: as text, as numbers, as missing."""

import json
import re
from decimal import Decimal
from typing import Any, Final

type Cell = str | int | float | Decimal | bool | list[Any] | dict[str, Any] | None
"""CSV gives text and None; JSON lines give JSON's values, numbers with a point as Decimal so that they keep digits."""
type Row = list[Cell]

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?").fullmatch
_EXPONENTS: Final = range(-324, 309)
"""A double's. Beyond them a number is none: nothing downstream could read it."""
_LONGEST_NUMBER: Final = 400
_TRUE: Final = frozenset({"true", "yes"})
_FALSE: Final = frozenset({"false", "no"})


def is_missing(cell: Cell) -> bool:
    """Null, or empty text: what DataBrew counts as missing."""
    return cell is None or cell == ""


def text(cell: Cell) -> str:
    """A value as text; "" for null."""
    match cell:
        case str():
            return cell
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case Decimal():
            return format(cell, "f")
        case list() | dict():
            return to_json(cell)
    return repr(cell)


def to_json(cell: Cell) -> str:
    """A value as JSON; a Decimal with its own digits, which the json module cannot write."""
    match cell:
        case Decimal():
            return format(cell, "f")
        case list():
            return f"[{', '.join(map(to_json, cell))}]"
        case dict():
            return "{" + ", ".join(f"{_quoted(name)}: {to_json(value)}" for name, value in cell.items()) + "}"
    return json.dumps(cell, ensure_ascii=False)


def number(cell: Cell) -> Decimal | None:
    """The number that a value is or spells, None where it is none or beyond a double's range."""
    if isinstance(cell, bool):
        return None
    spelled = text(cell).strip()
    if len(spelled) > _LONGEST_NUMBER or not _NUMBER(spelled):
        return None
    value = Decimal(spelled)
    return value if value == 0 or value.adjusted() in _EXPONENTS else None


def from_json(spelled: str) -> Decimal:
    """A JSON number with a point or an exponent. Raises ValueError beyond a double's range: `1e400000000` has as many
    digits when it is written."""
    try:
        value: Decimal | None = Decimal(spelled)
    except ArithmeticError:  # an exponent that no Decimal has
        value = None
    if value is None or value.adjusted() not in _EXPONENTS:
        raise ValueError("a number is beyond a double's range, from 1e-324 to 1e308: correct it, or write it as text")
    return value


def from_number(value: Decimal) -> int | Decimal:
    """Whole numbers as int (`12`, not `12.0`), others without trailing zeros."""
    whole = value.to_integral_value()
    return int(whole) if whole == value else value.normalize()


def boolean(cell: Cell) -> bool | None:
    """true or yes, false or no (in any case); else None."""
    word = text(cell).strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
