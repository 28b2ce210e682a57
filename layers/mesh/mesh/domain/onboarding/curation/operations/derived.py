"""Steps that make new columns: mapping, arithmetic, text and date functions, split, merge.

Source: AWS Glue DataBrew Developer Guide, CATEGORICAL_MAPPING, MERGE, SPLIT_COLUMN_SINGLE_DELIMITER, and the pages of
the mathematical, text and date functions. What it leaves open: a new column stands right after the last one that it is
made of; a missing operand makes the result missing; MERGE leaves missing values out.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal, DecimalException
from typing import Final

from mesh.domain.onboarding.curation.cells import Cell, Row, from_number, is_missing, number, text
from mesh.domain.onboarding.curation.columns import ColumnFlow
from mesh.domain.onboarding.curation.dates import date_writer, read_moment
from mesh.domain.onboarding.curation.metering import checked_size
from mesh.domain.onboarding.curation.operations.model import SOURCE, TARGET, Operation, RowFunction, derived, operation
from mesh.domain.onboarding.curation.operations.values import capital_case
from mesh.domain.onboarding.curation.recipe import Step

MAX_SPLITS: Final = 20
_ARITHMETIC: Final[dict[str, Callable[[Decimal, Decimal], Decimal]]] = {
    "ADD": lambda a, b: a + b,
    "SUBTRACT": lambda a, b: a - b,
    "MULTIPLY": lambda a, b: a * b,
    "DIVIDE": lambda a, b: a / b,
}
_TEXT: Final[dict[str, Callable[[str], str]]] = {
    "TRIM": str.strip,
    "UPPER": str.upper,
    "LOWER": str.lower,
    "PROPER": capital_case,
}


def categorical_mapping(step: Step, flow: ColumnFlow) -> RowFunction:
    """`targetColumn` from `sourceColumn` by `categoryMap`. A value that is not in the map: with `deleteOtherRows` its
    row goes, `other` stands for it, with `keepOthers` it stays, else it is null. `mapType` NUMERIC makes numbers.
    """
    categories, other = step.mapping("categoryMap"), step.parameters.get("other")
    drop, keep, numeric = step.flag("deleteOtherRows"), step.flag("keepOthers"), _numeric(step)
    if drop + keep + (other is not None) > 1:
        raise step.invalid("deleteOtherRows, keepOthers and other exclude each other", "other")
    at = flow.find(step, step.required(SOURCE))

    def compute(cells: Sequence[Cell]) -> Cell:
        cell = cells[0]
        mapped: Cell = categories.get(text(cell))
        if mapped is None and not is_missing(cell):
            mapped = cell if keep else other
        if not numeric or mapped is None:
            return mapped
        value = number(mapped)
        return None if value is None else from_number(value)

    insert = derived(step, flow, [step.required(SOURCE)], compute)
    return (lambda row: insert(row) if text(row[at]) in categories else None) if drop else insert


def _numeric(step: Step) -> bool:
    kind = step.parameters.get("mapType", "")
    if kind not in {"", "NUMERIC", "TEXT"}:
        raise step.invalid(f"mapType is NUMERIC or TEXT, not {kind!r}", "mapType")
    return kind == "NUMERIC"


def arithmetic(step: Step, flow: ColumnFlow) -> RowFunction:
    """`sourceColumn1` or `value1`, and `sourceColumn2` or `value2`; ADD also as `sourceColumn1` + `value1`."""
    given = step.parameters
    if step.operation == "ADD" and {"sourceColumn1", "value1"} <= given.keys() and len(given.keys() - {TARGET}) == 2:
        chosen = ["sourceColumn1", "value1"]
    else:
        chosen = [_one_of(step, f"sourceColumn{side}", f"value{side}") for side in (1, 2)]
    constants = {name: _constant(step, name) for name in chosen if name.startswith("value")}
    sources = [step.required(name) for name in chosen if name not in constants]
    if not sources:
        raise step.invalid("needs a column, not two values", "sourceColumn1")
    compute = _ARITHMETIC[step.operation]

    def result(cells: Sequence[Cell]) -> Cell:
        rest = iter(cells)
        left, right = (constants[name] if name in constants else number(next(rest)) for name in chosen)
        if left is None or right is None:
            return None
        try:
            value = compute(left, right)
        except DecimalException:  # a division by zero
            return None
        return from_number(value) if value.is_finite() and abs(value.adjusted()) < 300 else None

    return derived(step, flow, sources, result)


def text_function(step: Step, flow: ColumnFlow) -> RowFunction:
    """TRIM, UPPER, LOWER, PROPER of `sourceColumn` or of `value`, in a new column."""
    change = _TEXT[step.operation]
    if _one_of(step, SOURCE, "value") == "value":
        constant = change(step.required("value"))
        return derived(step, flow, [], lambda _: constant)
    return derived(step, flow, [step.required(SOURCE)], lambda cells: change(text(cells[0])) or None)


def date_format(step: Step, flow: ColumnFlow) -> RowFunction:
    """The date of `sourceColumn`, or `value`, in a new column as `dateTimeFormat` says; null for what is not a date."""
    pattern = step.parameters.get("dateTimeFormat") or "yyyy-mm-dd HH:MM:SS"
    try:
        write = date_writer(pattern)
    except ValueError as error:
        raise step.unsupported(str(error), "Use those words.", parameter="dateTimeFormat") from error

    def compute(value: str) -> Cell:
        moment = read_moment(value)
        return write(moment) if moment else None

    if _one_of(step, SOURCE, "value") == "value":
        constant = compute(step.required("value"))
        if constant is None:
            raise step.invalid("value is not a date", "value")
        return derived(step, flow, [], lambda _: constant)
    return derived(step, flow, [step.required(SOURCE)], lambda cells: compute(text(cells[0])))


def merge(step: Step, flow: ColumnFlow) -> RowFunction:
    """`sourceColumns`, a JSON list, joined by `delimiter` in a new column; null where all of them are missing."""
    delimiter = step.parameters.get("delimiter", "")

    def joined(cells: Sequence[Cell]) -> Cell:
        parts = [text(cell) for cell in cells if not is_missing(cell)]
        checked_size(step, sum(map(len, parts)) + len(delimiter) * len(parts))
        return delimiter.join(parts) or None

    return derived(step, flow, step.texts("sourceColumns"), joined)


def split(step: Step, flow: ColumnFlow) -> RowFunction:
    """At most `limit` splits at `pattern`: `<source>_1`, …, one column more than splits; the source stays."""
    name, pattern = step.required(SOURCE), step.required("pattern")
    limit = step.whole_number("limit", 1, MAX_SPLITS)
    if step.flag("includeInSplit"):
        remedy = 'Use includeInSplit "false": the guide does not say on which side the pattern goes.'
        raise step.unsupported("includeInSplit is not supported", remedy, parameter="includeInSplit")
    at = flow.find(step, name)
    for place in range(limit + 1, 0, -1):  # each right after the source, the last one first
        flow.add(step, f"{name}_{place}", [name])

    def apply(row: Row) -> Row:
        parts: list[Cell] = (
            [] if is_missing(row[at]) else [part or None for part in text(row[at]).split(pattern, limit)]
        )
        row[at + 1 : at + 1] = parts + [None] * (limit + 1 - len(parts))
        return row

    return apply


def _one_of(step: Step, column: str, value: str) -> str:
    if (column in step.parameters) == (value in step.parameters):
        raise step.invalid(f"needs either {column} or {value}", column)
    return column if column in step.parameters else value


def _constant(step: Step, name: str) -> Decimal:
    value = number(step.required(name))
    if value is None:
        raise step.invalid(f"{name} is not a number", name)
    return value


_MAPPING: Final = (SOURCE, TARGET, "categoryMap", "deleteOtherRows", "other", "keepOthers", "mapType")
_OPERANDS: Final = ("sourceColumn1", "value1", "sourceColumn2", "value2", TARGET)
DERIVED: Final[dict[str, Operation]] = {
    "CATEGORICAL_MAPPING": operation(categorical_mapping, _MAPPING),
    **{name: operation(arithmetic, _OPERANDS) for name in _ARITHMETIC},
    **{name: operation(text_function, (SOURCE, "value", TARGET)) for name in _TEXT},
    "DATE_FORMAT": operation(date_format, (SOURCE, "value", "dateTimeFormat", TARGET)),
    "MERGE": operation(merge, ("sourceColumns", "delimiter", TARGET)),
    "MERGE_COLUMNS_AND_VALUES": operation(merge, ("sourceColumns", "delimiter", TARGET)),
    "SPLIT_COLUMN_SINGLE_DELIMITER": operation(split, (SOURCE, "pattern", "limit", "includeInSplit")),
}
