"""A staged value as one of a Hive type: NULL where it is none. In SQL, over one column.

Texts become numbers only if they are written as such: `0107` and identifiers of more than 15 digits stay text, unless
a contract says that they are numbers (a double holds 15 digits for sure, and so do spreadsheets).
"""

import json
from typing import Any, Final

from mesh.adapters.duckdb.engine import duck_of
from mesh.domain.onboarding.quality.sql_text import text_literal
from mesh.domain.onboarding.reading.json_types import transform_structure
from mesh.domain.onboarding.reading.types import is_nested

LADDER: Final = ("bigint", "double", "boolean", "date", "timestamp")
"""Types that a text is tried as, the narrower first."""
_DAY: Final = r"\d{4}-\d{2}-\d{2}"
_TIME: Final = r"\d{2}:\d{2}(:\d{2}(\.\d{1,6}0*)?)?"
_ZONE: Final = r"(Z|[+-]\d{2}(:?\d{2})?)?"
_BIGINT: Final = r" *[+-]?(0|[1-9][0-9]{0,14}) *"
_DOUBLE: Final = (
    r" *[+-]?((0|[1-9][0-9]{0,14})|(0|[1-9][0-9]*)?\.[0-9]+|(0|[1-9][0-9]*)\.|(0|[1-9][0-9]*)?\.?[0-9]+[eE][+-]?"
    r"([0-9]{1,2}|[12][0-9]{2}|30[0-7])) *"
)
_DATE: Final = rf" *{_DAY} *"
_TIMESTAMP: Final = rf" *{_DAY}([ T]{_TIME}{_ZONE})? *"
_WHOLE: Final = r"\s*[+-]?[0-9]+(\.0*)?\s*"
_INTEGERS: Final = ("int", "bigint")


def looks_like(column: str, type_: str) -> str:
    """Predicate: the text is written as a value of a type of `LADDER`."""
    match type_:
        case "bigint":
            # What the engine writes alike is an integer; only the rest needs the expression, which takes far longer.
            alike = f"CAST(try_cast({column} AS BIGINT) AS VARCHAR) = {column} AND length({column}) <= 15"
            return f"(({alike}) OR regexp_full_match({column}, '{_BIGINT}'))"
        case "double":
            return f"regexp_full_match({column}, '{_DOUBLE}')"
        case "boolean":
            return f"lower(trim({column})) IN ('true', 'false')"
        case "date":
            return f"(regexp_full_match({column}, '{_DATE}') AND try_cast({column} AS DATE) IS NOT NULL)"
    return f"(regexp_full_match({column}, '{_TIMESTAMP}') AND try_cast({column} AS TIMESTAMPTZ) IS NOT NULL)"


def from_text(column: str, type_: str, spelt: Any = None) -> str:  # noqa: ANN401 - JSON
    """The value of a text; `spelt` is how JSON objects in it spell their keys."""
    duck = duck_of(type_)
    if is_nested(type_):
        structure = text_literal(json.dumps(transform_structure(type_, spelt)))
        return f"CAST(json_transform(CASE WHEN json_valid({column}) THEN {column} END, {structure}) AS {duck})"
    if type_ in _INTEGERS:
        cast = f"try_cast({column} AS {duck})"
        alike = f"CAST({cast} AS VARCHAR) = {column}"
        return f"CASE WHEN {alike} OR regexp_full_match({column}, '{_WHOLE}') THEN {cast} END"
    if type_.startswith("decimal("):
        scale = int(type_.removesuffix(")").partition(",")[2] or 0)
        finer = f"regexp_matches({column}, '\\.[0-9]{{{scale}}}[0-9]*[1-9]')"
        return f"CASE WHEN NOT contains({column}, '_') AND NOT {finer} THEN try_cast({column} AS {duck}) END"
    match type_:
        case "string":
            return column
        case "boolean":
            return f"CASE lower(trim({column})) WHEN 'true' THEN true WHEN 'false' THEN false END"
        case "float" | "double":
            return f"CASE WHEN NOT contains({column}, '_') THEN try_cast({column} AS {duck}) END"
        case "date":
            return f"CASE WHEN length(trim({column})) <= 10 THEN try_cast({column} AS DATE) END"
        case "timestamp":
            return f"CAST(try_cast({column} AS TIMESTAMPTZ) AS TIMESTAMP)"
        case "binary":
            return f"encode({column})"
    return f"try_cast({column} AS {duck})"


def from_known_text(column: str, type_: str, spelt: Any = None) -> str:  # noqa: ANN401 - JSON
    """As `from_text`, of a column of which every text is known to be written as a value of the type: planned faster."""
    if type_ in {"string", "binary", "timestamp"} or is_nested(type_):
        return from_text(column, type_, spelt)
    return f"try_cast({column} AS {duck_of(type_)})"


def converted(column: str, have: str, want: str, spelt: Any = None) -> str:  # noqa: ANN401 - JSON
    """The value of one Hive type as another's, NULL where that would change it."""
    if have == want:
        return column
    duck = duck_of(want)
    if want == "string":
        return as_text(column, have)
    if have == "string":
        return from_text(column, want, spelt)
    if want in _INTEGERS and have not in _INTEGERS:
        return f"CASE WHEN {column} = trunc({column}) THEN try_cast({column} AS {duck}) END" if _is_number(have) else (
            f"try_cast({column} AS {duck})"
        )  # fmt: skip
    if want.startswith("decimal(") and have.startswith("decimal("):
        return f"CASE WHEN try_cast({column} AS {duck}) = {column} THEN try_cast({column} AS {duck}) END"
    if want == "date" and have == "timestamp":
        return f"CASE WHEN {column} = date_trunc('day', {column}) THEN CAST({column} AS DATE) END"
    return f"try_cast({column} AS {duck})"


def as_text(column: str, type_: str) -> str:
    """The value as text: nested ones as JSON."""
    if type_ == "string":
        return column
    if is_nested(type_):
        return f"CAST(to_json({column}) AS VARCHAR)"
    return f"CAST({column} AS VARCHAR)"


def _is_number(type_: str) -> bool:
    return type_ in {"float", "double"} or type_.startswith("decimal(")
