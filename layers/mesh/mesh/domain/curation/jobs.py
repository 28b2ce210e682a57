"""A raw object that a function does not take, and the AWS Glue DataBrew job that runs the same recipe on it.

Names are made from what the job does, so that whoever asks for it again finds it: product, recipe, and the object's
version. Source of names' form, states and outputs: AWS Glue DataBrew API reference, CreateRecipeJob, Output, JobRun.
"""

import codecs
import csv
import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

from mesh.domain.curation.errors import RecipeJobFailed
from mesh.domain.curation.objects import RawFormat, RawShape
from mesh.domain.curation.recipe import Recipe
from mesh.domain.events import Model
from mesh.domain.formats.model import MIB, Compression, ObjectRef
from mesh.domain.lineage.model import ColumnOrigin

HEAD_BYTES: Final = MIB
"""How much of a job's output is looked at for its columns."""
MAX_ATTEMPTS: Final = 3
"""Runs of one job, where what failed may pass."""
_DIGEST: Final = 24
_PASSING: Final = (
    "throttl", "rate exceeded", "slow down", "slowdown", "service unavailable", "internal service", "internal error",
    "insufficient capacity", "concurrent", "resource unavailable",
)  # fmt: skip
"""Parts of an `ErrorMessage` behind which is no fault of recipe or data: DataBrew gives text, no code."""

type JobState = Literal["STARTING", "RUNNING", "STOPPING", "STOPPED", "SUCCEEDED", "FAILED", "TIMEOUT"]


class JobOrder(Model):
    """One object for a job. `key` is that of what it becomes, `name` that of dataset and job, `folder` that of its
    papers in the work bucket; `columns` and `lineage` are the planned ones of the output.
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
    """The order for an object that was looked at and planned. `target` is the key of what it becomes."""
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
        first = next(_lines([head]), "").strip("\r\n")
        found = next(csv.reader([first]), []) if order.format == "csv" else list(json.loads(first))
    except (ValueError, csv.Error) as error:
        raise _unexpected(order, f"wrote what cannot be read: {error}"[:300]) from error
    wrong = tuple(found) != order.columns if order.format == "csv" else set(found) - set(order.columns)
    if wrong:
        said = f"wrote the columns {', '.join(found)}, planned were {', '.join(order.columns)}"
        raise _unexpected(order, said[:1000])


def count_rows(order: JobOrder, chunks: Iterable[bytes]) -> int:
    """Rows of an output, of which only a line or so is in memory. Raises RecipeJobFailed for text that is none."""
    try:
        if order.format == "json":
            return sum(1 for line in _lines(chunks) if line.strip())
        return max(sum(1 for record in csv.reader(_lines(chunks)) if record) - 1, 0)
    except (UnicodeDecodeError, csv.Error) as error:
        raise _unexpected(order, f"wrote what cannot be read: {error}"[:300]) from error


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
    """One part was asked for: which rows come first in several is not said."""
    return _unexpected(order, f"wrote {count} parts, one was asked for")


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    decoder, rest = codecs.getincrementaldecoder("utf-8-sig")(), ""
    for chunk in chunks:
        *whole, rest = (rest + decoder.decode(chunk)).split("\n")
        yield from (f"{line}\n" for line in whole)
    if rest := rest + decoder.decode(b"", final=True):
        yield rest
