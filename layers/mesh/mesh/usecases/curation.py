"""A round of raw objects: what became of each, in functions and in jobs, and how the round ends."""

from typing import Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from mesh.domain.curation.errors import NothingLeft
from mesh.domain.curation.jobs import JobOrder
from mesh.domain.curation.plan import Plan
from mesh.domain.curation.recipe import MAX_RECIPE_BYTES, Recipe, parse_recipe
from mesh.domain.events import Model
from mesh.domain.formats.model import ObjectRef
from mesh.domain.lineage.model import ColumnOrigin
from mesh.ports import Objects, RawUploads, Trace, WorkFiles
from mesh.usecases.batches import Refs, read_batch
from mesh.usecases.inspection import Inspection, Round
from mesh.usecases.reject_objects import Rejection

_LONGEST_METADATA = 1_200
"""S3 takes 2 KB of metadata for an object."""


class CuratedObject(Model):
    """A raw object and what became of it. `rows` are those that the recipe left, `lineage` is column → origin."""

    key: str
    raw_key: str
    raw_version_id: str | None
    rows: int
    bytes: int = 0
    version_id: str | None = None
    lineage: dict[str, ColumnOrigin] = Field(default_factory=dict)


class Curation(BaseModel):
    """How far a round has come; a work file. `recipe` is that of the whole round, whatever arrives meanwhile;
    `operations` are its steps'. `jobs` are orders for DataBrew that have not ended.
    """

    model_config = ConfigDict(defer_build=True, frozen=True)

    recipe: ObjectRef | None
    recipe_sha256: str = ""
    operations: tuple[str, ...] = ()
    curated: tuple[CuratedObject, ...] = ()
    rejected: tuple[Rejection, ...] = ()
    held: tuple[ObjectRef, ...] = ()
    jobs: tuple[JobOrder, ...] = ()

    @property
    def done(self) -> set[str]:
        """Keys that functions have dealt with: those that they leave to a job as well."""
        return {*(one.raw_key for one in self.curated), *(one.ref.key for one in self.rejected),
                *(ref.key for ref in self.held), *(one.ref.key for one in self.jobs)}  # fmt: skip

    def without(self, order: JobOrder) -> "Curation":
        """A job that has ended."""
        return self.model_copy(update={"jobs": tuple(one for one in self.jobs if one.name != order.name)})

    def with_order(self, order: JobOrder) -> "Curation":
        """An order in place of the one of that name."""
        jobs = tuple(order if one.name == order.name else one for one in self.jobs)
        return self.model_copy(update={"jobs": jobs})

    def counted(self, remaining: int = 0) -> "Curated":
        """What the machine is told."""
        return Curated(
            curated=len(self.curated),
            rejected=len(self.rejected),
            held=len(self.held),
            remaining=remaining,
            jobs=len(self.jobs),
        )


class Curated(Model):
    """What the machine decides on. `held`: objects that stay in `raw/` for a recipe; of those that it does not fit,
    each is in `rejected` as well. `remaining`: objects for the next call. `jobs`: objects that are left to DataBrew and
    have not come out of it."""

    curated: int
    rejected: int
    held: int
    remaining: int
    jobs: int = 0


def curation_path(round_: Round) -> str:
    """The work file of the round's `Curation`."""
    return round_.work.replace("batch.json", "curation.json")


def read_recipe(ref: ObjectRef, objects: Objects) -> Recipe:
    """That version of a recipe. Raises RecipeInvalid and ObjectGone."""
    return parse_recipe(recipe_text(ref, objects))


def recipe_text(ref: ObjectRef, objects: Objects) -> bytes:
    """That version of a recipe, as its owner wrote it. Raises ObjectGone."""
    return objects.read(ref.bucket, ref.key, version_id=ref.version_id, limit=MAX_RECIPE_BYTES + 1)


def made_of(ref: ObjectRef, recipe_sha256: str) -> dict[str, str]:
    """Metadata of a curated object. The key is percent-encoded: metadata are ASCII; left out where it is too long."""
    key = quote(ref.key, safe="/=")
    named = {"raw-key": key} if len(key) <= _LONGEST_METADATA else {}
    return {**named, "raw-version-id": ref.version_id or "null", "recipe-sha256": recipe_sha256}


def lineage_of(plan: Plan) -> dict[str, ColumnOrigin]:
    """Output column → origin. Raises NothingLeft for a plan without columns."""
    if not plan.columns:
        raise NothingLeft("the recipe left no column", remedy="Check its filters, or upload other data.")
    return {name: ColumnOrigin(inputs=origin.inputs, steps=origin.steps) for name, origin in plan.lineage.items()}


def finish(round_: Round, curation: Curation, *, raw: RawUploads, work: WorkFiles, trace: Trace) -> None:
    """Rejections for the machine's next step; what is held leaves the batch, so that nobody settles it.

    Whoever uploads a recipe records it first and looks for held objects after; this holds first and looks after.
    """
    mode: Literal["express"] = "express"
    refs = read_batch(work, round_.work)
    rejected = Inspection(bucket=refs[0].bucket if refs else "", mode=mode, tables=(), rejected=curation.rejected)
    work.put(round_.inspection, rejected.model_dump_json())
    if curation.held:
        held = {ref.key for ref in curation.held}
        work.put(round_.work, Refs.dump_json(tuple(ref for ref in refs if ref.key not in held)).decode())
        raw.hold(round_.product, curation.held)
        if raw.recipe(round_.product) != curation.recipe:
            raw.take_up(round_.product)
    trace.note(
        round_.correlation_id,
        "raw objects curated",
        product=round_.product,
        generation=round_.generation,
        curated=len(curation.curated),
        rejected=len(curation.rejected),
        held=len(curation.held),
    )
