"""Steps that change the values of one column where they stand: type, format, cleaning, missing data.

Source: AWS Glue DataBrew Developer Guide, "Basic column", "Data cleaning" and "Data quality recipe steps", the page
of each operation. All take ConditionExpressions: a row that does not meet them stays as it is. Missing values stay
missing, but in the FILL_ steps.
"""

import re
import string
from collections.abc import Callable
from functools import partial
from typing import Final

from mesh.domain.onboarding.budgets import MAX_ROW
from mesh.domain.onboarding.curation.cells import Cell, is_missing
from mesh.domain.onboarding.curation.columns import ColumnFlow
from mesh.domain.onboarding.curation.dates import date_writer, read_moment
from mesh.domain.onboarding.curation.metering import checked_size, too_much_text
from mesh.domain.onboarding.curation.operations.model import (
    SOURCE,
    Operation,
    RowFunction,
    in_place,
    on_text,
    operation,
)
from mesh.domain.onboarding.curation.operations.types import CONVERTERS
from mesh.domain.onboarding.curation.recipe import Step
from mesh.domain.patterns import PatternRefused, TextTooLong, compiled

DATE_FORMATS: Final = ("mm/dd/yyyy", "mm-dd-yyyy", "dd month yyyy", "month yyyy", "dd month")
COLUMN_TYPES: Final = frozenset({"date", "number", "boolean", "unsupported", "string", "timestamp"})
_PUNCTUATION: Final = ".!,?"
_QUOTES: Final = "'\""
_WORD: Final = re.compile(r"\S+")
_SENTENCE: Final = re.compile(r"(^\s*|[.!?]\s+)(\w)")


def change_data_type(step: Step, flow: ColumnFlow) -> RowFunction:
    """`columnDataType`; a value that cannot be converted becomes null."""
    name = step.required("columnDataType")
    convert = CONVERTERS.get(name)
    if convert is None:
        remedy = f"Supported are {', '.join(sorted(CONVERTERS))}."
        raise step.unsupported(f"the data type {name!r} is not supported", remedy, parameter="columnDataType")
    return in_place(step, flow, lambda cell: None if is_missing(cell) else convert(cell))


def capital_case(value: str) -> str:
    """The first letter of each word a capital, the rest small."""
    return _WORD.sub(lambda word: word[0].capitalize(), value)


def sentence_case(value: str) -> str:
    """The first letter of each sentence a capital, the rest small."""
    return _SENTENCE.sub(lambda found: found[1] + found[2].upper(), value.lower())


def affix(step: Step, flow: ColumnFlow) -> RowFunction:
    """ADD_PREFIX, ADD_SUFFIX: `pattern` before or after the value."""
    pattern, before = step.required("pattern"), step.operation == "ADD_PREFIX"

    def change(value: str) -> str:
        checked_size(step, len(pattern) + len(value))
        return pattern + value if before else value + pattern

    return in_place(step, flow, on_text(change))


def replace_text(step: Step, flow: ColumnFlow) -> RowFunction:
    """`pattern`, characters or a regular expression (RE2's), replaced by `value` ("" where none is given)."""
    try:
        pattern = compiled(step.required("pattern"))
    except PatternRefused as error:
        raise step.invalid(f"pattern is not a regular expression that RE2 takes: {error}", "pattern") from error
    value, check = step.parameters.get("value", ""), partial(flow.meter.check, step)

    def change(cell: str) -> str:
        try:
            return pattern.replace(cell, value, MAX_ROW, check)
        except TextTooLong:
            raise too_much_text(step) from None

    return in_place(step, flow, on_text(change))


def remove_combined(step: Step, flow: ColumnFlow) -> RowFunction:
    """What the flags name is removed, in the order of the guide."""
    if not (changes := [change for name, change in _cleaners(step).items() if step.flag(name)]):
        raise step.invalid("no flag is true: nothing would be removed")

    def clean(value: str) -> str:
        for change in changes:
            value = change(value)
        return value

    return in_place(step, flow, on_text(clean))


def _cleaners(step: Step) -> dict[str, Callable[[str], str]]:
    custom = step.required("customCharacters") if step.flag("removeCustomCharacters") else ""
    value = step.required("customValue") if step.flag("removeCustomValue") else ""
    return {
        "collapseConsecutiveWhitespace": lambda text: re.sub(r"\s{2,}", " ", text),
        "removeAllPunctuation": _without(_PUNCTUATION),
        "removeAllQuotes": _without(_QUOTES),
        "removeAllWhitespace": lambda text: re.sub(r"\s+", "", text),
        "removeCustomCharacters": _without(custom),
        "removeCustomValue": lambda text: text.replace(value, ""),
        "removeLeadingAndTrailingPunctuation": lambda text: text.strip(_PUNCTUATION),
        "removeLeadingAndTrailingQuotes": lambda text: text.strip(_QUOTES),
        "removeLeadingAndTrailingWhitespace": str.strip,
        "removeLetters": _without(string.ascii_letters),
        "removeNumbers": _without(string.digits),
        "removeSpecialCharacters": _without(string.punctuation),
    }


_CLEANERS: Final = (
    "collapseConsecutiveWhitespace", "removeAllPunctuation", "removeAllQuotes", "removeAllWhitespace",
    "removeCustomCharacters", "removeCustomValue", "removeLeadingAndTrailingPunctuation",
    "removeLeadingAndTrailingQuotes", "removeLeadingAndTrailingWhitespace", "removeLetters", "removeNumbers",
    "removeSpecialCharacters", "customCharacters", "customValue",
)  # fmt: skip


def format_date(step: Step, flow: ColumnFlow) -> RowFunction:
    """A date, written as one of the guide's five `targetDateFormat`s; what is not a date becomes null."""
    pattern = step.required("targetDateFormat")
    if pattern not in DATE_FORMATS:
        raise step.invalid(f"targetDateFormat is one of {', '.join(DATE_FORMATS)}, not {pattern!r}", "targetDateFormat")
    write = date_writer(pattern)

    def change(value: str) -> Cell:
        moment = read_moment(value)
        return write(moment) if moment else None

    return in_place(step, flow, lambda cell: cell if is_missing(cell) else change(str(cell)))


def fill_with_custom(step: Step, flow: ColumnFlow) -> RowFunction:
    """`value` in place of what is missing; it has to be of the `columnDataType` where one is given."""
    value, kind = step.required("value"), step.parameters.get("columnDataType", "string")
    _check_kind(step, kind)
    converter = {"number": "decimal", "string": None, "unsupported": None}.get(kind, kind)
    filled = CONVERTERS[converter](value) if converter else value
    if filled is None:
        raise step.invalid(f"value {value!r} is not of type {kind}", "value")
    return in_place(step, flow, lambda cell: filled if is_missing(cell) else cell)


def fill_with_last_valid(step: Step, flow: ColumnFlow) -> RowFunction:
    """The value above in place of what is missing, in the order of the rows; what comes first stays missing."""
    _check_kind(step, step.parameters.get("columnDataType", "string"))
    last: list[Cell] = [None]

    def change(cell: Cell) -> Cell:
        if is_missing(cell):
            return last[0]
        last[0] = cell
        return cell

    return in_place(step, flow, change)


def _check_kind(step: Step, kind: str) -> None:
    if kind not in COLUMN_TYPES:
        raise step.invalid(
            f"columnDataType is one of {', '.join(sorted(COLUMN_TYPES))}, not {kind!r}", "columnDataType"
        )


def _without(characters: str) -> Callable[[str], str]:
    table = dict.fromkeys(map(ord, characters))
    return lambda text: text.translate(table)


def _case(change: Callable[[str], str]) -> Operation:
    return operation(lambda step, flow: in_place(step, flow, on_text(change)), conditional=True)


VALUES: Final[dict[str, Operation]] = {
    "CHANGE_DATA_TYPE": operation(change_data_type, (SOURCE, "columnDataType"), conditional=True),
    "UPPER_CASE": _case(str.upper),
    "LOWER_CASE": _case(str.lower),
    "CAPITAL_CASE": _case(capital_case),
    "SENTENCE_CASE": _case(sentence_case),
    "ADD_PREFIX": operation(affix, (SOURCE, "pattern"), conditional=True),
    "ADD_SUFFIX": operation(affix, (SOURCE, "pattern"), conditional=True),
    "REPLACE_TEXT": operation(replace_text, (SOURCE, "pattern", "value"), conditional=True),
    "REMOVE_COMBINED": operation(remove_combined, (SOURCE, *_CLEANERS), conditional=True),
    "FORMAT_DATE": operation(format_date, (SOURCE, "targetDateFormat"), conditional=True),
    "FILL_WITH_CUSTOM": operation(fill_with_custom, (SOURCE, "columnDataType", "value"), conditional=True),
    "FILL_WITH_LAST_VALID": operation(fill_with_last_valid, (SOURCE, "columnDataType"), conditional=True),
}
