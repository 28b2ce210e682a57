"""A recipe made ready for an object's columns: checked before any row is read, then applied row by row."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mesh.domain.onboarding.curation.cells import Row
from mesh.domain.onboarding.curation.columns import ColumnFlow, Origin
from mesh.domain.onboarding.curation.operations import OPERATIONS, SUPPORTED
from mesh.domain.onboarding.curation.operations.model import RowFunction
from mesh.domain.onboarding.curation.recipe import Recipe, Step


@dataclass(frozen=True, slots=True)
class Plan:
    """For one object: steps that compare rows remember those of this one. `lineage` is output column → origin."""

    columns: tuple[str, ...]
    lineage: dict[str, Origin]
    functions: tuple[RowFunction, ...]

    def apply(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows that are left, changed in place, in order. Raises RawTooLarge."""
        for row in rows:
            for function in self.functions:
                if function(row) is None:
                    break
            else:
                yield row


def plan_recipe(recipe: Recipe, columns: Sequence[str] | None) -> Plan:
    """The recipe for rows with these columns; without them, all that can be said before.

    Raises `UnsupportedStep`, `RecipeInvalid`, `RecipeColumnMissing`, `RecipeColumnExists`.
    """
    flow = ColumnFlow(columns)
    functions = [_build(step, flow) for step in recipe.steps]
    return Plan(tuple(flow.names), flow.lineage(), tuple(function for function in functions if function))


def _build(step: Step, flow: ColumnFlow) -> RowFunction | None:
    operation = OPERATIONS.get(step.operation)
    if operation is None:
        raise step.unsupported("the operation is not supported", f"Supported are {', '.join(SUPPORTED)}.")
    if unknown := sorted(step.parameters.keys() - operation.parameters):
        remedy = f"Its parameters are {', '.join(sorted(operation.parameters)) or 'none'}."
        raise step.unsupported(f"the parameter {unknown[0]} is not supported", remedy, parameter=unknown[0])
    if step.conditions and not operation.conditional:
        raise step.unsupported("conditions are not supported with it", "Drop ConditionExpressions.")
    return operation.build(step, flow)
