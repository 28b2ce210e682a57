"""Types of text values, as a Glue crawler gives them: integers are bigint, decimals double, true/false boolean."""

import re
from collections.abc import Iterable
from typing import Final

from mesh.domain.formats.model import MAX_SAMPLE_LENGTH, MAX_SAMPLES
from mesh.domain.schema import UNDECLARED

_INTEGER: Final = re.compile(r"[+-]?[0-9]+").fullmatch
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?").fullmatch
_DAY: Final = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_DATE: Final = re.compile(_DAY).fullmatch
# What LazySimpleSerDe reads as a timestamp; ISO's `T` it reads as null.
_TIMESTAMP: Final = re.compile(_DAY + r" [0-2][0-9]:[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?").fullmatch
_BOOLEANS: Final = frozenset({"true", "false"})
_INT64: Final = range(-(2**63), 2**63)
_SAFE_DIGITS: Final = 18


def text_type(values: Iterable[str], declared: str = UNDECLARED) -> str:
    """The type of a column's values; "" when all are empty (no value says anything).

    Dates and timestamps are strings unless the contract `declared` them and every value is one. An integer beyond 64
    bits makes a string: neither bigint nor double would keep its digits.
    """
    distinct = {value for value in values if value}
    if not distinct:
        return UNDECLARED
    if all(map(_INTEGER, distinct)):
        fits = all(len(value) <= _SAFE_DIGITS or (len(value) < 40 and int(value) in _INT64) for value in distinct)
        return "bigint" if fits else "string"
    if all(map(_NUMBER, distinct)):
        return "double"
    if all(value.lower() in _BOOLEANS for value in distinct):
        return "boolean"
    if declared == "date" and all(map(_DATE, distinct)):
        return "date"
    if declared == "timestamp" and all(_TIMESTAMP(value) or _DATE(value) for value in distinct):
        return "timestamp"
    return "string"


def sample(values: Iterable[str]) -> tuple[str, ...]:
    """The first few distinct values that are not empty, cut to a length that patterns need."""
    found: dict[str, None] = {}
    for value in values:
        if value:
            found[value[:MAX_SAMPLE_LENGTH]] = None
            if len(found) == MAX_SAMPLES:
                break
    return tuple(found)
