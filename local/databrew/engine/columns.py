"""Basic column steps, and steps that take rows out.

https://docs.aws.amazon.com/databrew/latest/dg/recipe-actions-reference.html: basic column steps, data quality.
"""

from collections.abc import Callable

from local.databrew.engine import cells, conditions
from local.databrew.engine.frame import Frame
from local.databrew.engine.step import Step

type Run = Callable[[Frame, Step], None]


def rename(frame: Frame, step: Step) -> None:
    frame.rename(step["sourceColumn"], step["targetColumn"])


def delete(frame: Frame, step: Step) -> None:
    frame.remove(step["sourceColumn"])


def duplicate(frame: Frame, step: Step) -> None:
    source = step["sourceColumn"]
    frame.add(step["targetColumn"], frame.cell(source), [source])


def move_after(frame: Frame, step: Step) -> None:
    _beside(frame, step, 1)


def move_before(frame: Frame, step: Step) -> None:
    _beside(frame, step, 0)


def move_to_start(frame: Frame, step: Step) -> None:
    frame.move(step["sourceColumn"], 0)


def move_to_end(frame: Frame, step: Step) -> None:
    frame.move(step["sourceColumn"], len(frame.names) - 1)


def _beside(frame: Frame, step: Step, offset: int) -> None:
    source, target = step["sourceColumn"], step["targetColumn"]
    frame.cell(target)
    others = [name for name in frame.names if name != source]
    frame.move(source, others.index(target) + offset)


def remove_values(frame: Frame, step: Step) -> None:
    frame.where(f"NOT ({conditions.test(frame, step.conditions)})")


def remove_missing(frame: Frame, step: Step) -> None:
    frame.where(f"NOT {cells.missing(frame.cell(step['sourceColumn']))}")


def delete_duplicate_rows(frame: Frame, step: Step) -> None:
    frame.first_of([frame.cell(name) for name in frame.names])


def remove_duplicates(frame: Frame, step: Step) -> None:
    frame.first_of([f"nullif({frame.cell(step['sourceColumn'])}, 's')"])


OPERATIONS: dict[str, Run] = {
    "RENAME": rename,
    "DELETE": delete,
    "DUPLICATE": duplicate,
    "MOVE_AFTER": move_after,
    "MOVE_BEFORE": move_before,
    "MOVE_TO_START": move_to_start,
    "MOVE_TO_END": move_to_end,
    "REMOVE_VALUES": remove_values,
    "REMOVE_MISSING": remove_missing,
    "DELETE_DUPLICATE_ROWS": delete_duplicate_rows,
    "REMOVE_DUPLICATES": remove_duplicates,
}
