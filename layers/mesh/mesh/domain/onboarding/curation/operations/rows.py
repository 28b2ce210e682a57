"""Steps that take rows out: filters, missing data, duplicates.

Source: AWS Glue DataBrew Developer Guide: REMOVE_VALUES ("Using conditions"), REMOVE_MISSING, DELETE_DUPLICATE_ROWS,
REMOVE_DUPLICATES. Of duplicates the first stays. Rows are compared within one object.
"""

import hashlib
from collections.abc import Callable
from typing import Final

from mesh.domain.onboarding.budgets import MAX_REMEMBERED
from mesh.domain.onboarding.curation.cells import Cell, Row, is_missing, to_json
from mesh.domain.onboarding.curation.columns import ColumnFlow
from mesh.domain.onboarding.curation.conditions import row_test
from mesh.domain.onboarding.curation.errors import RawTooLarge
from mesh.domain.onboarding.curation.operations.model import SOURCE, Operation, RowFunction, operation
from mesh.domain.onboarding.curation.recipe import Step


def remove_values(step: Step, flow: ColumnFlow) -> RowFunction:
    """Rows that meet all conditions go."""
    flow.find(step, step.required(SOURCE))
    test = row_test(step, flow)
    if test is None:
        raise step.invalid("needs ConditionExpressions that say which rows go")
    return lambda row: None if test(row) else row


def remove_missing(step: Step, flow: ColumnFlow) -> RowFunction:
    """Rows whose `sourceColumn` is missing go."""
    at = flow.find(step, step.required(SOURCE))
    return lambda row: None if is_missing(row[at]) else row


def delete_duplicate_rows(step: Step, flow: ColumnFlow) -> RowFunction:
    """Rows that equal an earlier one in all columns go."""
    return _first_of(step, lambda row: to_json(list(row)))


def remove_duplicates(step: Step, flow: ColumnFlow) -> RowFunction:
    """Rows whose `sourceColumn` has a value that an earlier row has go; missing is such a value."""
    at = flow.find(step, step.required(SOURCE))
    return _first_of(step, lambda row: to_json(_none_for_empty(row[at])))


def _none_for_empty(cell: Cell) -> Cell:
    return None if is_missing(cell) else cell


def _first_of(step: Step, identity: Callable[[Row], str]) -> RowFunction:
    seen: set[bytes] = set()

    def apply(row: Row) -> Row | None:
        digest = hashlib.blake2b(identity(row).encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if digest in seen:
            return None
        if len(seen) >= MAX_REMEMBERED:
            raise RawTooLarge(
                f"step {step.number} ({step.operation}) met more than {MAX_REMEMBERED} different rows",
                step=step.number,
                operation=step.operation,
                limit=MAX_REMEMBERED,
                remedy="Split the object.",
            )
        seen.add(digest)
        return row

    return apply


ROWS: Final[dict[str, Operation]] = {
    "REMOVE_VALUES": operation(remove_values, conditional=True),
    "REMOVE_MISSING": operation(remove_missing),
    "DELETE_DUPLICATE_ROWS": operation(delete_duplicate_rows, ()),
    "REMOVE_DUPLICATES": operation(remove_duplicates),
}
