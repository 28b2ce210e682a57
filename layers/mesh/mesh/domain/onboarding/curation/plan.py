"""A recipe made ready for an object's columns: checked before any row is read, then applied row by row."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mesh.domain.onboarding.curation.cells import Row
from mesh.domain.onboarding.curation.columns import ColumnFlow, Origin
from mesh.domain.onboarding.curation.metering import Meter
from mesh.domain.onboarding.curation.operations import OPERATIONS, SUPPORTED
from mesh.domain.onboarding.curation.operations.model import RowFunction
from mesh.domain.onboarding.curation.recipe import Recipe, Step


@dataclass(frozen=True, slots=True)
class Plan:
    """For one object: steps that compare rows remember those of this one. `lineage` is output column → origin, `raw`
    are the columns that it reads rows of."""

    columns: tuple[str, ...]
    lineage: dict[str, Origin]
    functions: tuple[RowFunction, ...]
    raw: tuple[str, ...]
    meter: Meter

    def apply(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows that are left, changed in place, in order. Raises RawTooLarge, RecipeTooCostly."""
        self.meter.start()
        for row in rows:
            self.meter.check()
            for function in self.functions:
                if function(row) is None:
                    break
            else:
                yield row


def plan_recipe(recipe: Recipe, columns: Sequence[str] | None, meter: Meter | None = None) -> Plan:
    """The recipe for rows with these columns; without them, all that can be said before. `meter`: another than the
    usual budget.

    Raises `UnsupportedStep`, `RecipeInvalid`, `RecipeColumnMissing`, `RecipeColumnExists`.
    """
    flow = ColumnFlow(columns, meter or Meter())
    functions = [function for step in recipe.steps if (function := _build(step, flow))]
    return Plan(tuple(flow.names), flow.lineage(), tuple(functions), tuple(flow.raw), flow.meter)


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
