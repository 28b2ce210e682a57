"""Objects in buckets, what is measured of them, and jobs that read and write them."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from mesh.domain.contracts.contract import Contract
from mesh.domain.onboarding.formats.model import ObjectRef, RangeReader

if TYPE_CHECKING:  # no function reads these: they would only be imported
    from mesh.domain.onboarding.curation.jobs import JobOrder, JobRun
    from mesh.domain.onboarding.quality.model import Finding, TableReport
    from mesh.domain.onboarding.reading.model import FilePlan, SourceRead, TableSources, WrittenFile
    from mesh.domain.publishing.fields import Field
    from mesh.domain.schema import TableSchema


class Objects(Protocol):
    """The producer's buckets."""

    def reader(self, ref: ObjectRef) -> RangeReader: ...

    def read(self, bucket: str, key: str, *, version_id: str | None = None, limit: int) -> bytes:
        """At most `limit` bytes. Raises ObjectGone."""
        ...

    def write(self, bucket: str, key: str, body: bytes, content_type: str, *, report: bool = False) -> str | None:
        """The version that was written, None in a bucket without versions. A `report` is kept for a time."""
        ...

    def copy(self, bucket: str, source: str, target: str) -> None:
        """At most 5 GiB. Raises ObjectGone."""
        ...


class WorkFiles(Protocol):
    """Work files of a run, too large for an execution's input: JSON in the work bucket."""

    def put(self, key: str, document: str) -> None: ...

    def put_first(self, key: str, document: str) -> str | None:
        """Write it where nothing is; else what is there, and stays."""
        ...

    def get(self, key: str) -> str | None: ...

    def keys(self, prefix: str) -> Sequence[str]: ...


class TableReading(Protocol):
    """The rows of one table's objects, read whole. Whatever is wrong with them is a finding, never an error raised."""

    @property
    def schema(self) -> "TableSchema":
        """The table's columns after this batch, with their Hive types; partition keys are the last of them."""
        ...

    @property
    def partition_keys(self) -> tuple[str, ...]:
        """Names of the columns whose values come from the objects' folders."""
        ...

    @property
    def sources(self) -> "tuple[SourceRead, ...]":
        """The objects that were read, without excluded ones and those that could not be read."""
        ...

    @property
    def findings(self) -> "tuple[Finding, ...]":
        """What was found while reading. An error names the objects that it is in by `keys`; without any it is about all
        of them. A report of `measure` has these as well."""
        ...

    def exclude(self, keys: Collection[str]) -> None:
        """Take these objects' rows out; types that rested on them are decided anew."""
        ...

    def measure(self, contract: Contract | None, *, now: datetime) -> "TableReport":
        """Profile, rules, scores and all findings, of the rows that are left."""
        ...

    def write(self, files: "Sequence[FilePlan]", fields: "Sequence[Field]") -> "tuple[WrittenFile, ...]":
        """Write Parquet files, which are there until the reading is closed. `fields` have the schema's types; one that
        the batch has no column for is written as NULL."""
        ...


class Readings(Protocol):
    """Objects of a table, each fetched once and read whole."""

    def open(self, sources: "TableSources") -> AbstractContextManager[TableReading]:
        """Read them all. Raises what AWS's own faults raise (`Transient`), and nothing about data."""
        ...


class Part(NamedTuple):
    """A file that a job wrote; `size` in bytes."""

    key: str
    size: int


class JobFiles(Protocol):
    """Files of DataBrew jobs, in the work bucket: what they read, and what they write. Of any size."""

    def stage(self, ref: ObjectRef, key: str) -> None:
        """Copy that version of an object to `key`, unless it is there. Raises ObjectGone."""
        ...

    def parts(self, prefix: str) -> "list[Part]":
        """What a job wrote below the prefix, in the order of names; empty files are none."""
        ...

    def head(self, key: str) -> bytes:
        """The first MiB, less for a smaller file."""
        ...

    def chunks(self, key: str) -> Iterator[bytes]: ...

    def deliver(self, key: str, target: str, content_type: str) -> None:
        """Copy a file to `target` in the same bucket."""
        ...

    def clear(self, prefix: str) -> None:
        """Remove everything below the prefix."""
        ...


class RecipeJobs(Protocol):
    """AWS Glue DataBrew."""

    def newest(self, order: "JobOrder") -> "JobRun | None":
        """The latest run of the order's job; None where there is no job, or none of its runs."""
        ...

    def start(self, order: "JobOrder", steps: Sequence[Any]) -> bool:
        """Make sure of the recipe (`steps` as their owner wrote them), the dataset and the job, and start a run.

        Repeatable at any point of it. `False` while the account has no room for more. Raises RecipeNotForJobs.
        """
        ...

    def remove(self, order: "JobOrder") -> None:
        """Job and dataset. What is not there is success."""
        ...

    def remove_recipe(self, name: str) -> None:
        """All of its versions; one that a job still uses stays."""
        ...
