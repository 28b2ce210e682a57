"""What a contract promises by a column's own keywords: required, unique, keys, enumerations, `logicalTypeOptions`."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Final

from mesh.domain.contracts.contract import ContractColumn, ContractTable
from mesh.domain.hive_types import is_number
from mesh.domain.onboarding.quality.expectations import Expectation
from mesh.domain.onboarding.quality.formats import FORMATS, INTEGER_FORMATS
from mesh.domain.onboarding.quality.sql_text import (
    as_number,
    as_text,
    identifier,
    is_integer,
    matches,
    number_of,
    one_of,
    text_literal,
)
from mesh.domain.patterns import refusal_of

_LOWER: Final = ("minimum", "exclusiveMinimum")
_UPPER: Final = ("maximum", "exclusiveMaximum")
CHECKED_OPTIONS: Final = frozenset({*_LOWER, *_UPPER, "multipleOf", "minLength", "maxLength", "pattern", "format"})
_MOMENTS: Final = ("date", "timestamp")
_MAX_SHOWN: Final = 8


def column_expectations(table: ContractTable, path: str, types: Mapping[str, str]) -> Iterator[Expectation]:
    """All of them, in the contract's order. `types`: catalog name → Hive type as the data has it; a column that the
    data lacks is taken by the contract's own type. Columns with fields of their own are not looked into."""
    yield from _key(table, path)
    for position, column in enumerate(table.columns):
        type_ = types.get(column.catalog_name) or column.hive_type or "string"
        where = f"{path}.properties[{position}]"
        yield from _presence(column, where)
        yield from _values(column, where, type_)
        if not type_.startswith(("array<", "struct<", "map<")):
            yield from _options(column, where, type_)


def duplicates(columns: tuple[str, ...]) -> str:
    """Rows beyond the first of each combination of values; rows with a NULL among them have no key to repeat."""
    names = [identifier(column) for column in columns]
    if len(names) == 1:
        return f"count({names[0]}) - count(DISTINCT {names[0]})"
    whole = " AND ".join(f"{name} IS NOT NULL" for name in names)
    return f"count_if({whole}) - count(DISTINCT ({', '.join(names)})) FILTER ({whole})"


def _key(table: ContractTable, path: str) -> Iterator[Expectation]:
    keyed = [(index, column) for index, column in enumerate(table.columns) if column.primary_key]
    keyed.sort(key=lambda pair: pair[1].primary_key_position)
    if not keyed:
        return
    names = tuple(column.catalog_name for _, column in keyed)
    where = f"{path}.properties[{keyed[0][0]}].primaryKey"
    yield Expectation(
        where=where, rule=f"primaryKey {', '.join(names)}", code="KeyNotUnique", dimension="uniqueness",
        column=names[0] if len(names) == 1 else "", columns=names, measure=duplicates(names), all_rows=True,
        subject=f"repeat the key {', '.join(names)}",
        remedy="Send each row once, or state more columns in the primary key.",
    )  # fmt: skip
    for index, column in keyed:
        if not column.required:
            yield _required(column, f"{path}.properties[{index}].primaryKey", "primaryKey, so required")


def _presence(column: ContractColumn, where: str) -> Iterator[Expectation]:
    if column.required:
        yield _required(column, f"{where}.required", "required")
    if column.unique:
        yield Expectation(
            where=f"{where}.unique", rule="unique", code="NotUnique", dimension="uniqueness",
            column=column.catalog_name, columns=(column.catalog_name,), measure=duplicates((column.catalog_name,)),
            all_rows=True, subject=f"repeat a value of {column.catalog_name}",
            remedy="Send each value once, or drop unique from the contract.",
        )  # fmt: skip


def _required(column: ContractColumn, where: str, rule: str) -> Expectation:
    empty = f"{identifier(column.catalog_name)} IS NULL"
    return Expectation(
        where=where, rule=rule, code="RequiredColumnEmpty", dimension="completeness", column=column.catalog_name,
        columns=(column.catalog_name,), measure=number_of(empty), subject=f"have no {column.catalog_name}",
        remedy="Fill the column, or drop required from the contract (a major revision).",
    )  # fmt: skip


def _of_values(column: ContractColumn, where: str, rule: str, code: str, bad: str) -> Expectation:
    return Expectation(
        where=where, rule=rule, code=code, column=column.catalog_name, columns=(column.catalog_name,),
        measure=number_of(bad), bad=bad, subject=f"break '{rule}' of {column.catalog_name}",
        remedy="Correct the values, or let the contract allow them.",
    )  # fmt: skip


def _values(column: ContractColumn, where: str, type_: str) -> Iterator[Expectation]:
    if column.enum:
        shown = ", ".join(str(value) for value in column.enum[:_MAX_SHOWN])
        more = f" … ({len(column.enum)} values)" if len(column.enum) > _MAX_SHOWN else ""
        bad = f"NOT ({one_of(column.catalog_name, type_, column.enum)})"
        yield _of_values(column, f"{where}.enum", f"one of {shown}{more}", "ValueNotInEnum", bad)


def _options(column: ContractColumn, where: str, type_: str) -> Iterator[Expectation]:
    path = f"{where}.logicalTypeOptions"
    for rule, bad, option in _bounds(column, type_):
        yield _of_values(column, f"{path}.{option}", rule, "ValueOutOfRange", bad)
    for option, sign in (("minLength", "<"), ("maxLength", ">")):
        if _is_number(limit := column.options.get(option)):
            bad = f"length({as_text(column.catalog_name, type_)}) {sign} {limit}"
            yield _of_values(column, f"{path}.{option}", f"{option} {limit}", "LengthOutOfRange", bad)
    if (step := column.options.get("multipleOf")) is not None and _is_number(step) and step:
        bad = _off_step(column.catalog_name, type_, step)
        yield _of_values(column, f"{path}.multipleOf", f"multipleOf {step}", "ValueOutOfRange", bad)
    yield from _shapes(column, path, type_)


def _bounds(column: ContractColumn, type_: str) -> Iterator[tuple[str, str, str]]:
    """(in words, predicate of the values outside, option). An exclusive bound is a number, or 3.0's flag."""
    for names, sign in ((_LOWER, "<"), (_UPPER, ">")):
        inclusive, exclusive = (column.options.get(name) for name in names)
        bounds = [(names[0], inclusive, sign + "=" if exclusive is True else sign)]
        if not isinstance(exclusive, bool):
            bounds.append((names[1], exclusive, sign + "="))
        for name, bound, outside in bounds:
            if bound is not None and not isinstance(bound, bool):
                yield f"{name} {bound}", _compared(column, type_, outside, bound), name


def _compared(column: ContractColumn, type_: str, sign: str, bound: object) -> str:
    if _is_number(bound):
        return f"{as_number(column.catalog_name, type_)} {sign} {bound}"
    if type_ in _MOMENTS or column.logical_type in _MOMENTS:
        moment = f"try_cast({identifier(column.catalog_name)} AS TIMESTAMP)"
        return f"{moment} {sign} try_cast({text_literal(bound)} AS TIMESTAMP)"
    return f"{as_text(column.catalog_name, type_)} {sign} {text_literal(bound)}"


def _off_step(name: str, type_: str, step: object) -> str:
    exact = Fraction(str(step))
    if is_integer(type_) and exact.denominator == 1:
        return f"{identifier(name)} % {exact.numerator} <> 0"
    quotient = f"CAST({as_number(name, type_)} AS DOUBLE) / {float(exact)!r}"
    return f"abs({quotient} - round({quotient})) > 1e-9 * greatest(1, abs({quotient}))"


def _shapes(column: ContractColumn, path: str, type_: str) -> Iterator[Expectation]:
    if pattern := column.options.get("pattern"):
        yield pattern_expectation(column, f"{path}.pattern", type_, str(pattern))
    named = str(column.options.get("format") or "")
    if named in FORMATS and not is_number(type_):
        bad = f"NOT ({matches(column.catalog_name, type_, FORMATS[named])})"
        yield _of_values(column, f"{path}.format", f"format {named}", "PatternNotMatched", bad)
    elif named in INTEGER_FORMATS and is_number(type_):
        low, high = INTEGER_FORMATS[named]
        bad = f"{identifier(column.catalog_name)} NOT BETWEEN {low}::HUGEINT AND {_huge(high)}"
        yield _of_values(column, f"{path}.format", f"format {named}", "ValueOutOfRange", bad)


def _huge(number: int) -> str:
    return f"{number}::UHUGEINT" if number >= 2**127 else f"{number}::HUGEINT"


def pattern_expectation(column: ContractColumn, where: str, type_: str, pattern: str) -> Expectation:
    """Every value matches; a fault where RE2 does not take the pattern."""
    bad = f"NOT ({matches(column.catalog_name, type_, pattern)})"
    expectation = _of_values(column, where, f"pattern {pattern}"[:200], "PatternNotMatched", bad)
    return expectation.broken(pattern_fault(pattern, why)) if (why := refusal_of(pattern)) else expectation


def pattern_fault(pattern: str, why: str) -> str:
    """The fault of a pattern that RE2 refuses."""
    return f"the pattern {pattern!r:.200} is not a regular expression that RE2 takes: {why}"


def unchecked_options(column: ContractColumn) -> dict[str, str]:
    """Options that no promise above comes from → why."""
    found = {}
    nested = bool(column.fields) or column.hive_type.startswith(("array<", "struct<", "map<"))
    for name, value in column.options.items():
        if nested:
            found[name] = "stated and kept, but nested values are not compared with it"
        elif name == "format" and str(value) not in FORMATS.keys() | INTEGER_FORMATS.keys():
            found[name] = "this format is not checked; a pattern is"
        elif name not in CHECKED_OPTIONS:
            found[name] = "stated and kept, but the data is not compared with it"
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
