"""What the registry knows of a data product: who owns it, its contract, its versions."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from mesh.domain.contracts.contract import CrawlMode
from mesh.domain.contracts.evolution import Compatibility
from mesh.domain.errors import Rejected, Transient
from mesh.domain.events import AccountId, ColumnRef, PersonalDataFinding, Rollback, TableChange
from mesh.domain.model import Model

Severity = Literal["info", "warning", "breaking"]


class ConcurrentChange(Transient):
    """Somebody else wrote first: read again and retry."""


class UnknownProduct(Rejected):
    """No product of that name is registered, or it is a draft that only its owner can see."""


class NotYetReadable(Transient):
    """The new version's tables are not readable in central yet."""


class Throttled(Transient):
    """AWS asked to slow down."""


class PrincipalNotReady(Transient):
    """A role that was just made is not known to Lake Formation yet."""


class Product(Model):
    """A registered data product. `version` is 0 until data was published. `dropped` are tables that an earlier revision
    of the contract described, and this one does not."""

    name: str
    owner: AccountId
    domain: str
    status: Literal["claimed", "registered", "retired"]
    bucket: str
    location: str
    contract_version: str
    contract_sequencer: str = ""
    description: str = ""
    draft: bool = False
    version: int = 0
    tags: dict[str, str] = Field(default_factory=dict)
    contract: dict[str, Any]
    dropped: tuple[str, ...] = ()
    updated: datetime

    @property
    def is_offered(self) -> bool:
        """Drafts are their owner's alone, and a product that has ended is nobody's."""
        return not self.draft and self.status != "retired"

    @property
    def crawl(self) -> CrawlMode:
        """Who fills the tables, by the registered contract."""
        mode: CrawlMode = self.contract.get("crawl", "auto")
        return mode


class TableSnapshot(Model):
    """A table at one version. `findings` are of all crawls so far, the latest for each column.

    `metadata` is the location of its Iceberg metadata file, "" for a table that a Glue crawler fills. `empty` is that
    of the file without rows which its first version left, what a rollback to before the table points at; `marks` are
    the highest ids ever given in it (`publishing.table_state.Marks`).
    """

    table: str
    columns: tuple[ColumnRef, ...]
    partition_keys: tuple[ColumnRef, ...] = ()
    rows: int = 0
    rows_exact: bool = True
    bytes: int = 0
    objects: int = 0
    partitions: int = 0
    metadata: str = ""
    empty: str = ""
    marks: dict[str, int] = Field(default_factory=dict)
    findings: tuple[PersonalDataFinding, ...] = ()


class VersionEnd(Model):
    """Why a version is kept no more: somebody withdrew it, or it is older than what is kept. `released` is when its
    owner was told to delete what nothing else needs."""

    status: Literal["withdrawn", "expired"]
    at: datetime
    reason: str = ""
    by: str = ""
    released: datetime | None = None


class ProductVersion(Model):
    """One published version. `run` is the id of the proposal, or rollback, behind it: a repetition finds it here.
    `draft`: its contract was one.
    """

    product: str
    version: int
    run: str
    correlation_id: str
    contract_version: str
    tables: tuple[TableSnapshot, ...]
    changes: tuple[TableChange, ...]
    published: datetime
    follows: int = 0
    draft: bool = False
    compatibility: Compatibility = "full"
    severity: Severity = "info"
    rollback: Rollback | None = None
    ended: VersionEnd | None = None

    @property
    def staged(self) -> bool:
        """Whether it is made of metadata files: a version of Hive tables is not, and is not kept."""
        return bool(self.tables) and all(table.metadata for table in self.tables)


class RollbackOrder(Rollback):
    """A rollback that was requested, and how it stands: central's own record of who wanted it, and why."""

    product: str
    correlation_id: str
    at: datetime
    status: Literal["started", "published", "refused"] = "started"
