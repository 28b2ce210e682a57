"""A batch of raw objects: read, put through the product's recipe, written as data, which arrives by its own S3 event.

An object that is broken goes to quarantine; one that is too large for a function is looked at and left to a DataBrew
job (`run_recipe_jobs`). One that the recipe does not fit stays in `raw/` with a report, and so does everything while
there is no recipe, without one: all of it is taken up when the next recipe arrives.
"""

from contextlib import suppress
from datetime import timedelta

from mesh.domain.curation.errors import MISFITS, NothingLeft, RawTooLarge
from mesh.domain.curation.jobs import JobOrder, order_job
from mesh.domain.curation.objects import (
    MAX_RAW_BYTES,
    content_type,
    curated_key,
    read_raw,
    write_rows,
)
from mesh.domain.curation.plan import plan_recipe
from mesh.domain.curation.recipe import Recipe
from mesh.domain.curation.scanning import RawShape, read_raw_head
from mesh.domain.errors import Rejected
from mesh.domain.formats.model import MAX_TEXT_BYTES, ObjectRef
from mesh.domain.keys import RawKey, parse_key
from mesh.domain.lineage.model import ColumnOrigin
from mesh.domain.rejections import UnknownPrefix
from mesh.ports import Clock, Objects, RawUploads, Trace, WorkFiles
from mesh.usecases.batches import read_batch
from mesh.usecases.curation import (
    Curated,
    CuratedObject,
    Curation,
    curation_path,
    finish,
    lineage_of,
    made_of,
    read_recipe,
)
from mesh.usecases.rounds import Round
from mesh.usecases.reject_objects import Rejection, reason_of

TIME_OF_A_CALL = timedelta(seconds=120)
"""After so long a call begins no further object; the machine calls again for the rest, so that no number of objects
outlasts a function. One object of 64 MiB and 39 steps takes about half a minute."""


def curate_batch(
    round_: Round,
    *,
    objects: Objects,
    raw: RawUploads,
    work: WorkFiles,
    clock: Clock,
    trace: Trace,
    max_bytes: int = MAX_RAW_BYTES,
) -> Curated:
    """Curate as many of the round's objects as one call may. Repeatable: the same object makes the same bytes.

    Objects of more than `max_bytes` become orders for jobs, and the round ends when these have ended.

    Raises what the recipe is refused for, if it was changed since it was checked (it was not: it is read by version).
    """
    written = work.get(curation_path(round_))
    curation = Curation.model_validate_json(written) if written else Curation(recipe=raw.recipe(round_.product))
    refs = read_batch(work, round_.work)
    left = [ref for ref in refs if ref.key not in curation.done]
    if curation.recipe is None:
        curation, left = curation.model_copy(update={"held": (*curation.held, *left)}), []
    else:
        curation = _curate(left, curation.recipe, curation, objects, clock, max_bytes=max_bytes)
        left = [ref for ref in left if ref.key not in curation.done]
    work.put(curation_path(round_), curation.model_dump_json())
    if not left and not curation.jobs:
        finish(round_, curation, raw=raw, work=work, trace=trace)
    return curation.counted(len(left))


def _curate(
    refs: list[ObjectRef], recipe_ref: ObjectRef, before: Curation, objects: Objects, clock: Clock, *, max_bytes: int
) -> Curation:
    recipe, until = read_recipe(recipe_ref, objects), clock.now() + TIME_OF_A_CALL
    curated, rejected, held, jobs = list(before.curated), list(before.rejected), list(before.held), list(before.jobs)
    for ref in refs:
        try:
            outcome = _curate_or_order(ref, recipe, objects, max_bytes)
            if isinstance(outcome, JobOrder):
                jobs.append(outcome)
            else:
                curated.append(outcome)
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
        jobs=tuple(jobs),
    )


def _curate_or_order(ref: ObjectRef, recipe: Recipe, objects: Objects, max_bytes: int) -> CuratedObject | JobOrder:
    """The curated object, or, where a function cannot take it, the order for a job."""
    key = parse_key(ref.key)
    if not isinstance(key, RawKey):
        raise UnknownPrefix("the key is no raw data", key=ref.key, remedy="Upload to <product>/raw/<table>/.")
    target = curated_key(key)
    parse_key(target)  # its folders have to be partitions
    if ref.size <= max_bytes:
        with suppress(RawTooLarge):  # it unfolds too far, or has too many different rows to remember
            return _curate_object(ref, target, recipe, objects)
    head = objects.reader(ref).read(0, MAX_TEXT_BYTES)
    shape = read_raw_head(head, ref.size, bucket=ref.bucket, key=ref.key)
    planned = _planned(recipe, shape)
    return order_job(ref, recipe, product=key.product, target=target, shape=shape, planned=planned)


def _planned(recipe: Recipe, shape: RawShape) -> dict[str, ColumnOrigin]:
    """The output's columns as far as the head tells: later lines of JSON may bring further fields."""
    try:
        return lineage_of(plan_recipe(recipe, shape.columns))
    except MISFITS:
        if shape.format == "csv" or shape.complete:
            raise
        return {}


def _curate_object(ref: ObjectRef, target: str, recipe: Recipe, objects: Objects) -> CuratedObject:
    """One raw object through the recipe. Nothing is written unless all of it passes."""
    source = read_raw(objects.reader(ref).read(0, ref.size), bucket=ref.bucket, key=ref.key)
    plan = plan_recipe(recipe, source.columns)
    planned = lineage_of(plan)
    body, rows = write_rows(source.format, plan.columns, plan.apply(source.rows))
    if not rows:
        raise NothingLeft("the recipe left nothing of the object", remedy="Check its filters, or upload other data.")
    metadata = made_of(ref, recipe.sha256)
    version_id = objects.write(ref.bucket, target, body, content_type(source.format), metadata=metadata)
    return CuratedObject(
        key=target,
        raw_key=ref.key,
        raw_version_id=ref.version_id,
        rows=rows,
        bytes=len(body),
        version_id=version_id,
        lineage=planned,
    )
