"""A published version, as its subscribers are notified of it."""

from typing import Literal

from pydantic import Field

from mesh.domain.contracts.evolution import Compatibility
from mesh.domain.events.model import AccountId, EventData, ProductName, TableName, VersionNumber
from mesh.domain.model import Model
from mesh.domain.schema import TypeChange


class PersonalDataFinding(Model):
    """A column that looks like personal data: which LF-Tag value it should have, and why."""

    column: str
    value: str
    reason: str
    confidence: float = Field(ge=0, le=1)


class ShortFinding(Model):
    """A check's finding in short, as published with a version; the batch's report has all of it."""

    code: str
    table: str = ""
    column: str = ""
    message: str = Field(max_length=500)


class QualitySummary(Model):
    """A table's checks in short: `scores` from 0 to 1 by name, and the first warnings; `warnings` counts all."""

    scores: dict[str, float] = Field(default_factory=dict)
    warnings: int = Field(default=0, ge=0)
    findings: tuple[ShortFinding, ...] = Field(default=(), max_length=20)


class Rollback(Model):
    """Which version was restored, by which request, requested by which account, and why."""

    version: VersionNumber
    request: str = Field(max_length=128)
    requested_by: AccountId
    reason: str = Field(min_length=1, max_length=1000)


class ColumnRef(Model):
    """A column as Glue has it."""

    name: str
    type: str


class TableChange(Model):
    """What one version changed in one table. `rows`, `bytes` and `objects` are of the new data; `…_total` is the
    table's after it, `rows_delta` is relative to the previous version. `schema_changes` are sentences, at most 100.
    `dropped`: the contract no longer describes it, and its rows are gone.
    """

    table: TableName
    new_table: bool = False
    dropped: bool = False
    added_columns: tuple[ColumnRef, ...] = ()
    removed_columns: tuple[str, ...] = ()
    changed_types: tuple[TypeChange, ...] = ()
    added_partitions: tuple[str, ...] = ()
    added_partitions_count: int = 0
    columns: int = 0
    rows: int = 0
    rows_exact: bool = True
    bytes: int = 0
    objects: int = 0
    rows_total: int | None = None
    rows_delta: int | None = None
    compatibility: Compatibility = "full"
    schema_changes: tuple[str, ...] = ()
    quality: QualitySummary | None = None


class Query(Model):
    """How a consumer reads a table: through its own resource link, in its own account."""

    catalog_id: AccountId
    database: str
    table: str
    resource_link: str
    sql: str


class ProductUpdated(EventData):
    """A new version can be read in central.

    `severity`: `breaking`, columns or tables may be gone, or have another meaning; `warning`, values may differ from
    before, or checks found something; else `info`. `follows` is the version that it is compared with, 0 for none.
    `rollback` says which version it restores, and why. `warnings` are at most 20. `tables` changed; so that it
    fits into a message, each list of a change has at most `listed` entries, fewer the more tables there are.
    """

    product: ProductName
    version: VersionNumber
    domain: str
    owner_account: AccountId
    contract_version: str
    changes: tuple[TableChange, ...]
    queries: tuple[Query, ...]
    tables: int = Field(default=0, ge=0)
    listed: int = Field(default=100, ge=0)
    draft: bool = False
    follows: int = Field(default=0, ge=0)
    severity: Literal["info", "warning", "breaking"] = "info"
    compatibility: Compatibility = "full"
    rollback: Rollback | None = None
    warnings: tuple[ShortFinding, ...] = Field(default=(), max_length=20)
