"""Lineage of a round of `onboard-upload`, by its work files: objects to tables, and what was held."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from mesh.domain.events import ColumnRef, stable_id
from mesh.domain.lineage import facets
from mesh.domain.lineage.model import Dataset, Facets, Place, StepRun, glue_table, s3_object
from mesh.domain.lineage.orders import LineageSourceGone, PromoteOrder
from mesh.domain.onboarding.batches import CheckedBatch, CheckedTable, HeldBack, IndexEntry
from mesh.domain.onboarding.quality.model import TableReport
from mesh.domain.onboarding.quality.redaction import withheld_of
from mesh.ports import WorkFiles
from mesh.usecases.onboarding.batches import checked_path
from mesh.usecases.onboarding.curation import Curation, read_curation
from mesh.usecases.onboarding.rounds import ProductFacts

COLUMN_SOURCES: Final = 10
"""How many objects a table's column lineage lists in one event; the objects themselves are inputs as well."""
_CODES: Final = 10


@dataclass(frozen=True)
class Rounds:
    """A round whose lineage is recorded."""

    order: PromoteOrder
    place: Place
    facts: ProductFacts

    def step(self, job: str, **known: Any) -> StepRun:  # noqa: ANN401 - as StepRun has them
        """One step of the round; `part` distinguishes runs of the same job."""
        part = known.pop("part", "")
        return StepRun(
            place=self.place,
            job=f"{self.order.product}.{job}",
            run_id=stable_id("lineage", self.place.account, self.order.work, job, part),
            began=self.order.began,
            ended=self.order.ended,
            parent=(stable_id("lineage", self.order.execution), f"{self.order.product}.onboard-upload"),
            **known,
        )

    @property
    def parameters(self) -> dict[str, str]:
        """Parameters that identify the run."""
        return {"correlation_id": self.order.correlation_id, "generation": str(self.order.generation)}

    def table(self, name: str, shown: Facets, role: Facets | None = None) -> Dataset:
        """A table of the product, in central's catalog."""
        return glue_table(Place(self.facts.catalog_id, self.place.region), self.facts.database, name, shown, role)

    @property
    def owned(self) -> Facets:
        """The product's owner and purpose."""
        promised = self.facts.promised
        said = facets.documentation(promised.description.purpose) if promised else {}
        return facets.ownership(promised.owner if promised else "", self.place.account) | said


def promotion_runs(order: PromoteOrder, *, place: Place, facts: ProductFacts, work: WorkFiles) -> list[StepRun]:
    """A round's runs: for each table one from its landing or raw objects to central's catalog, and one that checked it;
    and one for objects that were held back.

    Raises LineageSourceGone when its work files have expired.
    """
    round_ = Rounds(order, place, facts)
    text = work.get(checked_path(order.work))
    if text is None:
        raise LineageSourceGone(
            f"there are no work files at {order.work}", product=order.product, remedy="they are kept 30 days"
        )
    checked = CheckedBatch.model_validate_json(text)
    reports = checked.reports
    made = _Made(read_curation(work, order.work))
    tables = checked.tables if order.published else ()
    promoted = [_promotion(round_, checked.bucket, table, made) for table in tables]
    checks = [_check(round_, table, report) for table in tables if (report := reports and reports.table(table.table))]
    return [*promoted, *checks, *_failure(round_, checked.held)]


class _Made:
    """How a round's objects became rows: data unchanged, raw objects by a recipe."""

    def __init__(self, curation: Curation | None) -> None:
        self._curation = curation
        self._curated = {one.ref.key: one for one in curation.curated} if curation else {}

    def source(self, bucket: str, entry: IndexEntry) -> Dataset:
        """An object; a raw one with the columns that the recipe used, without types."""
        shown = facets.version(entry.version_id)
        if one := self._curated.get(entry.key):
            used = dict.fromkeys(name for origin in one.lineage.values() for name in origin.inputs)
            shown |= facets.schema(ColumnRef(name=name, type="") for name in used)
        return s3_object(bucket, entry.key, shown)

    def columns(self, sources: Sequence[Dataset], names: Sequence[str]) -> Facets:
        """Column lineage of the table. The recipe's names are lower-case in the catalog."""
        if self._curation is None:
            return facets.same_columns(sources, names)
        lineages = [
            {column.lower(): origin for column, origin in self._curated[source.name].lineage.items()}
            for source in sources
        ]
        return facets.recipe_columns(sources, lineages, self._curation.operations)

    @property
    def recipe(self) -> tuple[Facets, dict[str, str]]:
        """The recipe: job facets and parameters."""
        if self._curation is None or self._curation.recipe is None:
            return {}, {}
        recipe = self._curation.recipe
        location = facets.recipe_location(recipe.bucket, recipe.key, recipe.version_id)
        return location, {"recipe.sha256": self._curation.recipe_sha256}


def _promotion(round_: Rounds, bucket: str, table: CheckedTable, made: _Made) -> StepRun:
    inputs = tuple(made.source(bucket, one) for one in table.sources)
    columns = _columns(table)
    names = [column.name for column in columns if column.name not in table.partition]
    shown = facets.schema(columns) | round_.owned | made.columns(inputs[:COLUMN_SOURCES], names)
    if table.new:
        created = facets.facet("1-0-1", "LifecycleStateChangeDatasetFacet", lifecycleStateChange="CREATE")
        shown |= {"lifecycleStateChange": created}
    rows, size = sum(one.rows for one in table.sources), sum(file.bytes for file in table.added)
    role = facets.output_statistics(rows, size, len(table.added))
    location, recipe = made.recipe
    said = round_.parameters | {"removed": str(len(table.gone))} | recipe
    if len(inputs) > COLUMN_SOURCES:
        said |= {"columnLineage.sources": str(len(inputs)), "columnLineage.listed": str(COLUMN_SOURCES)}
    output = round_.table(table.table, shown, role)
    return round_.step(
        "promote", part=table.table, inputs=inputs, outputs=(output,), parameters=said, job_facets=location
    )


def _check(round_: Rounds, table: CheckedTable, report: TableReport) -> StepRun:
    """The measurements: OpenLineage has them for inputs only."""
    quality = facets.quality(report, withheld_of(report.profile, round_.facts.promised))
    shown = facets.schema(_columns(table)) | round_.owned
    inputs = (round_.table(table.table, shown, quality),)
    return round_.step("check", part=table.table, inputs=inputs, parameters=round_.parameters)


def _columns(table: CheckedTable) -> tuple[ColumnRef, ...]:
    return tuple(ColumnRef(name=field.name, type=field.hive_type) for field in table.fields)


def _failure(round_: Rounds, held: Sequence[HeldBack]) -> list[StepRun]:
    """What was held back: a failed check on the objects as they arrived."""
    if not held:
        return []
    codes = list(dict.fromkeys(one.reason.code for one in held))
    inputs = (s3_object(one.ref.bucket, one.ref.key, facets.version(one.ref.version_id)) for one in held)
    message = f"{', '.join(codes[:_CODES])}: {held[0].reason.message}"
    return [
        round_.step(
            "check",
            part="held",
            outcome="FAIL",
            inputs=tuple(inputs),
            run_facets=facets.error_message(message),
            parameters=round_.parameters | {"codes": " ".join(codes[:_CODES])},
        )
    ]
