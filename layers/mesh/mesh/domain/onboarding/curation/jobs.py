"""A raw object that a function does not take, and the AWS Glue DataBrew job that runs the same recipe on it.

Names are made from what the job does, so that a repeated order finds it: product, recipe, and the object's
version. Source of names' form, states and outputs: AWS Glue DataBrew API reference, CreateRecipeJob, Output, JobRun.
"""

import codecs
import csv
import hashlib
import json
import re
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from mesh.domain.lineage.model import ColumnOrigin
from mesh.domain.model import Model
from mesh.domain.onboarding.curation.errors import RecipeJobFailed
from mesh.domain.onboarding.curation.recipe import Recipe
from mesh.domain.onboarding.curation.scanning import RawShape
from mesh.domain.onboarding.curation.text import RawFormat
from mesh.domain.onboarding.formats.model import MIB, Compression, ObjectRef

HEAD_BYTES: Final = MIB
"""How much of a job's output is looked at for its columns."""
MAX_ATTEMPTS: Final = 3
"""Runs of one job, where what failed may pass."""
_DIGEST: Final = 24
_EMPTY_LINES: Final = re.compile(rb"(?<=\n)\r?\n")
_PASSING: Final = (
    "throttl", "rate exceeded", "slow down", "slowdown", "service unavailable", "internal service", "internal error",
    "insufficient capacity", "concurrent", "resource unavailable",
)  # fmt: skip
"""Parts of an `ErrorMessage` that point to neither recipe nor data: DataBrew gives text, no code."""

type JobState = Literal["STARTING", "RUNNING", "STOPPING", "STOPPED", "SUCCEEDED", "FAILED", "TIMEOUT"]


class JobOrder(Model):
    """One object for a job. `name` is that of dataset and job, `folder` that of its files in the work bucket, `key`
    that of what it becomes there. `columns` and `lineage` are the planned ones of the output. `scanned`: every record
    was looked at; until then the columns are those that the head promises.
    """

    ref: ObjectRef
    key: str
    name: str
    recipe: str
    folder: str
    format: RawFormat
    compression: Compression
    delimiter: str
    columns: tuple[str, ...]
    lineage: dict[str, ColumnOrigin]
    scanned: bool = False

    @property
    def shape(self) -> RawShape:
        """How to read the object. Its columns are those of the output, and nothing to go by."""
        return RawShape(self.format, self.compression, self.delimiter, (), complete=False)

    @property
    def source(self) -> str:
        """Where the object's version is copied to: DataBrew reads keys, not versions, and goes by their endings."""
        return f"{self.folder}raw.{self.format}{'.gz' if self.compression == 'gzip' else ''}"

    @property
    def output(self) -> str:
        """Below it the job writes."""
        return f"{self.folder}out/"


class JobRun(NamedTuple):
    """A job's latest run. `error` is DataBrew's `ErrorMessage`, `attempts` how many runs there were."""

    state: JobState
    error: str = ""
    attempts: int = 1

    @property
    def goes_on(self) -> bool:
        """Whether it has not ended."""
        return self.state in {"STARTING", "RUNNING", "STOPPING"}

    @property
    def worth_repeating(self) -> bool:
        """Whether it failed by what may pass, and was not repeated too often."""
        said = self.error.lower()
        return self.attempts < MAX_ATTEMPTS and any(part in said for part in _PASSING)


def order_job(
    ref: ObjectRef, recipe: Recipe, *, product: str, target: str, shape: RawShape, planned: dict[str, ColumnOrigin]
) -> JobOrder:
    """The order for an object that was looked at and planned. `target` is the key, in the work bucket, of what
    it becomes."""
    what = json.dumps([ref.bucket, ref.key, ref.version_id or ref.etag, recipe.sha256])
    digest = hashlib.sha256(what.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return JobOrder(
        ref=ref,
        key=target,
        name=f"mesh-{product}-{digest}",
        recipe=f"mesh-{product}-{recipe.sha256[:_DIGEST]}",
        folder=f"jobs/{product}/{digest}/",
        format=shape.format,
        compression=shape.compression,
        delimiter=shape.delimiter,
        columns=tuple(planned),
        lineage=planned,
    )


def check_output(order: JobOrder, head: bytes) -> None:
    """Whether a part, by its first bytes, has the planned columns: CSV all of them in order, JSON lines no others (a
    null may be left out). Raises RecipeJobFailed.
    """
    try:
        first = head.partition(b"\n")[0].decode("utf-8-sig").strip("\r")
        found = next(csv.reader([first]), []) if order.format == "csv" else list(json.loads(first))
    except (ValueError, csv.Error) as error:
        raise _unexpected(order, f"wrote what cannot be read: {error}"[:300]) from error
    wrong = tuple(found) != order.columns if order.format == "csv" else set(found) - set(order.columns)
    if wrong:
        said = f"wrote the columns {', '.join(found)}, planned were {', '.join(order.columns)}"
        raise _unexpected(order, said[:1000])


def count_rows(order: JobOrder, chunks: Iterable[bytes]) -> int:
    """Rows of an output, of which one chunk is in memory. Raises RecipeJobFailed for text that is none."""
    try:
        records = _records(chunks, quotes=order.format == "csv")
    except ValueError as error:
        raise _unexpected(order, f"wrote what cannot be read: {error}"[:300]) from error
    return max(records - (order.format == "csv"), 0)


def _records(chunks: Iterable[bytes], *, quotes: bool) -> int:
    """Lines that are not empty; a line's end within quotes is none. Many times faster than reading CSV."""
    decoder, count, last, outside = codecs.getincrementaldecoder("utf-8")(), 0, b"\n", True
    for chunk in chunks:
        decoder.decode(chunk)
        for index, piece in enumerate(chunk.split(b'"') if quotes else [chunk]):
            if index:
                outside, last = not outside, b'"'
            if outside and piece:
                count += piece.count(b"\n") - len(_EMPTY_LINES.findall(last + piece))
            last = piece[-1:] or last
    decoder.decode(b"", final=True)
    if not outside:
        raise ValueError("a quote is not closed")
    return count + (last != b"\n")


def failed(order: JobOrder, run: JobRun) -> RecipeJobFailed:
    """The reason of a run that ended without an output."""
    said = run.error or f"the run ended as {run.state}"
    return RecipeJobFailed(
        f"the DataBrew job {order.name} failed: {said}"[:1500],
        job=order.name,
        state=run.state,
        attempts=run.attempts,
        remedy="Correct the recipe or the data and upload the object again; smaller objects need no job.",
    )


def _unexpected(order: JobOrder, message: str) -> RecipeJobFailed:
    return RecipeJobFailed(
        f"the DataBrew job {order.name} {message}", job=order.name, remedy="Upload the object in smaller parts."
    )


def too_many_parts(order: JobOrder, count: int) -> RecipeJobFailed:
    """One part was requested: which rows come first in several is not said."""
    return _unexpected(order, f"wrote {count} parts, one was requested")
