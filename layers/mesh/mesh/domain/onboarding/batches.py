"""A producer's batch on its way to be proposed: what was checked and written, and which source each row came from."""

from datetime import datetime

from pydantic import Field

from mesh.domain.errors import Rejected
from mesh.domain.events import PersonalDataFinding, ProposedTable, QualitySummary, Reason
from mesh.domain.model import Model
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.quality.model import BatchReports, Finding
from mesh.domain.publishing.fields import Field as Column
from mesh.domain.publishing.staging import DataFile
from mesh.domain.publishing.table_state import Marks, TableState

MAX_FILES = 500
"""A source has a data file of its own up to so many files of a partition; beyond that sources share files."""
SHARED = 100
"""Sources that share one file."""


class IndexEntry(Model):
    """One source of a table version: an object's version, and where its rows are. `first_row` counts from 0.

    `etag` is the object's digest: that of a raw object names its recipe as well. A source without rows has no `file`;
    one that Meshwork did not read (`crawl: glue`, a format that only a crawler reads) has a file, and no rows.
    """

    key: str
    version_id: str | None = None
    etag: str = ""
    size: int = Field(default=0, ge=0)
    file: str = ""
    first_row: int = Field(default=0, ge=0)
    rows: int = Field(default=0, ge=0)

    @property
    def unread(self) -> bool:
        """Whether it is published as it is."""
        return bool(self.file) and not self.rows

    def is_of(self, ref: ObjectRef) -> bool:
        """Whether the object gives the same rows: S3's ETag and size agree, and the recipe of a raw one."""
        return (self.key, self.etag, self.size) == (ref.key, ref.digest, ref.size) and bool(ref.etag)


class CheckedTable(Model):
    """One table of a checked batch. `added` are its new data files, `sources` the rows in them; `gone` are keys whose
    present rows are replaced, or whose object was deleted. `base` is the metadata file it was compared with, and
    `state` what that says of the table: "" and None for a new one. `only_nulls` are ids of columns of which no value
    has given a type yet.

    Of `crawl: glue` there is no `base`, `added` are not where `sources` say yet (`promote_objects` puts them there),
    and `fields` have no partition keys. `read` names the columns that the batch's own objects have.

    Of one that is `dropped` the contract describes nothing any more: all of its rows are `gone`.
    """

    table: str
    location: str
    new: bool = False
    base: str
    state: TableState | None = None
    marks: Marks
    fields: tuple[Column, ...]
    partition: tuple[str, ...] = ()
    added: tuple[DataFile, ...] = ()
    sources: tuple[IndexEntry, ...] = ()
    gone: tuple[str, ...] = ()
    dropped: bool = False
    only_nulls: frozenset[int] = frozenset()
    read: tuple[str, ...] = ()
    findings: tuple[PersonalDataFinding, ...] = ()
    quality: QualitySummary | None = None


class HeldBack(Model):
    """An object that is not published, and why. `releasable`: its owner may overrule the check that held it back."""

    ref: ObjectRef
    reason: Reason
    releasable: bool = False


def held_by(refusal: Rejected, ref: ObjectRef) -> HeldBack:
    """An object that the recipe, or the reader of raw data, refuses: no release overrules that."""
    reason = refusal.to_dict()
    where = {"bucket": ref.bucket, "key": ref.key, **reason["where"]}
    return HeldBack(ref=ref, reason=Reason.model_validate({**reason, "where": where}))


def held_for(ref: ObjectRef, finding: Finding, *, releasable: bool) -> HeldBack:
    """An object in which a check found something."""
    where = {"bucket": ref.bucket, "key": ref.key, "table": finding.table}
    if finding.column:
        where["column"] = finding.column
    if finding.where:
        where["rule"] = finding.where
    reason = Reason(code=finding.code, message=finding.message, where=where, remedy=finding.remedy)
    return HeldBack(ref=ref, reason=reason, releasable=releasable)


class CheckedBatch(Model):
    """The checks' result for a batch of `objects`; `same` are keys that were uploaded again with the bytes that are
    published. No `reports` where nothing was measured: of a batch that has no contract yet."""

    objects: tuple[ObjectRef, ...] = ()
    bucket: str = ""
    contract_version: str = ""
    tables: tuple[CheckedTable, ...] = ()
    held: tuple[HeldBack, ...] = ()
    same: tuple[str, ...] = ()
    reports: BatchReports | None = None


class StagedBatch(Model):
    """A recorded proposal, which can be sent repeatedly."""

    proposal: str
    contract_version: str = ""
    held: int = 0
    tables: tuple[ProposedTable, ...]
    staged_at: datetime
