"""A round of raw objects: the outcome for each, in functions and in jobs, before the round's checks."""

import hashlib
import json
from typing import Final

from pydantic import Field

from mesh.domain.errors import Rejected
from mesh.domain.lineage.model import ColumnOrigin
from mesh.domain.model import Model
from mesh.domain.onboarding.batches import HeldBack, held_by
from mesh.domain.onboarding.budgets import MAX_RECIPE
from mesh.domain.onboarding.curation.errors import (
    MISFITS,
    NothingLeft,
    RecipeGone,
    RecipeJobFailed,
    RecipeTooCostly,
)
from mesh.domain.onboarding.curation.jobs import JobOrder
from mesh.domain.onboarding.curation.objects import curated_name
from mesh.domain.onboarding.curation.plan import Plan
from mesh.domain.onboarding.curation.recipe import Recipe, parse_recipe
from mesh.domain.onboarding.curation.text import RawFormat
from mesh.domain.onboarding.formats.model import Curated, ObjectRef
from mesh.ports import Objects, Trace, WorkFiles
from mesh.usecases.onboarding.batches import Refs, read_batch
from mesh.usecases.onboarding.rounds import Round

_DIGEST: Final = 24
_MAY_FIT_THE_NEXT: Final = (*MISFITS, NothingLeft, RecipeGone, RecipeJobFailed, RecipeTooCostly)
"""The recipe does not fit the object; another recipe may."""


class CurationRound(Round):
    """A round of raw objects, and the execution that holds the product's lease."""

    holder: str


class CuratedObject(Model):
    """A raw object with its curated content. `rows` counts the recipe's output rows, `lineage` is column →
    origin."""

    ref: ObjectRef
    rows: int
    lineage: dict[str, ColumnOrigin] = Field(default_factory=dict)


class Curation(Model):
    """The progress of a round; a work file. `recipe` applies to the whole round, whatever arrives meanwhile;
    `operations` are its steps'. `held` objects were rejected, with the reason; `waiting` ones are for the next recipe,
    including those of `held` that it may fit. `removed` were deleted by their owner. `jobs` are DataBrew jobs in
    progress.
    """

    recipe: ObjectRef | None
    recipe_sha256: str = ""
    operations: tuple[str, ...] = ()
    curated: tuple[CuratedObject, ...] = ()
    held: tuple[HeldBack, ...] = ()
    waiting: tuple[ObjectRef, ...] = ()
    removed: tuple[ObjectRef, ...] = ()
    jobs: tuple[JobOrder, ...] = ()

    @property
    def done(self) -> set[str]:
        """Keys that functions have processed, including those left to a job."""
        return {*self.refs, *(one.ref.key for one in self.jobs)}

    @property
    def refs(self) -> dict[str, ObjectRef]:
        """Key → the object as the round continues with it."""
        outcomes = (*(one.ref for one in self.held), *(one.ref for one in self.curated))
        found = [*self.waiting, *self.removed, *outcomes]
        return {ref.key: ref for ref in found}

    def without(self, order: JobOrder) -> "Curation":
        """A job that has ended."""
        return self.evolve(jobs=tuple(one for one in self.jobs if one.name != order.name))

    def with_order(self, order: JobOrder) -> "Curation":
        """With an order in place of the one of that name."""
        jobs = tuple(order if one.name == order.name else one for one in self.jobs)
        return self.evolve(jobs=jobs)

    def refused(self, ref: ObjectRef, refusal: Rejected) -> "Curation":
        """With an object that is held, or that its owner deleted meanwhile."""
        held = held_by(refusal, ref)
        if held.reason.code == "ObjectGone":
            gone = ref.evolve(deleted=True)
            return self.evolve(removed=(*self.removed, gone))
        if not isinstance(refusal, _MAY_FIT_THE_NEXT):
            return self.evolve(held=(*self.held, held))
        remedy = f"{held.reason.remedy} The object is curated again with the next recipe.".lstrip()
        held = held.evolve(reason=held.reason.evolve(remedy=remedy))
        return self.evolve(held=(*self.held, held), waiting=(*self.waiting, ref))

    def counted(self, remaining: int = 0) -> "CurationState":
        """The state machine's view of it."""
        return CurationState(
            curated=len(self.curated),
            held=len(self.held),
            waiting=len(self.waiting),
            removed=len(self.removed),
            remaining=remaining,
            jobs=len(self.jobs),
        )


class CurationState(Model):
    """What the state machine branches on. `held`: objects that the recipe, or the reader, rejected. `waiting`: objects
    for the next recipe. `remaining`: objects for the next call. `jobs`: objects that are left to DataBrew and are not
    finished."""

    curated: int
    held: int
    waiting: int
    removed: int
    remaining: int
    jobs: int = 0


def curation_path(batch: str) -> str:
    """The work file of the round's `Curation`, beside that of its objects."""
    return batch.replace("batch.json", "curation.json")


def read_curation(work: WorkFiles, batch: str) -> Curation | None:
    """None where no recipe ran."""
    text = work.get(curation_path(batch))
    return Curation.model_validate_json(text) if text else None


def curation_of(round_: Round, work: WorkFiles) -> Curation | None:
    """The curated objects of a round so far; None for a round of data."""
    return read_curation(work, round_.work) if round_.raw else None


def curated_place(round_: Round, ref: ObjectRef, format_: RawFormat) -> str:
    """The key in the work bucket of a curated object: in the round's folder. The same round writes the same bytes
    there."""
    what = json.dumps([ref.key, ref.version_id or ref.etag])
    digest = hashlib.sha256(what.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return round_.work.replace("batch.json", f"curated/{curated_name(digest, format_)}")


def curated_object(ref: ObjectRef, made: Curated, *, rows: int, lineage: dict[str, ColumnOrigin]) -> CuratedObject:
    """Raises NothingLeft for an object without rows."""
    if not rows:
        raise NothingLeft("the recipe left no rows of the object", remedy="Check its filters, or upload other data.")
    return CuratedObject(ref=ref.evolve(curated=made), rows=rows, lineage=lineage)


def read_recipe(ref: ObjectRef, objects: Objects) -> Recipe:
    """That version of a recipe. Raises RecipeInvalid and ObjectGone."""
    return parse_recipe(recipe_text(ref, objects))


def recipe_text(ref: ObjectRef, objects: Objects) -> bytes:
    """That version of a recipe, as its owner wrote it. Raises ObjectGone."""
    return objects.read(ref.bucket, ref.key, version_id=ref.version_id, limit=MAX_RECIPE + 1)


def lineage_of(plan: Plan) -> dict[str, ColumnOrigin]:
    """Output column → origin. Raises NothingLeft for a plan without columns."""
    if not plan.columns:
        raise NothingLeft("the recipe left no column", remedy="Check its filters, or upload other data.")
    return {name: ColumnOrigin(inputs=origin.inputs, steps=origin.steps) for name, origin in plan.lineage.items()}


def finish(round_: Round, curation: Curation, *, work: WorkFiles, trace: Trace) -> None:
    """Replace the round's objects by the curated ones, which say where their rows are. Idempotent."""
    known = curation.refs
    refs = tuple(known.get(ref.key, ref) for ref in read_batch(work, round_.work))
    work.put(round_.work, Refs.dump_json(refs).decode())
    trace.note(
        round_.correlation_id,
        "raw objects curated",
        product=round_.product,
        generation=round_.generation,
        curated=len(curation.curated),
        held=len(curation.held),
        waiting=len(curation.waiting),
    )
