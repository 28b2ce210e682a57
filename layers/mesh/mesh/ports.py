"""What the use cases need from the world. Adapters implement these; `tests/fakes.py` does too."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from mesh.domain.contract import Contract
from mesh.domain.counting import ObjectCount, TableTotal
from mesh.domain.events import ManifestPointer
from mesh.domain.formats.model import ObjectRef, RangeReader
from mesh.domain.membership import Member
from mesh.domain.product import Product, ProductVersion, RollbackOrder
from mesh.domain.schema import TableSchema

if TYPE_CHECKING:  # no function reads these: they would only be imported
    from mesh.domain.access.holding import Held
    from mesh.domain.access.lake import Grant, Lake
    from mesh.domain.access.proof import Invitation, QueryState
    from mesh.domain.access.record import Access
    from mesh.domain.access.situation import Home
    from mesh.domain.curation.jobs import JobOrder, JobRun
    from mesh.domain.events import GrantEntry
    from mesh.domain.pins import Pins
    from mesh.domain.quality.model import TableData, TableReport
    from mesh.domain.quarantine import HeldBatch, HeldStatus, Ticket


class Clock(Protocol):
    """The time, in UTC."""

    def now(self) -> datetime: ...


class ReadContract(Protocol):
    """Contract text → `Contract`; raises ContractNotYaml, ContractSchemaViolation, ContractNameMismatch, …"""

    def __call__(self, text: str | bytes, *, bucket: str, key: str) -> Contract: ...


class DraftContract(Protocol):
    """Table schemas → the text of a draft contract."""

    def __call__(self, product: str, tables: Mapping[str, TableSchema], *, domain: str = "") -> str: ...


class Registry(Protocol):
    """Central's record of members, products, versions and subscriptions. Writes are conditional."""

    def member(self, account: str) -> Member | None: ...

    def put_member(self, member: Member) -> None: ...

    def product(self, name: str) -> Product | None: ...

    def claim_product(self, product: Product) -> Product:
        """Create the product, or take over a newer contract of the same owner.

        Returns what stands in the registry afterwards (an older contract than the recorded one changes nothing).
        Raises NotTheOwner if the name is another account's, ConcurrentChange if somebody else wrote meanwhile.
        """
        ...

    def mark_registered(self, name: str, at: datetime) -> None: ...

    def mark_retired(self, name: str, at: datetime) -> None: ...

    def latest_version(self, product: str) -> ProductVersion | None: ...

    def version(self, product: str, number: int) -> ProductVersion | None: ...

    def versions(self, product: str) -> Iterator[ProductVersion]:
        """All, newest first."""
        ...

    def begin_rollback(self, order: RollbackOrder, until: datetime) -> bool:
        """Record the order, and that the product is being rolled back, until it is ended or that time has passed.

        `False` while another rollback of the product goes on. Repeatable by the order's `request`.
        """
        ...

    def rollback(self, product: str, request: str) -> RollbackOrder | None: ...

    def end_rollback(self, product: str, request: str, status: Literal["published", "refused"]) -> None:
        """It came to its end: another may begin. Repeatable; one that is over keeps its status."""
        ...

    def pins(self, product: str) -> "Pins":
        """The versions of a product that are kept for readers; none of an unknown product."""
        ...

    def save_pins(self, pins: "Pins") -> "Pins":
        """Write them over the revision that was read; gives the next. Raises ConcurrentChange."""
        ...

    def hold_back(self, product: str, event_id: str, reason: Mapping[str, Any], at: datetime) -> None:
        """The product's last crawl was not published: catalog and last version differ until the next version."""
        ...

    def held_back(self, product: str) -> bool: ...

    def record_version(self, version: ProductVersion) -> ProductVersion:
        """Record a version once per `run`; a run that is recorded already returns what was recorded.

        Raises ConcurrentChange if that version number was taken meanwhile.
        """
        ...

    def version_of_run(self, product: str, run: str) -> ProductVersion | None: ...

    def subscribe(self, product: str, account: str, at: datetime) -> None: ...

    def unsubscribe(self, product: str, account: str) -> None: ...

    def subscribers(self, product: str) -> Iterator[str]: ...

    def notice_sent(self, product: str, version: int, account: str) -> bool: ...

    def record_notice(self, product: str, version: int, account: str, at: datetime) -> None: ...

    def record_refusal(self, account: str, detail_type: str, reason: Mapping[str, Any], at: datetime) -> None: ...


class AccessRegistry(Protocol):
    """Central's record of every access, from its request to its end."""

    def open(self, access: "Access") -> "Access":
        """Record a new access; one of that id (a redelivered request) is given back as it stands.

        Raises AlreadyAsked while another access of the same account asks for the same, ConcurrentChange.
        """
        ...

    def access(self, access_id: str) -> "Access | None": ...

    def save(self, access: "Access") -> "Access":
        """Write it over the revision that was read; gives the next. Raises ConcurrentChange."""
        ...

    def held_by(self, receiver: str) -> "Iterator[Access]":
        """Those of the account that are not over."""
        ...

    def newest(self) -> "Iterator[Access]":
        """All, the newest first."""
        ...

    def keep_token(self, access_id: str, step: str, token: str) -> None:
        """The task token that releases the run waiting at `step`; it replaces an older one."""
        ...

    def token(self, access_id: str, step: str) -> str | None: ...

    def drop_token(self, access_id: str, step: str, token: str) -> bool:
        """`False` if that token was used, or replaced, already."""
        ...


class Locks(Protocol):
    """One worker at a time."""

    def hold(self, name: str) -> AbstractContextManager[None]:
        """Held while the block runs. Raises ConcurrentChange when it cannot be had for some while."""
        ...


class Target(NamedTuple):
    """What a schedule calls (`arn`), as which role, and where a call that never succeeds ends."""

    arn: str
    role_arn: str
    dlq_arn: str


class Schedules(Protocol):
    """Things to be done once, later."""

    def at(self, name: str, when: datetime, target: Target, payload: str) -> None:
        """Repeatable: a schedule of that name is moved."""
        ...

    def drop(self, name: str) -> None: ...


class TaskAnswers(Protocol):
    """Runs that wait for an answer."""

    def send(self, token: str, output: str) -> bool:
        """`False` if the run does not wait any more."""
        ...


class Trace(Protocol):
    """What happened to one upload, in this account, in order: `mesh trace` reads it."""

    def note(self, correlation_id: str, what: str, **facts: object) -> None: ...


class Catalog(Protocol):
    """The Glue Data Catalog. `catalog` is the account whose catalog is meant; `None` is the caller's own."""

    def create_database(self, name: str, *, location: str, description: str, parameters: Mapping[str, str]) -> None: ...

    def create_resource_link(self, name: str, *, catalog: str, database: str, region: str) -> None: ...

    def table(self, database: str, name: str) -> dict[str, Any] | None: ...

    def create_table(self, database: str, table_input: Mapping[str, Any]) -> None: ...

    def update_table(self, database: str, table_input: Mapping[str, Any], *, archive: bool = True) -> None:
        """Replace the definition; the one before is kept as a version of the table, unless told otherwise."""
        ...

    def drop_table(self, database: str, name: str) -> None:
        """Drop the table with its partitions; one that is gone is success."""
        ...

    def put_statistics(self, database: str, table: str, statistics: Sequence[Mapping[str, Any]]) -> None:
        """Replace the statistics of these columns."""
        ...

    def partitions(self, database: str, table: str, values: Sequence[Sequence[str]]) -> set[tuple[str, ...]]:
        """Which of these partitions (values in key order) exist."""
        ...

    def create_partitions(self, database: str, table: str, inputs: Sequence[Mapping[str, Any]]) -> None:
        """Register partitions in batches; one that exists already is success."""
        ...


class Crawlers(Protocol):
    """Glue crawlers and their classifiers."""

    def put_classifier(self, name: str, *, delimiter: str, header: Sequence[str], quote: str) -> None: ...

    def put_crawler(self, name: str, definition: Mapping[str, Any]) -> None: ...


class LakeFormation(Protocol):
    """Tags, locations and grants. Idempotent; every `Failures[]` is read and raised."""

    def settings(self) -> dict[str, Any]: ...

    def put_settings(self, settings: Mapping[str, Any]) -> None: ...

    def tag_values(self, key: str) -> tuple[str, ...] | None: ...

    def create_tag(self, key: str, values: Sequence[str]) -> None: ...

    def add_tag_values(self, key: str, values: Sequence[str]) -> None: ...

    def tag_database(self, database: str, tags: Mapping[str, str]) -> None: ...

    def tag_table(self, database: str, table: str, tags: Mapping[str, str]) -> None: ...

    def tag_columns(self, database: str, table: str, columns: Sequence[str], tags: Mapping[str, str]) -> None: ...

    def assigned_tags(self, database: str, table: str) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        """Tags that a table, and each of its columns, carries itself; what they inherit is left out."""
        ...

    def table_tags(self, database: str, table: str) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        """Effective tags of a table, and of each of its columns."""
        ...

    def register_location(self, arn: str, role_arn: str) -> None: ...

    def grant(self, grants: Iterable[Mapping[str, Any]]) -> None:
        """Grant all entries (`Principal`, `Resource`, `Permissions`, `PermissionsWithGrantOption`), idempotently."""
        ...

    def revoke(self, grants: Iterable[Mapping[str, Any]]) -> None:
        """Revoke all entries, in the form of `grant`; what is not granted, or whose resource is gone, is success."""
        ...

    def put_filter(self, place: tuple[str, str], name: str, columns: Sequence[str], rows: str) -> None:
        """A data cells filter on a table (`place`: database, table). One of that name is replaced."""
        ...

    def delete_filter(self, place: tuple[str, str], name: str) -> None:
        """One that is not there is success."""
        ...

    def revoke_iam_allowed_principals(self, database: str) -> None: ...


class Bus(Protocol):
    """An event bus."""

    def put(self, detail_type: str, detail: str) -> None: ...


class MemberTopics(Protocol):
    """Central's voice: one topic for each member account."""

    def create(self, account: str) -> str:
        """The topic's ARN; only that account may subscribe."""
        ...

    def publish(self, topic_arn: str, detail_type: str, detail: str) -> None: ...


class Inbox(Protocol):
    """A member's own end of its topic."""

    def subscribe(self, topic_arn: str) -> bool:
        """Subscribe the inbox queue; `False` while central has not admitted this account."""
        ...


class Notices(Protocol):
    """What a member was told, each event once."""

    def known(self, event_id: str) -> bool: ...

    def add(self, event_id: str, detail_type: str, detail: Mapping[str, Any], at: datetime) -> bool:
        """Store a notice; `False` if it was there already."""
        ...


class Objects(Protocol):
    """The producer's buckets."""

    def reader(self, ref: ObjectRef) -> RangeReader: ...

    def read(self, bucket: str, key: str, *, version_id: str | None = None, limit: int) -> bytes:
        """At most `limit` bytes. Raises ObjectGone."""
        ...

    def write(
        self, bucket: str, key: str, body: bytes, content_type: str, *, metadata: Mapping[str, str] | None = None
    ) -> str | None:
        """The version that was written, None in a bucket without versions. `metadata`: S3's own, ASCII, 2 KB."""
        ...

    def move(self, ref: ObjectRef, key: str) -> None:
        """Copy that version to `key` in the same bucket, then delete the original. One that is gone is success."""
        ...

    def copy(self, bucket: str, source: str, target: str) -> str:
        """The version that was written, empty in a bucket without versions. At most 5 GiB. Raises ObjectGone."""
        ...

    def delete(self, bucket: str, key: str) -> None:
        """In a bucket with versions the object's versions stay."""
        ...

    def exists(self, bucket: str, key: str) -> bool: ...


class Measurements(Protocol):
    """A batch's data, read in full."""

    def measure(self, data: "TableData", contract: Contract | None, *, now: datetime) -> "TableReport":
        """Profile of a table's objects, what its contract promises held against it, scores and findings.

        Whatever is wrong with the data, or with a rule, is in the report. `now` is what its age is measured from.
        """
        ...


class ObjectVersions(Protocol):
    """Versions of objects in the producer's bucket."""

    def store(self, bucket: str, key: str, body: bytes, content_type: str) -> str | None:
        """Write a whole object; its version id."""
        ...

    def fetch(self, bucket: str, key: str, version_id: str | None) -> bytes | None:
        """That version's bytes; None when it is gone."""
        ...

    def exists(self, bucket: str, key: str, version_id: str | None) -> bool: ...

    def restore(self, bucket: str, key: str, version_id: str) -> str:
        """Make that version's content current, unless it is; the id of the version that is current now. Repeatable:
        what was copied back before is known by its metadata. Raises ObjectGone."""
        ...

    def remove(self, bucket: str, key: str) -> None:
        """Hide the object behind a delete marker; its versions stay. One that is not there is success."""
        ...


class PinnedCopies(Protocol):
    """Copies of object versions, under keys of their own, in the producer's bucket."""

    def copy_version(self, bucket: str, key: str, version_id: str, target: str) -> bool:
        """Have that version's content at `target`; `False` if it is gone. Repeatable: a copy is known by its
        metadata."""
        ...

    def remove_below(self, bucket: str, prefix: str, limit: int) -> int:
        """Remove objects below a prefix for good, with their versions and markers, about `limit` of them; how many."""
        ...


class Uploads(Protocol):
    """The producer's record of what arrived and what is being worked on."""

    def product(self, name: str) -> dict[str, Any] | None: ...

    def may_declare(self, name: str, sequencer: str) -> bool:
        """`False` if this contract, or a newer one, was sent to central already."""
        ...

    def record_declared(self, name: str, sequencer: str) -> None: ...

    def put_product(self, name: str, facts: Mapping[str, Any]) -> None: ...

    def add_pending(self, product: str, ref: ObjectRef, correlation_id: str) -> bool:
        """`False` if this, or a newer, version of the object is known already."""
        ...

    def pending(self, product: str, limit: int) -> list[tuple[ObjectRef, str]]: ...

    def has_pending(self, product: str) -> bool: ...

    def settle(self, product: str, refs: Iterable[ObjectRef]) -> None:
        """These are dealt with; a newer upload of the same key stays pending."""
        ...

    def count(self, product: str, table: str, counts: Sequence[ObjectCount]) -> TableTotal:
        """The table's total after these objects, each in place of what was counted for its key before. Repeatable."""
        ...

    def uncount(self, product: str, table: str, keys: Sequence[str]) -> TableTotal:
        """The table's total without these objects. Repeatable."""
        ...

    def manifest(self, product: str) -> tuple[int, ManifestPointer] | None:
        """The newest manifest: the generation that it is of, and where it lies."""
        ...

    def record_manifest(self, product: str, generation: int, pointer: ManifestPointer) -> None:
        """The newest manifest, unless that of a later generation is known already."""
        ...

    def know_restored(self, product: str, key: str, version_id: str) -> None:
        """This version was put there by Meshwork: it is no upload, and does not wait (any more)."""
        ...

    def forget_restored(self, product: str, ref: ObjectRef) -> bool:
        """Whether a pending object is such a version: then it waits no more."""
        ...

    def pending_keys(self, product: str) -> set[str]:
        """Keys of all that waits."""
        ...

    def take_lease(self, product: str, holder: str, until: datetime, now: datetime) -> int | None:
        """The next generation (the same one for the same holder), or `None` while somebody else holds the lease."""
        ...

    def lease_held(self, product: str, now: datetime) -> bool:
        """Whether a run is at work on the product, which looks for more before it ends."""
        ...

    def drop_lease(self, product: str, holder: str) -> None: ...


class RawUploads(Protocol):
    """The producer's record of raw objects and of the recipe in force. Pending ones are those of `Uploads`."""

    def recipe(self, product: str) -> ObjectRef | None:
        """The version of the recipe that is in force."""
        ...

    def record_recipe(self, product: str, ref: ObjectRef) -> bool:
        """In force from now on, unless a newer one is: `False` then. Repeatable."""
        ...

    def hold(self, product: str, refs: Iterable[ObjectRef]) -> None:
        """Pending no more, until they are taken up; one whose newer version is pending is forgotten. Repeatable."""
        ...

    def take_up(self, product: str) -> int:
        """All that is held is pending again, where no newer version of it came meanwhile; how many."""
        ...


class Quarantine(Protocol):
    """The producer's record of batches that were held back, and of what their owner let pass."""

    def hold(self, batch: "HeldBatch") -> None:
        """Record it, unless it is recorded."""
        ...

    def batch(self, product: str, run: str) -> "HeldBatch | None": ...

    def batches(self) -> "Iterator[HeldBatch]": ...

    def save(self, batch: "HeldBatch", *, was: "HeldStatus") -> None:
        """Raises ConcurrentChange if its status is not `was` any more."""
        ...

    def ticket(self, product: str, key: str) -> "Ticket | None": ...

    def put_ticket(self, product: str, key: str, ticket: "Ticket") -> None: ...


class WorkFiles(Protocol):
    """Working papers of a run, too large for an execution's input: JSON in the work bucket."""

    def put(self, key: str, document: str) -> None: ...

    def get(self, key: str) -> str | None: ...


class Part(NamedTuple):
    """A file that a job wrote; `size` in bytes."""

    key: str
    size: int


class JobFiles(Protocol):
    """Papers of DataBrew jobs, in the work bucket: what they read, and what they write. Of any size."""

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

    def deliver(
        self, key: str, bucket: str, target: str, content_type: str, *, metadata: Mapping[str, str]
    ) -> str | None:
        """Copy a file to `target` in another bucket; the version that was written."""
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


class LineageLog(Protocol):
    """The account's own record of OpenLineage events."""

    def put(self, product: str, event: Mapping[str, Any]) -> None:
        """Repeatable: the same event is there once."""
        ...


class LineageTransport(Protocol):
    """Whoever else is told of lineage."""

    def send(self, events: Sequence[Mapping[str, Any]]) -> None:
        """All of them, in order. Repeatable. Raises LineageUndelivered, Throttled."""
        ...


class Executions(Protocol):
    """State machine executions."""

    def start(self, name: str, payload: str) -> bool:
        """`False` if an execution of that name exists already."""
        ...

    def running(self, execution_arn: str) -> bool: ...


class CatalogState(Protocol):
    """Central's Lake Formation, Glue and RAM as they are now. Reads only."""

    def tagged(self, databases: Collection[str] = ()) -> "Lake":
        """Tables and LF-Tags alone; of some databases, or of all."""
        ...

    def lake(self, databases: Collection[str] = ()) -> "Lake":
        """The catalog's tables, LF-Tags, grants, administrators and shares; of some databases, or of all."""
        ...

    def tag_values(self) -> dict[str, tuple[str, ...]]:
        """Every LF-Tag key with its values."""
        ...


class MemberState(Protocol):
    """A member account's own part in who reads central's tables. Reads only."""

    def home(self, central: str, database: str) -> "Home": ...

    def passed_on(self, central: str) -> "tuple[Grant, ...]":
        """The grants on central's catalog that this account sees: to itself, and by it to its principals."""
        ...

    def role_arn(self, name: str) -> str | None: ...

    def denied(self, role_arn: str, needs: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
        """Of the needed resource → actions, those that the role's IAM policies do not allow."""
        ...


class HeldAccesses(Protocol):
    """A consumer account's accesses: what it was granted, and passed on."""

    def get(self, access: str) -> "Held | None": ...

    def save(self, held: "Held") -> "Held":
        """Write it; the result has the next revision. Raises ConcurrentChange if somebody else wrote meanwhile."""
        ...

    def live(self) -> "Iterator[Held]":
        """Those that are being accepted, or ready: what they need stays."""
        ...


class Shares(Protocol):
    """RAM's invitations to this account."""

    def invitations(self, owner: str) -> "list[Invitation]":
        """Those of Lake Formation in the owner's account, oldest first."""
        ...

    def accept(self, arn: str) -> None:
        """One that is accepted already is success; one that is refused or expired meanwhile changes nothing."""
        ...


class ResourceLinks(Protocol):
    """Resource links in this account's catalog, and the databases of other accounts behind them."""

    def visible(self, catalog: str, database: str) -> bool:
        """Whether this account may describe the other account's database."""
        ...

    def target(self, name: str) -> "tuple[str, str] | None":
        """(catalog, database) that a link leads to, ("", "") for a database of our own; None where there is none."""
        ...

    def delete(self, name: str) -> None:
        """Delete the link; one that is gone is success."""
        ...


class Readers(Protocol):
    """The account's roles, and the Lake Formation grants that they hold by name."""

    def arn(self, name: str) -> str | None: ...

    def held(
        self, role_arn: str, catalogs: Sequence[str], entries: "Sequence[GrantEntry]"
    ) -> "tuple[list[GrantEntry], list[GrantEntry]]":
        """Of these entries, on these catalogs: those that the role holds, with the permissions that it holds (of
        columns, where it holds any of them); and those of which it lacks anything."""
        ...


class Queries(Protocol):
    """Athena, in one workgroup."""

    def start(self, sql: str, token: str, *, role_arn: str = "") -> str | None:
        """The query's id, the same for the same token. With `role_arn` as that role; None if it cannot be assumed.

        Raises QueryRefused for what Athena does not take at all.
        """
        ...

    def state(self, query_execution_id: str) -> "QueryState": ...
