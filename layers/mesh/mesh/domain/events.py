"""The events of the mesh: `{"metadata": {...}, "data": {...}}` in EventBridge's `detail`.

One model for each detail-type; `events/contracts/<DetailType>.v1.json` is generated from these (`make contracts`).
The sender is never in here: it is the envelope's `account`, which AWS sets and nobody can forge.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import NAMESPACE_URL, uuid4, uuid5

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from mesh.domain.counting import TableTotal
from mesh.domain.errors import Rejected
from mesh.domain.evolution import Compatibility
from mesh.domain.schema import TypeChange

SOURCE = "meshwork"

AccountId = Annotated[str, Field(pattern=r"^\d{12}$")]
ProductName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$")]
TableName = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,255}$")]
ColumnName = Annotated[str, Field(pattern=r"^[^\s,.\"'`]{1,255}$")]
RoleName = Annotated[str, Field(pattern=r"^[\w+=,@-]{1,64}$")]
AccessId = Annotated[str, Field(pattern=r"^ac-[0-9a-f]{12}$")]
PinId = Annotated[str, Field(pattern=r"^pin-[0-9a-f]{12}$")]
BucketName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]


class MalformedEvent(Rejected):
    """An event, or a call, that does not have the form of its contract."""

    @classmethod
    def of(cls, invalid: ValidationError) -> "MalformedEvent":
        """The first fault, by its place."""
        fault = invalid.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        return cls(f"{place}: {fault['msg']}", field=place, remedy="see events/contracts/")


class Model(BaseModel):
    """Immutable, and closed: a field that is not in the contract is an error, not noise."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")


class Metadata(Model):
    """`id` is unique per event and stable over redelivery; `correlation_id` is one upload's whole story."""

    id: str = Field(default_factory=lambda: str(uuid4()), max_length=128)
    version: Literal[1] = 1
    correlation_id: str = Field(default_factory=lambda: str(uuid4()), max_length=128)
    causation_id: str | None = Field(default=None, max_length=128)
    time: datetime = Field(default_factory=lambda: datetime.now(UTC))


class EventData(Model):
    """Base of every `data`; its class name is the detail-type."""

    @classmethod
    def detail_type(cls) -> str:
        """The EventBridge `detail-type`."""
        return cls.__name__


class Event[D: EventData](Model):
    """An event's whole `detail`."""

    metadata: Metadata = Field(default_factory=Metadata)
    data: D


class Reason(Model):
    """Why something was refused: an error's `to_dict()`."""

    code: str
    message: str
    where: dict[str, Any] = Field(default_factory=dict)
    remedy: str = ""


class MemberJoined(EventData):
    """A spoke stack asks to be a member. Who it is comes from the envelope."""

    role: Literal["producer", "consumer", "both"]
    domain: str = Field(min_length=1, max_length=50)
    contact: str = Field(min_length=3, max_length=320)


class SubscriptionRequested(EventData):
    """The sending account wants notices of a product."""

    product: ProductName


class SubscriptionEnded(EventData):
    """The sending account wants no more notices of a product."""

    product: ProductName


class ProductDeclared(EventData):
    """A contract arrived or changed. `contract` is its text: central reads no S3 across accounts, trusts no parse."""

    product: ProductName
    bucket: BucketName
    key: str = Field(max_length=1024)
    version_id: str | None = None
    sequencer: str = ""
    contract: str


class ProductRegistered(EventData):
    """Database, tags, location and grants are in place in central: link and crawl."""

    product: ProductName
    database: str
    catalog_id: AccountId
    region: str
    bucket: BucketName
    location: str
    crawl: Literal["auto", "express", "glue"] = "auto"
    crawler_prefix: str
    draft: bool = False
    contract: dict[str, Any]
    """The validated contract (`Contract.model_dump`): its columns decide types and headers in the crawl."""


class PersonalDataFinding(Model):
    """A column that looks like personal data: which LF-Tag value it should have, and why it is thought so."""

    column: str
    value: str
    reason: str
    confidence: float = Field(ge=0, le=1)


class ShortFinding(Model):
    """A check's finding in short, as it is told with a version; the whole of it is in the batch's report."""

    code: str
    table: str = ""
    column: str = ""
    message: str = Field(max_length=500)


class QualitySummary(Model):
    """A table's checks in short: `scores` from 0 to 1 by name, and the first warnings; `warnings` counts all."""

    scores: dict[str, float] = Field(default_factory=dict)
    warnings: int = Field(default=0, ge=0)
    findings: tuple[ShortFinding, ...] = Field(default=(), max_length=20)


class ManifestPointer(Model):
    """Where the state of a product after one batch is written down: an object in the producer's bucket.

    `sha256` is of the object's bytes, in hexadecimal; `objects` is how many objects it pins.
    """

    key: str = Field(max_length=1024)
    version_id: str | None = None
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    objects: int = Field(ge=0)


class Rollback(Model):
    """Which version was gone back to, by which request, asked for by which account, and why."""

    version: int = Field(ge=1)
    request: str = Field(max_length=128)
    requested_by: AccountId
    reason: str = Field(min_length=1, max_length=1000)


class CrawledTable(Model):
    """One table of a crawl. Counts are of this batch, `total` of the table since the product began.

    Columns are read by central from the catalog, the truth; `columns` are the names of those that this crawl has read,
    so that its findings speak of them. None: all that are there (it read no files itself, or the table is too wide to
    list). `partitions` is how many there are in all, where the crawl is no addition to what there was (a rollback).
    """

    name: TableName
    new_table: bool
    objects: int = Field(ge=0)
    rows: int = Field(ge=0)
    rows_exact: bool
    bytes: int = Field(ge=0)
    total: TableTotal
    partitions_added: tuple[str, ...] = ()
    partitions_added_count: int = Field(default=0, ge=0)
    partitions: int | None = Field(default=None, ge=0)
    findings: tuple[PersonalDataFinding, ...] = ()
    columns: tuple[str, ...] | None = None
    quality: QualitySummary | None = None


class DataCrawled(EventData):
    """A batch is in the catalog: what was crawled, as pointers and a summary.

    `manifest` pins what the product is after it; `rollback` says that the batch is an earlier version come again.
    """

    product: ProductName
    generation: int = Field(ge=1)
    mode: Literal["express", "glue"]
    tables: tuple[CrawledTable, ...] = Field(min_length=1, max_length=100)
    quarantined: int = Field(default=0, ge=0)
    manifest: ManifestPointer | None = None
    rollback: Rollback | None = None


class ColumnRef(Model):
    """A column as Glue has it."""

    name: str
    type: str


class TableChange(Model):
    """What one version changed in one table. `rows`, `bytes` and `objects` are of what came; `…_total` is the table's
    after it, `rows_delta` against the version before. `schema_changes` are in words, at most 100.
    """

    table: TableName
    new_table: bool = False
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

    `severity`: `breaking`, what a reader names may be gone or have another meaning; `warning`, values may be other than
    before, or checks found something; else `info`. `follows` is the version that it is compared with, 0 for none.
    `manifest` pins the version's objects; `rollback` says which version it repeats, and why. `warnings` are at most 20.
    """

    product: ProductName
    version: int = Field(ge=1)
    domain: str
    owner_account: AccountId
    contract_version: str
    changes: tuple[TableChange, ...]
    queries: tuple[Query, ...]
    draft: bool = False
    follows: int = Field(default=0, ge=0)
    severity: Literal["info", "warning", "breaking"] = "info"
    compatibility: Compatibility = "full"
    rollback: Rollback | None = None
    manifest: ManifestPointer | None = None
    warnings: tuple[ShortFinding, ...] = Field(default=(), max_length=20)


class QuarantinedObject(Model):
    """An object that did not pass: where it was, where it is, and its report."""

    key: str
    moved_to: str | None = None
    report: str | None = None
    reason: Reason


class ProductQuarantined(EventData):
    """A contract or some data did not pass. Nothing of it was published."""

    product: str
    reason: Reason
    bucket: str = ""
    objects: tuple[QuarantinedObject, ...] = ()
    objects_count: int = 0


class QuarantineDecided(EventData):
    """The owner's word on a held batch, on the owner's own bus. `by` is who says so; the role is held by IAM."""

    product: ProductName
    run: str = Field(pattern=r"^[0-9]{8}$")
    decision: Literal["release", "reject"]
    reason: str = Field(min_length=1, max_length=1000)
    by: str = Field(min_length=1, max_length=320)


class QuarantineClosed(EventData):
    """A held batch is on its way to be published all the same, or stays out for good."""

    product: ProductName
    run: str
    outcome: Literal["released", "rejected"]
    reason: str
    by: str
    objects: int


class AccessRequested(EventData):
    """The sending account asks for access: who shall read what, for which purpose, until when.

    What: a `product` (of it one `table`, some `columns`, the `rows` of a predicate), or an LF-Tag `expression`.
    Who: `reader`, a persona or an IAM role name of the asking account; left out, the account as a whole.
    """

    product: ProductName | None = None
    table: TableName | None = None
    columns: tuple[ColumnName, ...] = Field(default=(), max_length=1000)
    rows: str = Field(default="", max_length=2048)
    expression: str = Field(default="", max_length=8192)
    reader: RoleName | None = None
    permission: Literal["SELECT", "DESCRIBE"] = "SELECT"
    purpose: str = Field(min_length=1, max_length=64)
    until: AwareDatetime


class ExposedClass(Model):
    """Columns of one classification. At most 100 names are listed; the count is always whole."""

    confidentiality: str
    pii: str
    columns: tuple[str, ...]
    count: int = Field(ge=1)


class ExposedData(Model):
    """A table of which columns would be, or are, exposed; `hidden` is how many of its columns are not."""

    database: str
    table: str
    owner: str
    classes: tuple[ExposedClass, ...]
    hidden: int = Field(ge=0)


class DecisionRequested(EventData):
    """The owner is asked whether a consumer may have what is shown. Answered by AccessDecided (`how`)."""

    access: AccessId
    receiver: AccountId
    receiver_domain: str
    reader: str
    what: str
    purpose: str
    until: AwareDatetime
    exposure: tuple[ExposedData, ...]
    rule: str
    why: str
    approvers: tuple[AccountId, ...]
    answer_by: AwareDatetime
    reminder: int = Field(default=0, ge=0)
    how: str


class AccessDecided(EventData):
    """An owner's answer. It may grant less than was asked (`until`, `columns` as `table.column`), never more."""

    access: AccessId
    decision: Literal["approve", "deny"]
    reason: str = Field(min_length=1, max_length=1000)
    until: AwareDatetime | None = None
    columns: tuple[str, ...] = Field(default=(), max_length=1000)


class DecisionRefused(EventData):
    """An answer did not count: told to who gave it."""

    access: str
    reason: Reason


class GrantEntry(Model):
    """One grant of Lake Formation: its `Resource` structure (with CatalogId), and permissions on it."""

    resource: dict[str, Any]
    permissions: tuple[str, ...]


class ReadableTable(Model):
    """A table that a grant lets one read, and the columns of it that prove it (at most 100)."""

    database: ProductName
    table: TableName
    columns: tuple[str, ...]


class AccessGranted(EventData):
    """Central granted to the receiving account; it passes that on to the reader (a role name; empty: nobody)."""

    access: AccessId
    receiver: AccountId
    reader: str
    catalog_id: AccountId
    region: str
    entries: tuple[GrantEntry, ...]
    databases: tuple[ProductName, ...]
    tables: tuple[ReadableTable, ...]
    what: str
    purpose: str
    until: AwareDatetime
    left_out: tuple[str, ...] = ()
    """What was asked for and is not granted, each with the rule that says so."""


class AccessReady(EventData):
    """Linked, passed on, and proven by a query: the reader can read."""

    access: AccessId
    links: tuple[str, ...]
    proved_as: str = ""
    """The ARN of the role as which the proving query ran; empty where there was nothing to query yet."""
    query_execution_id: str = ""


class AccessNotReady(EventData):
    """The receiving account could not make use of a grant; central takes it back."""

    access: AccessId
    reason: Reason


class AccessDenied(EventData):
    """A request came to nothing, and why; nothing was granted, or all of it was taken back."""

    access: str
    receiver: AccountId
    what: str
    reason: Reason


class AccessExpiring(EventData):
    """An access ends soon by itself."""

    access: AccessId
    receiver: AccountId
    what: str
    reader: str
    until: AwareDatetime


class RevocationRequested(EventData):
    """The owner, the receiving account or central wants an access, or an open request, to end."""

    access: AccessId
    reason: str = Field(min_length=1, max_length=1000)


class AccessRevoked(EventData):
    """An access ends: the receiving account takes back what it passed on."""

    access: AccessId
    receiver: AccountId
    what: str
    cause: Literal["revoked", "expired", "retired", "failed"]
    reason: Reason


class AccessReleased(EventData):
    """The receiving account took back what it had passed on."""

    access: AccessId
    links_removed: tuple[str, ...] = ()


class RetirementRequested(EventData):
    """The owner ends a product: nobody is granted it, or told of it, any more."""

    product: ProductName
    reason: str = Field(min_length=1, max_length=1000)


class ProductRetired(EventData):
    """A product has ended."""

    product: ProductName
    reason: str


class RollbackRequested(EventData):
    """The owner, or central, wants an earlier version back."""

    product: ProductName
    version: int = Field(ge=1)
    reason: str = Field(min_length=1, max_length=1000)


class RestoreRequested(EventData):
    """Central asks the owner's account to make a product what an earlier version's manifest says."""

    product: ProductName
    rollback: Rollback
    manifest: ManifestPointer


class RollbackRefused(EventData):
    """A rollback came to nothing, and nothing was changed: told by central, or by the owner's account to central."""

    product: str
    version: int = Field(ge=1)
    request: str = Field(max_length=128)
    reason: Reason


class PinRequested(EventData):
    """The sending account wants to go on reading a version beside those that follow it, until then."""

    product: ProductName
    version: int = Field(ge=1)
    until: AwareDatetime
    reason: str = Field(min_length=1, max_length=1000)


class UnpinRequested(EventData):
    """The sending account needs a pinned version no longer."""

    product: ProductName
    version: int = Field(ge=1)


class PinOrdered(EventData):
    """Central asks the owner's account for one step of a pin.

    `prepare`: the tables, on locations where nothing lies yet. `fill`: copies of the manifest's objects; said once
    central has closed the tables to everybody. `remove`: all copies, when the tables are gone.
    """

    product: ProductName
    version: int = Field(ge=1)
    pin: PinId
    step: Literal["prepare", "fill", "remove"]
    manifest: ManifestPointer


class PinReported(EventData):
    """The owner's account has done a step, or cannot do it (`reason`). `tables` are those of the version, by the names
    they have there; `objects` and `bytes` are of the copy.
    """

    product: ProductName
    version: int = Field(ge=1)
    pin: PinId
    step: Literal["prepare", "fill", "remove"]
    tables: tuple[TableName, ...] = ()
    objects: int = Field(default=0, ge=0)
    bytes: int = Field(default=0, ge=0)
    reason: Reason | None = None


class PinReady(EventData):
    """A pinned version can be read, by its own tables, until then; who may read the present table may read these.

    `not_reached`: accesses of the receiving account that were granted by name, and so do not show these tables.
    """

    product: ProductName
    version: int = Field(ge=1)
    pin: PinId
    until: AwareDatetime
    queries: tuple[Query, ...]
    rows: int = Field(default=0, ge=0)
    not_reached: tuple[AccessId, ...] = ()


class PinEnded(EventData):
    """A pinned version is not kept for the receiving account any more."""

    product: ProductName
    version: int = Field(ge=1)
    pin: PinId
    cause: Literal["expired", "unpinned", "retired"]


class PinRefused(EventData):
    """A version is not pinned for the receiving account, and why; `request` is the event that asked."""

    product: str
    version: int = Field(ge=1)
    request: str = Field(max_length=128)
    reason: Reason


EVENT_TYPES: tuple[type[EventData], ...] = (
    MemberJoined,
    SubscriptionRequested,
    SubscriptionEnded,
    ProductDeclared,
    ProductRegistered,
    DataCrawled,
    ProductUpdated,
    ProductQuarantined,
    QuarantineDecided,
    QuarantineClosed,
    AccessRequested,
    DecisionRequested,
    AccessDecided,
    DecisionRefused,
    AccessGranted,
    AccessReady,
    AccessNotReady,
    AccessDenied,
    AccessExpiring,
    RevocationRequested,
    AccessRevoked,
    AccessReleased,
    RetirementRequested,
    ProductRetired,
    RollbackRequested,
    RestoreRequested,
    RollbackRefused,
    PinRequested,
    UnpinRequested,
    PinOrdered,
    PinReported,
    PinReady,
    PinEnded,
    PinRefused,
)


class Envelope(BaseModel):
    """EventBridge's envelope, as far as Meshwork relies on it."""

    model_config = ConfigDict(defer_build=True, extra="ignore", populate_by_name=True)

    REPLAY_FIELD: ClassVar[str] = "replay-name"
    id: str
    account: AccountId
    region: str = ""
    source: str
    detail_type: str = Field(alias="detail-type")
    detail: dict[str, Any]


def metadata_of(envelope: Envelope) -> Metadata:
    """The event's metadata; where they have no form, those of its delivery, so that whoever sent it can be answered."""
    try:
        return Metadata.model_validate(_metadata_in(envelope))
    except ValidationError:
        return Metadata.model_validate(_metadata_in(envelope.model_copy(update={"detail": {}})))


def read_event[D: EventData](kind: type[D], envelope: Envelope) -> Event[D]:
    """The event in an envelope. Raises MalformedEvent."""
    try:
        detail = {**envelope.detail, "metadata": _metadata_in(envelope)}
        return Event[kind].model_validate(detail)  # type: ignore[valid-type]
    except ValidationError as invalid:
        raise MalformedEvent.of(invalid) from invalid


def _metadata_in(envelope: Envelope) -> object:
    """Ids that are left out are the delivery's: a retry repeats them."""
    found = envelope.detail.get("metadata", {})
    return {"id": envelope.id, "correlation_id": envelope.id, **found} if isinstance(found, dict) else found


def stable_id(*parts: object) -> str:
    """The same parts give the same id: an event sent twice is recognised as one."""
    return str(uuid5(NAMESPACE_URL, "/".join(str(part) for part in parts)))


def follow(cause: Metadata, *parts: object) -> Metadata:
    """Metadata of an event caused by another one: same story, and an id that a retry repeats."""
    return Metadata(
        id=stable_id(cause.id, *parts),
        correlation_id=cause.correlation_id,
        causation_id=cause.id,
    )
