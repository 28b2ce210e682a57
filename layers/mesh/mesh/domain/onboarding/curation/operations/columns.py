"""Basic column steps: names, order, which columns there are.

Source: AWS Glue DataBrew Developer Guide, "Basic column recipe steps": RENAME, DELETE, DUPLICATE, MOVE_AFTER,
MOVE_BEFORE, MOVE_TO_END, MOVE_TO_START. DataBrew has no step that keeps columns: DELETE the others.
"""

from typing import Final

from mesh.domain.onboarding.curation.cells import Row
from mesh.domain.onboarding.curation.columns import ColumnFlow
from mesh.domain.onboarding.curation.operations.model import SOURCE, TARGET, Operation, RowFunction, derived, operation
from mesh.domain.onboarding.curation.recipe import Step


def rename(step: Step, flow: ColumnFlow) -> None:
    """`sourceColumn` is called `targetColumn` from here on, in its place."""
    flow.rename(step, step.required(SOURCE), step.required(TARGET))


def delete(step: Step, flow: ColumnFlow) -> RowFunction:
    """`sourceColumn` goes."""
    at = flow.remove(step, step.required(SOURCE))

    def apply(row: Row) -> Row:
        del row[at]
        return row

    return apply


def duplicate(step: Step, flow: ColumnFlow) -> RowFunction:
    """`targetColumn` is a copy of `sourceColumn`."""
    return derived(step, flow, [step.required(SOURCE)], lambda cells: cells[0])


def move_after(step: Step, flow: ColumnFlow) -> RowFunction:
    """`sourceColumn` stands right after `targetColumn`."""
    return _move_beside(step, flow, 1)


def move_before(step: Step, flow: ColumnFlow) -> RowFunction:
    """`sourceColumn` stands right before `targetColumn`."""
    return _move_beside(step, flow, 0)


def move_to_start(step: Step, flow: ColumnFlow) -> RowFunction:
    """`sourceColumn` stands first."""
    return _moved(flow.move(step, step.required(SOURCE), 0), 0)


def move_to_end(step: Step, flow: ColumnFlow) -> RowFunction:
    """`sourceColumn` stands last."""
    name = step.required(SOURCE)
    flow.find(step, name)
    last = len(flow.names) - 1
    return _moved(flow.move(step, name, last), last)


def _move_beside(step: Step, flow: ColumnFlow, offset: int) -> RowFunction:
    name, target = step.required(SOURCE), step.required(TARGET)
    if name == target:
        raise step.invalid(f"{name!r} cannot stand beside itself", TARGET)
    at, beside = flow.find(step, name), flow.find(step, target)
    to = beside - (at < beside) + offset
    return _moved(flow.move(step, name, to), to)


def _moved(at: int, to: int) -> RowFunction:
    def apply(row: Row) -> Row:
        row.insert(to, row.pop(at))
        return row

    return apply


COLUMNS: Final[dict[str, Operation]] = {
    "RENAME": operation(rename, (SOURCE, TARGET)),
    "DELETE": operation(delete),
    "DUPLICATE": operation(duplicate, (SOURCE, TARGET)),
    "MOVE_AFTER": operation(move_after, (SOURCE, TARGET)),
    "MOVE_BEFORE": operation(move_before, (SOURCE, TARGET)),
    "MOVE_TO_START": operation(move_to_start),
    "MOVE_TO_END": operation(move_to_end),
}
