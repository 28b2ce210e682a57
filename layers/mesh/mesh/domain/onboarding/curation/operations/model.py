"""What an operation is: its parameters, and how a step becomes a function on rows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mesh.domain.onboarding.curation.cells import Cell, Row, is_missing, text
from mesh.domain.onboarding.curation.columns import ColumnFlow
from mesh.domain.onboarding.curation.conditions import row_test
from mesh.domain.onboarding.curation.recipe import Step

type RowFunction = Callable[[Row], Row | None]
"""Changes a row in place and gives it back; None drops it."""
type Build = Callable[[Step, ColumnFlow], RowFunction | None]
"""Checks a step against the columns, changes them, and gives what is to be done to each row, if anything."""

SOURCE: Final = "sourceColumn"
TARGET: Final = "targetColumn"


@dataclass(frozen=True, slots=True)
class Operation:
    """`conditional`: whether ConditionExpressions are understood."""

    build: Build
    parameters: frozenset[str]
    conditional: bool = False


def operation(build: Build, parameters: Iterable[str] = (SOURCE,), *, conditional: bool = False) -> Operation:
    """An operation with these parameters."""
    return Operation(build, frozenset(parameters), conditional)


def in_place(step: Step, flow: ColumnFlow, change: Callable[[Cell], Cell]) -> RowFunction:
    """A function that changes the values of the source column, in the rows that meet the step's conditions."""
    test = row_test(step, flow)
    at = flow.change(step, step.required(SOURCE), [one.column for one in step.conditions])

    def apply(row: Row) -> Row:
        if test is None or test(row):
            row[at] = change(row[at])
        return row

    return apply


def derived(
    step: Step, flow: ColumnFlow, sources: Sequence[str], compute: Callable[[Sequence[Cell]], Cell]
) -> RowFunction:
    """A function that puts a new column beside the ones that it is made of."""
    places = [flow.find(step, name) for name in sources]
    at = flow.add(step, step.required(TARGET), sources)

    def apply(row: Row) -> Row:
        row.insert(at, compute([row[place] for place in places]))
        return row

    return apply


def on_text(change: Callable[[str], str]) -> Callable[[Cell], Cell]:
    """A change of text; missing values stay missing."""
    return lambda cell: cell if is_missing(cell) else change(text(cell))
