"""The budget of a recipe's work on one object: time of the processor, and the text that a step may make."""

import time
from collections.abc import Callable
from datetime import timedelta

from mesh.domain.onboarding.budgets import CURATION_TIME, MAX_ROW
from mesh.domain.onboarding.curation.errors import RecipeTooCostly
from mesh.domain.onboarding.curation.recipe import Step


class Meter:
    """Counts from `start`, which `Plan.apply` calls. `used` tells the seconds that the process has computed: a busy
    machine refuses nothing that a quiet one takes."""

    def __init__(self, limit: timedelta = CURATION_TIME, used: Callable[[], float] = time.process_time) -> None:
        self._limit, self._used, self._end = limit.total_seconds(), used, float("inf")

    def start(self) -> None:
        """From now on the time counts."""
        self._end = self._used() + self._limit

    def check(self, step: Step | None = None) -> None:
        """Raises RecipeTooCostly once the time is over; `step` is the one that is at work, where that is known."""
        if self._used() <= self._end:
            return
        raise RecipeTooCostly(
            (f"step {step.number} ({step.operation}): " if step else "")
            + f"the recipe computes longer than the {self._limit:.0f} s that it may take",
            limit=self._limit,
            remedy="Use simpler expressions and fewer steps, or upload the object in smaller parts.",
            **({"step": step.number, "operation": step.operation} if step else {}),
        )


def too_much_text(step: Step) -> RecipeTooCostly:
    """The error for a step that makes a value longer than a row may be."""
    return RecipeTooCostly(
        f"step {step.number} ({step.operation}): a value grows to more than {MAX_ROW:,} bytes",
        step=step.number,
        operation=step.operation,
        limit=MAX_ROW,
        remedy="Correct the steps that make its text: each may repeat or double what the one before made.",
    )


def checked_size(step: Step, size: int) -> None:
    """Before text of `size` characters is made. Raises RecipeTooCostly."""
    if size > MAX_ROW:
        raise too_much_text(step)
