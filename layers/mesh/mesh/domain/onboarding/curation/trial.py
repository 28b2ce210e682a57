"""A recipe is tried on generated rows when it arrives: what is too costly for these would be so for each upload.

The rows do not know the data: they have empty values, numbers, dates, texts short and long, and what the conditions of
the recipe's own steps ask for. What slips through is stopped by the same budgets when it meets data.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final

from mesh.domain.onboarding.budgets import MAX_TRIED, TRIAL_TIME
from mesh.domain.onboarding.curation.cells import Cell, Row
from mesh.domain.onboarding.curation.metering import Meter
from mesh.domain.onboarding.curation.objects import write_rows
from mesh.domain.onboarding.curation.plan import plan_recipe
from mesh.domain.onboarding.curation.recipe import Recipe

_LONG: Final = 4_096
_VALUES: Final[tuple[Cell, ...]] = (
    None, "a", "12", "-3.5", "2026-11-21", "true", "a b, c/d; e", "x" * _LONG, "ab " * (_LONG // 3), "1" * _LONG,
    "\u00e4" * _LONG,
)  # fmt: skip


def try_recipe(recipe: Recipe) -> None:
    """Plan it for the columns that it names, and apply it, within the trial's own time, text and output.

    Raises what `plan_recipe` raises without columns, and RecipeTooCostly.
    """
    raw = plan_recipe(recipe, None).raw
    plan = plan_recipe(recipe, raw, Meter(TRIAL_TIME))
    write_rows("json", plan.columns, plan.apply(_rows(recipe, raw)), limit=MAX_TRIED)


def _rows(recipe: Recipe, columns: tuple[str, ...]) -> Iterator[Row]:
    """Each value in all columns at once; then, column by column, those that conditions name."""
    yield from ([value] * len(columns) for value in _VALUES)
    asked: dict[str, list[Cell]] = {name: [] for name in columns}
    for condition in (one for step in recipe.steps for one in step.conditions):
        if condition.column in asked:
            asked[condition.column] += _texts(condition.value)
    yield from (list(row) for row in zip_longest(*asked.values(), fillvalue="x" * _LONG))


def _texts(value: str) -> Sequence[Cell]:
    """A condition's value: a text, or a JSON list of such."""
    try:
        listed = json.loads(value) if value.startswith("[") else [value]
    except (ValueError, RecursionError):
        listed = [value]
    return [item for item in listed[:20] if isinstance(item, str)]
