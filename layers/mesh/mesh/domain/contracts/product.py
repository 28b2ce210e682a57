"""A data product in the registry: its owner, its contract, its versions."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from mesh.domain.contracts.contract import CrawlMode
from mesh.domain.contracts.evolution import Compatibility
from mesh.domain.errors import Rejected, Transient
from mesh.domain.events import AccountId, ColumnRef, Reason, Rollback, TableChange, whole_second
from mesh.domain.model import Model
from mesh.domain.packing import Packed, PackedObject

Severity = Literal["info", "warning", "breaking"]


class ConcurrentChange(Transient):
    """A concurrent write came first: read again and retry."""


class UnknownProduct(Rejected):
    """No product of that name is registered, or it is a draft that only its owner can see."""


class ProductIsRetired(Rejected):
    """Its owner retired it: until a contract revives it nothing of it is published, and it stays hidden."""


class ContractIsNewer(Rejected):
    """A contract was uploaded after the product's retirement was requested: the later word counts."""


class RetirementIsNewer(Rejected):
    """The product was retired after this contract was uploaded: the later word counts."""


class NotYetReadable(Transient):
    """The new version's tables are not readable in central yet."""


class Throttled(Transient):
    """AWS throttled the call."""


class NotPropagated(Transient):
    """A role, an administrator, a grant or an LF-Tag that was just made is not known to Lake Formation yet."""


class FormerOwner(Model):
    """An account that handed the product over: what it published lies in its `bucket`. `contract_sequencer` is of its
    last contract."""

    account: AccountId
    bucket: str
    contract_sequencer: str
    until: datetime


class Product(Model):
    """A registered data product. `version` is 0 until data was published. `dropped` are tables of an earlier revision
    of the contract that this one does not describe; `after_draft`: the one before was a draft, until this one
    is registered; `taken_from`: the former owner that still has its rights, until then. `declared`: when its
    contract was sent; `registered_at`: when everything was last in place by it. `retirements`: id of a request
    → sequencer of the contract that it ended; `retired`: when the last of them was sent. `notice_until`: up to then
    what breaks readers waits, by a notice period that a contract before promised and a later one shortened.
    """

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
    contract: PackedObject
    dropped: tuple[str, ...] = ()
    after_draft: bool = False
    former: tuple[FormerOwner, ...] = ()
    taken_from: AccountId | None = None
    retirements: dict[str, str] = Field(default_factory=dict)
    retired: datetime | None = None
    notice_until: datetime | None = None
    declared: datetime | None = None
    registered_at: datetime | None = None
    updated: datetime

    @property
    def has_ended(self) -> bool:
        """Its owner retired it. The next contract revives it, which this does not: it may come again."""
        return self.contract_sequencer in self.retirements.values()

    def ended_by(self, request: str, sent: datetime) -> tuple[dict[str, str], datetime]:
        """`retirements` and `retired` once that request has ended the contract in force."""
        return {**self.retirements, request: self.contract_sequencer}, max(sent, self.retired or sent)

    def was_retired_after(self, sent: datetime) -> bool:
        """Whether a contract that was sent then came before the last request to retire."""
        return self.retired is not None and sent < whole_second(self.retired)

    def was_revived_after(self, request: str, sent: datetime) -> bool:
        """Whether a contract was declared after that request to retire it: the request ended it before, and comes
        again; or it comes late."""
        ended = self.retirements.get(request, self.contract_sequencer)
        newer = self.declared is not None and sent < whole_second(self.declared)
        return ended != self.contract_sequencer or newer

    def is_declared_by(self, owner: str, sequencer: str) -> bool:
        """Whether that contract is the one that counts: no newer one, no other owner's, and no end came after it."""
        return (self.owner, self.contract_sequencer) == (owner, sequencer) and not self.has_ended

    def was_registered_since(self, moment: datetime | None) -> bool:
        """Whether a registration of the contract that counts came to its end after that, if that is known."""
        return moment is not None and self.registered_at is not None and self.registered_at > moment

    @property
    def is_offered(self) -> bool:
        """Drafts are visible to their owner only, and a retired product to nobody."""
        return not self.draft and self.status != "retired"

    def require_not_retired(self) -> None:
        """Raises ProductIsRetired."""
        if self.status == "retired":
            raise ProductIsRetired(
                f"{self.name} is retired",
                product=self.name,
                remedy="To revive it, upload its contract again; then release what was held (mesh quarantine).",
            )

    @property
    def offered_to(self) -> str:
        """The account that may take it over, by the registered contract; "" for none."""
        return str(self.contract.get("hand_over_to", ""))

    @property
    def buckets(self) -> dict[str, str]:
        """Where its versions lie: bucket → the account that has it."""
        return {**{each.bucket: each.account for each in self.former}, self.bucket: self.owner}

    @property
    def crawl(self) -> CrawlMode:
        """Who fills the tables, by the registered contract."""
        mode: CrawlMode = self.contract.get("crawl", "auto")
        return mode


def product_lock(name: str) -> str:
    """The lock of all that makes, tags, grants or hides what central has of one product by its contract."""
    return f"product-{name}"


class TableSnapshot(Model):
    """A table at one version.

    `metadata` is the location of its Iceberg metadata file, "" for a table that a Glue crawler fills. `empty` is the
    location of its initial metadata file without rows, which a rollback to before the table points at; `marks` are the
    highest ids ever used in it (`publishing.table_state.Marks`).
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

    def column_names(self) -> list[str]:
        """Partition keys are columns as well."""
        return [column.name for column in (*self.columns, *self.partition_keys)]


class VersionEnd(Model):
    """Why a version is no longer kept: withdrawn, or beyond the retention. `released` is when its owner was
    notified to delete the files that nothing else needs."""

    status: Literal["withdrawn", "expired"]
    at: datetime
    reason: str = ""
    by: str = ""
    released: datetime | None = None


class ProductVersion(Model):
    """One published version. `run` is the id of its proposal or rollback, so that a repetition is recognised.
    `draft`: its contract was a draft.
    """

    product: str
    version: int
    run: str
    correlation_id: str
    contract_version: str
    tables: Annotated[tuple[TableSnapshot, ...], Packed()]
    changes: Annotated[tuple[TableChange, ...], Packed()]
    published: datetime
    follows: int = 0
    generation: int = 0
    """Of the newest batch that its owner published, up to this version."""
    draft: bool = False
    compatibility: Compatibility = "full"
    severity: Severity = "info"
    rollback: Rollback | None = None
    ended: VersionEnd | None = None

    @property
    def staged(self) -> bool:
        """Whether it consists of metadata files: a version of Hive tables does not, and is not kept."""
        return bool(self.tables) and all(table.metadata for table in self.tables)


class RollbackOrder(Rollback):
    """A requested rollback and its status: central's own record of who requested it, and why; of a refused one, why it
    was refused."""

    product: str
    correlation_id: str
    at: datetime
    status: Literal["started", "published", "refused"] = "started"
    refusal: Reason | None = None
