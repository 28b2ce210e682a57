"""Raw objects too large for a function: DataBrew jobs run the recipe, and their output is checked like other data.

Called repeatedly while jobs are running: each call polls every job once, collects finished ones, starts as many as
the limit allows, and renews the product's lease. Names are derived from the object's version and the recipe, so a
restarted run finds the jobs of the previous one.
"""

import json
from datetime import timedelta

from mesh.domain.errors import Rejected
from mesh.domain.onboarding.curation.jobs import JobOrder, check_output, count_rows, failed, too_many_parts
from mesh.domain.onboarding.curation.objects import content_type
from mesh.domain.onboarding.curation.plan import plan_recipe
from mesh.domain.onboarding.curation.recipe import parse_recipe
from mesh.domain.onboarding.curation.scanning import scan
from mesh.domain.onboarding.formats.model import Curated
from mesh.ports import Clock, JobFiles, Objects, RecipeJobs, Trace, Uploads, WorkFiles
from mesh.usecases.onboarding.batches import LEASE, keep_lease
from mesh.usecases.onboarding.curation import (
    CuratedObject,
    Curation,
    CurationRound,
    CurationState,
    curated_object,
    curation_path,
    finish,
    lineage_of,
    read_curation,
    recipe_text,
)

MAX_RUNNING = 5
"""Concurrent jobs of one product: the account's quota is shared by all of its products."""
TIME_OF_A_CALL = timedelta(seconds=300)
"""After this time a call begins no further object: copying or counting one may take minutes."""


def run_recipe_jobs(
    round_: CurationRound,
    *,
    jobs: RecipeJobs,
    files: JobFiles,
    objects: Objects,
    uploads: Uploads,
    work: WorkFiles,
    clock: Clock,
    trace: Trace,
    bucket: str,
) -> CurationState:
    """Poll the round's jobs once. Idempotent: a successful job is recorded before its files are removed. Raises
    LeaseLost.

    `bucket` is the work bucket's name.
    """
    now = clock.now()
    keep_lease(round_, round_.holder, now + LEASE, uploads=uploads)
    curation = read_curation(work, round_.work) or Curation(recipe=None)
    bench, running = _Bench(curation, jobs, files, objects, bucket), 0
    for order in curation.jobs:
        if running >= MAX_RUNNING or clock.now() >= now + TIME_OF_A_CALL:
            break
        outcome = bench.advance(order)
        if isinstance(outcome, JobOrder):
            curation = curation.with_order(outcome)
            work.put(curation_path(round_.work), curation.model_dump_json())
            outcome = bench.advance(outcome)
        running += outcome is None
        if outcome is None or isinstance(outcome, JobOrder):
            continue
        curation = _with(curation.without(order), order, outcome)
        work.put(curation_path(round_.work), curation.model_dump_json())
        bench.clear(order)
        trace.note(round_.correlation_id, "recipe job ended", product=round_.product, job=order.name, key=order.ref.key)
    if not curation.jobs:
        bench.close()
        finish(round_, curation, work=work, trace=trace)
    return curation.counted()


def _with(curation: Curation, order: JobOrder, outcome: CuratedObject | Rejected) -> Curation:
    if isinstance(outcome, CuratedObject):
        return curation.evolve(curated=(*curation.curated, outcome))
    return curation.refused(order.ref, outcome)


class _Bench:
    """The round's jobs, worked on one after another."""

    def __init__(self, curation: Curation, jobs: RecipeJobs, files: JobFiles, objects: Objects, bucket: str) -> None:
        self._curation, self._jobs, self._files, self._objects = curation, jobs, files, objects
        self._bucket = bucket
        self._recipes = {order.recipe for order in curation.jobs}
        self._text: bytes | None = None

    def advance(self, order: JobOrder) -> CuratedObject | Rejected | JobOrder | None:
        """The curated object, or why it is rejected; None while its job has not ended, or could not be started yet; or
        its updated order, to be recorded before the next step."""
        try:
            if not order.scanned:
                return self._scanned(order)
            run = self._jobs.newest(order)
            if run is None or (run.worth_repeating and not run.goes_on):
                self._files.stage(order.ref, order.source)
                self._jobs.start(order, self._read_steps())
                return None
            if run.goes_on:
                return None
            if run.state != "SUCCEEDED":
                raise failed(order, run)
            return self._collect(order)
        except Rejected as refusal:
            return refusal

    def clear(self, order: JobOrder) -> None:
        """The job first: left-over files are overwritten by the next job."""
        self._jobs.remove(order)
        self._files.clear(order.folder)

    def close(self) -> None:
        """Delete the recipes that the round's jobs shared."""
        for name in self._recipes:
            self._jobs.remove_recipe(name)

    def _scanned(self, order: JobOrder) -> JobOrder:
        self._files.stage(order.ref, order.source)
        ref = order.ref
        columns = scan(self._files.chunks(order.source), order.shape, bucket=ref.bucket, key=ref.key)
        planned = lineage_of(plan_recipe(parse_recipe(self._recipe()), columns))
        return order.evolve(scanned=True, columns=tuple(planned), lineage=planned)

    def _read_steps(self) -> list[object]:
        steps: list[object] = json.loads(self._recipe().decode("utf-8-sig"))
        return steps

    def _recipe(self) -> bytes:
        if self._text is None and self._curation.recipe is not None:
            self._text = recipe_text(self._curation.recipe, self._objects)
        return self._text or b"[]"

    def _collect(self, order: JobOrder) -> CuratedObject:
        parts = self._files.parts(order.output)
        if len(parts) > 1:
            raise too_many_parts(order, len(parts))
        rows = 0
        for part in parts:
            check_output(order, self._files.head(part.key))
            rows = count_rows(order, self._files.chunks(part.key))
        size = parts[0].size if parts else 0
        made = Curated(bucket=self._bucket, key=order.key, size=size, recipe=self._curation.recipe_sha256)
        curated = curated_object(order.ref, made, rows=rows, lineage=order.lineage)
        self._files.deliver(parts[0].key, order.key, content_type(order.format))
        return curated
