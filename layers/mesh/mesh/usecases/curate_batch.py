"""A batch of raw objects: read, put through the product's recipe, written as data, which arrives by its own S3 event.

An object that is broken, or too large, goes to quarantine. One that the recipe does not fit stays in `raw/` with a
report, and so does everything while there is no recipe, without one: all of it is taken up when the next recipe
arrives.
"""

from datetime import timedelta
from typing import Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from mesh.domain.curation.errors import MISFITS, NothingLeft, RawTooLarge
from mesh.domain.curation.objects import MAX_RAW_BYTES, content_type, curated_key, read_raw, write_rows
from mesh.domain.curation.plan import plan_recipe
from mesh.domain.curation.recipe import MAX_RECIPE_BYTES, Recipe, parse_recipe
from mesh.domain.errors import Rejected
from mesh.domain.events import Model
from mesh.domain.formats.model import MIB, ObjectRef
from mesh.domain.keys import RawKey, parse_key
from mesh.domain.lineage.model import ColumnOrigin
from mesh.domain.rejections import UnknownPrefix
from mesh.ports import Clock, Objects, RawUploads, Trace, WorkFiles
from mesh.usecases.batches import Refs, read_batch
from mesh.usecases.inspection import Inspection, Round
from mesh.usecases.reject_objects import Rejection, reason_of

TIME_OF_A_CALL = timedelta(seconds=120)
"""After so long a call begins no further object; the machine calls again for the rest, so that no number of objects
outlasts a function. One object of 64 MiB and 39 steps takes about half a minute."""
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
    `operations` are its steps'.
    """

    model_config = ConfigDict(defer_build=True, frozen=True)

    recipe: ObjectRef | None
    recipe_sha256: str = ""
    operations: tuple[str, ...] = ()
    curated: tuple[CuratedObject, ...] = ()
    rejected: tuple[Rejection, ...] = ()
    held: tuple[ObjectRef, ...] = ()

    @property
    def done(self) -> set[str]:
        """Keys that were dealt with."""
        return {*(one.raw_key for one in self.curated), *(one.ref.key for one in self.rejected),
                *(ref.key for ref in self.held)}  # fmt: skip


class Curated(Model):
    """What the machine decides on. `held`: objects that stay in `raw/` for a recipe; of those that it does not fit,
    each is in `rejected` as well. `remaining`: objects for the next call."""

    curated: int
    rejected: int
    held: int
    remaining: int


def curate_batch(
    round_: Round, *, objects: Objects, raw: RawUploads, work: WorkFiles, clock: Clock, trace: Trace
) -> Curated:
    """Curate as many of the round's objects as one call may. Repeatable: the same object makes the same bytes.

    Raises what the recipe is refused for, if it was changed since it was checked (it was not: it is read by version).
    """
    path = round_.work.replace("batch.json", "curation.json")
    written = work.get(path)
    curation = Curation.model_validate_json(written) if written else Curation(recipe=raw.recipe(round_.product))
    refs = read_batch(work, round_.work)
    left = [ref for ref in refs if ref.key not in curation.done]
    if curation.recipe is None:
        curation, left = curation.model_copy(update={"held": (*curation.held, *left)}), []
    else:
        curation = _curate(left, curation.recipe, curation, objects, clock)
        left = [ref for ref in left if ref.key not in curation.done]
    work.put(path, curation.model_dump_json())
    if not left:
        _finish(round_, refs, curation, raw=raw, work=work, trace=trace)
    return Curated(
        curated=len(curation.curated), rejected=len(curation.rejected), held=len(curation.held), remaining=len(left)
    )


def _curate(refs: list[ObjectRef], recipe_ref: ObjectRef, before: Curation, objects: Objects, clock: Clock) -> Curation:
    recipe, until = read_recipe(recipe_ref, objects), clock.now() + TIME_OF_A_CALL
    curated, rejected, held = list(before.curated), list(before.rejected), list(before.held)
    for ref in refs:
        try:
            curated.append(curate_object(ref, recipe, objects))
        except MISFITS as misfit:
            rejected.append(Rejection(ref=ref, reason=reason_of(misfit, ref), move=False))
            held.append(ref)
        except Rejected as refusal:
            rejected.append(Rejection(ref=ref, reason=reason_of(refusal, ref)))
        if clock.now() >= until:
            break
    return Curation(
        recipe=recipe_ref,
        recipe_sha256=recipe.sha256,
        operations=tuple(step.operation for step in recipe.steps),
        curated=tuple(curated),
        rejected=tuple(rejected),
        held=tuple(held),
    )


def read_recipe(ref: ObjectRef, objects: Objects) -> Recipe:
    """That version of a recipe. Raises RecipeInvalid and ObjectGone."""
    return parse_recipe(objects.read(ref.bucket, ref.key, version_id=ref.version_id, limit=MAX_RECIPE_BYTES + 1))


def curate_object(ref: ObjectRef, recipe: Recipe, objects: Objects) -> CuratedObject:
    """One raw object through the recipe. Nothing is written unless all of it passes."""
    key = parse_key(ref.key)
    if not isinstance(key, RawKey):
        raise UnknownPrefix("the key is no raw data", key=ref.key, remedy="Upload to <product>/raw/<table>/.")
    target = curated_key(key)
    parse_key(target)  # its folders have to be partitions
    if ref.size > MAX_RAW_BYTES:
        raise RawTooLarge(
            f"the object has {ref.size} bytes, a function curates at most {MAX_RAW_BYTES // MIB} MiB",
            size=ref.size,
            limit=MAX_RAW_BYTES,
            remedy="Upload it in smaller parts; DataBrew jobs, which have no such limit, are not built yet.",
        )
    source = read_raw(objects.reader(ref).read(0, ref.size), bucket=ref.bucket, key=ref.key)
    plan = plan_recipe(recipe, source.columns)
    body, rows = write_rows(source.format, plan.columns, plan.apply(source.rows))
    if not rows or not plan.columns:
        raise NothingLeft(
            "the recipe left nothing of the object" if plan.columns else "the recipe left no column",
            remedy="Check its filters, or upload other data.",
        )
    version_id = objects.write(ref.bucket, target, body, content_type(source.format), metadata=_metadata(ref, recipe))
    return CuratedObject(
        key=target,
        raw_key=ref.key,
        raw_version_id=ref.version_id,
        rows=rows,
        bytes=len(body),
        version_id=version_id,
        lineage={name: ColumnOrigin(inputs=origin.inputs, steps=origin.steps) for name, origin in plan.lineage.items()},
    )


def _metadata(ref: ObjectRef, recipe: Recipe) -> dict[str, str]:
    """What the object was made of. The key is percent-encoded: metadata are ASCII; left out where it is too long."""
    key = quote(ref.key, safe="/=")
    named = {"raw-key": key} if len(key) <= _LONGEST_METADATA else {}
    return {**named, "raw-version-id": ref.version_id or "null", "recipe-sha256": recipe.sha256}


def _finish(
    round_: Round, refs: tuple[ObjectRef, ...], curation: Curation, *, raw: RawUploads, work: WorkFiles, trace: Trace
) -> None:
    """Rejections for the machine's next step; what is held leaves the batch, so that nobody settles it.

    Whoever uploads a recipe records it first and looks for held objects after; this holds first and looks after.
    """
    mode: Literal["express"] = "express"
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
