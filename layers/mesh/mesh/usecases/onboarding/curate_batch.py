"""Curate a batch of raw objects: apply the product's recipe, and write the result to the work bucket for the checks.

The raw object is what is published, held and reported; the recipe's output is its content. A broken object is held;
one too large for a function is scanned and left to a DataBrew job (`run_recipe_jobs`). One that the recipe does not fit
is held as well; without a recipe all raw objects wait, without a reason. All of these are curated when the next recipe
arrives.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from mesh.domain.errors import Rejected
from mesh.domain.lineage.model import ColumnOrigin
from mesh.domain.onboarding.budgets import MAX_RAW
from mesh.domain.onboarding.curation.errors import MISFITS, RawTooLarge, RecipeGone
from mesh.domain.onboarding.curation.jobs import JobOrder, order_job
from mesh.domain.onboarding.curation.objects import content_type, raw_format, read_raw, write_rows
from mesh.domain.onboarding.curation.plan import plan_recipe
from mesh.domain.onboarding.curation.recipe import Recipe
from mesh.domain.onboarding.curation.scanning import RawShape, read_raw_head
from mesh.domain.onboarding.formats.model import MAX_TEXT_BYTES, Curated, ObjectRef
from mesh.domain.onboarding.keys import UnknownPrefix, table_key
from mesh.ports import Clock, LandingObjects, Objects, RawUploads, Trace, Uploads, WorkFiles
from mesh.usecases.onboarding.batches import LEASE, keep_lease, look_up, read_batch
from mesh.usecases.onboarding.curation import (
    CuratedObject,
    Curation,
    CurationRound,
    CurationState,
    curated_object,
    curated_place,
    curation_path,
    finish,
    lineage_of,
    read_curation,
    read_recipe,
)

TIME_OF_A_CALL = timedelta(seconds=120)
"""After this time a call begins no further object; the state machine calls again for the rest, so that many objects
cannot exceed a function's timeout. One object of 64 MiB and 39 steps takes about half a minute."""


@dataclass(frozen=True)
class Curating:
    """The ports that curating a batch needs. `bucket` is the work bucket's name; objects larger than `max_bytes` are
    left to jobs."""

    objects: Objects
    landing: LandingObjects
    uploads: Uploads
    raw: RawUploads
    work: WorkFiles
    clock: Clock
    trace: Trace
    bucket: str
    max_bytes: int = MAX_RAW


def curate_batch(round_: CurationRound, *, using: Curating) -> CurationState:
    """Curate as many of the round's objects as one call can. Idempotent: the same object gives the same bytes.

    Objects of more than `max_bytes` become orders for jobs, and the curation ends when these have ended.

    Raises LeaseLost.
    """
    now = using.clock.now()
    keep_lease(round_, round_.holder, now + LEASE, uploads=using.uploads)
    curation = read_curation(using.work, round_.work) or Curation(recipe=using.raw.recipe(round_.product))
    left = [ref for ref in read_batch(using.work, round_.work) if ref.key not in curation.done]
    there, gone = look_up(left, using.landing)
    curation = curation.evolve(removed=(*curation.removed, *gone))
    if curation.recipe is None:
        curation = curation.evolve(waiting=(*curation.waiting, *there))
    else:
        curation = _curate(round_, there, curation.recipe, curation, using)
    remaining = sum(ref.key not in curation.done for ref in there)
    using.work.put(curation_path(round_.work), curation.model_dump_json())
    if not remaining and not curation.jobs:
        finish(round_, curation, work=using.work, trace=using.trace)
    return curation.counted(remaining)


def _curate(
    round_: CurationRound, refs: list[ObjectRef], recipe_ref: ObjectRef, curation: Curation, using: Curating
) -> Curation:
    until = using.clock.now() + TIME_OF_A_CALL
    try:
        recipe = read_recipe(recipe_ref, using.objects)
    except Rejected as gone:
        for ref in refs:
            curation = curation.refused(ref.evolve(curated=None), _recipe_gone(gone))
        return curation
    operations = tuple(step.operation for step in recipe.steps)
    curation = curation.evolve(recipe_sha256=recipe.sha256, operations=operations)
    for ref in refs:
        raw = ref.evolve(curated=None)  # it may have been held, and released, under another recipe
        try:
            outcome = _curate_or_order(round_, raw, recipe, using)
        except Rejected as refusal:
            curation = curation.refused(raw, refusal)
        else:
            part = "jobs" if isinstance(outcome, JobOrder) else "curated"
            curation = curation.evolve(**{part: (*getattr(curation, part), outcome)})
        if using.clock.now() >= until:
            break
    return curation


def _recipe_gone(gone: Rejected) -> RecipeGone:
    return RecipeGone(f"the recipe in force cannot be read: {gone.message}", remedy="Upload the recipe again.")


def _curate_or_order(
    round_: CurationRound, ref: ObjectRef, recipe: Recipe, using: Curating
) -> CuratedObject | JobOrder:
    """The curated object, or, where a function cannot take it, the order for a job."""
    key = table_key(ref.key)  # raises if its folders are not partitions
    if key is None:
        raise UnknownPrefix(
            "the key does not belong to raw data", key=ref.key, remedy="Upload to <product>/raw/<table>/."
        )
    raw_format(key.file, bucket=ref.bucket, key=ref.key)
    if ref.size <= using.max_bytes:
        with suppress(RawTooLarge):  # it expands too far, or has too many distinct rows to remember
            return _curate_object(round_, ref, recipe, using)
    head = using.objects.reader(ref).read(0, MAX_TEXT_BYTES)
    shape = read_raw_head(head, ref.size, bucket=ref.bucket, key=ref.key)
    planned = _planned(recipe, shape)
    target = curated_place(round_, ref, shape.format)
    return order_job(ref, recipe, product=round_.product, target=target, shape=shape, planned=planned)


def _planned(recipe: Recipe, shape: RawShape) -> dict[str, ColumnOrigin]:
    """The output's columns as far as the head shows: later JSON lines may add fields."""
    try:
        return lineage_of(plan_recipe(recipe, shape.columns))
    except MISFITS:
        if shape.format == "csv" or shape.complete:
            raise
        return {}


def _curate_object(round_: CurationRound, ref: ObjectRef, recipe: Recipe, using: Curating) -> CuratedObject:
    """Apply the recipe to one raw object. Nothing is written unless all of it passes."""
    source = read_raw(using.objects.reader(ref).read(0, ref.size), bucket=ref.bucket, key=ref.key)
    plan = plan_recipe(recipe, source.columns)
    planned = lineage_of(plan)
    body, rows = write_rows(source.format, plan.columns, plan.apply(source.rows))
    target = curated_place(round_, ref, source.format)
    made = Curated(bucket=using.bucket, key=target, size=len(body), recipe=recipe.sha256)
    curated = curated_object(ref, made, rows=rows, lineage=planned)
    using.objects.write(using.bucket, target, body, content_type(source.format))
    return curated
