"""Types of text values, as a Glue crawler gives them: integers are bigint, decimals double, true/false boolean."""

import re
from collections.abc import Iterable
from itertools import islice
from typing import Final

from mesh.domain.onboarding.formats.model import MAX_SAMPLE_LENGTH, MAX_SAMPLES
from mesh.domain.schema import UNDECLARED

# Lines of values, so that one match judges a whole column.
_INTEGERS: Final = re.compile(r"(?:[+-]?[0-9]++(?:\n|\Z))++").fullmatch
_NUMBERS: Final = re.compile(r"(?:[+-]?(?:[0-9]++\.?[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?(?:\n|\Z))++").fullmatch
_DAY: Final = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_DATE: Final = re.compile(_DAY).fullmatch
# What LazySimpleSerDe reads as a timestamp; ISO's `T` it reads as null.
_TIMESTAMP: Final = re.compile(_DAY + r" [0-2][0-9]:[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?").fullmatch
_BOOLEANS: Final = frozenset({"true", "false"})
_INT64: Final = range(-(2**63), 2**63)
_SAFE_DIGITS: Final = 18
_SAMPLED: Final = 2000


def text_type(values: Iterable[str], declared: str = UNDECLARED) -> str:
    """The type of a column's values; "" when all are empty (no value says anything).

    Dates and timestamps are strings unless the contract `declared` them and every value is one. An integer beyond 64
    bits makes a string: neither bigint nor double would keep its digits.
    """
    distinct = {value for value in values if value}
    if not distinct:
        return UNDECLARED
    lines = "\n".join(distinct)
    if lines.count("\n") == len(distinct) - 1:
        if _INTEGERS(lines):
            return "bigint" if _fit_in_64_bits(distinct) else "string"
        if _NUMBERS(lines):
            return "double"
    if all(value.lower() in _BOOLEANS for value in distinct):
        return "boolean"
    if declared == "date" and all(map(_DATE, distinct)):
        return "date"
    if declared == "timestamp" and all(_TIMESTAMP(value) or _DATE(value) for value in distinct):
        return "timestamp"
    return "string"


def _fit_in_64_bits(integers: Iterable[str]) -> bool:
    return all(len(text) <= _SAFE_DIGITS or (len(text) < 40 and int(text) in _INT64) for text in integers)


def sample(values: Iterable[str]) -> tuple[str, ...]:
    """The first few distinct values that are not empty, cut to a length that patterns need."""
    found: dict[str, None] = {}
    for value in islice(values, _SAMPLED):
        if value:
            found[value[:MAX_SAMPLE_LENGTH]] = None
            if len(found) == MAX_SAMPLES:
                break
    return tuple(found)
