"""Records of members, products, versions, accesses, notices."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from mesh.domain.contracts.contract import Contract, CrawlMode
from mesh.domain.contracts.product import Product, ProductVersion, RollbackOrder, VersionEnd
from mesh.domain.events import Metadata, Reason
from mesh.domain.membership.members import Member
from mesh.domain.schema import TableSchema

if TYPE_CHECKING:  # no function reads these: they would only be imported
    from mesh.domain.access.record import Access
    from mesh.domain.contracts.announcement import Announcement
    from mesh.domain.governance.column_findings import KnownFinding
    from mesh.domain.publishing.pins import Pins
    from mesh.ports.messages import Note


class ReadContract(Protocol):
    """Contract text → `Contract`; raises ContractNotYaml, ContractSchemaViolation, ContractNameMismatch, …"""

    def __call__(self, text: str | bytes, *, bucket: str, key: str) -> Contract: ...


class TryRules(Protocol):
    """Runs a contract's rules in SQL on generated rows; raises ContractSchemaViolation for those that cost too much."""

    def __call__(self, contract: Contract) -> None: ...


class DraftContract(Protocol):
    """Table schemas → the text of a draft contract."""

    def __call__(
        self, product: str, tables: Mapping[str, TableSchema], *, domain: str = "", crawl: CrawlMode = "auto"
    ) -> str: ...


class Addressee(NamedTuple):
    """A member to be notified of a version, and whether it was."""

    member: Member
    notified: bool


class Registry(Protocol):
    """Central's record of members, products, versions and subscriptions. Writes are conditional."""

    def member(self, account: str) -> Member | None: ...

    def sender(self, account: str, product: str) -> tuple[Member | None, Product | None]:
        """An account's record, and that of the product which it speaks about (a name, or "" for none)."""
        ...

    def audience(self, product: str, version: int, accounts: Iterable[str]) -> dict[str, Addressee]:
        """Those of the accounts that have a record, and whether they have their notice of that version."""
        ...

    def change_member(self, account: str, change: Callable[[Member | None], Member]) -> Member:
        """Write what `change` makes of the account's record (None: it has none), in the list of all as well; asked once
        more where the record changed meanwhile. Raises ConcurrentChange."""
        ...

    def members(self) -> Iterator[Member]:
        """All, by account."""
        ...

    def product(self, name: str) -> Product | None: ...

    def product_names(self) -> Iterator[str]:
        """All, in order."""
        ...

    def claim_product(self, product: Product) -> Product:
        """Create the product with all the names that it needs (`domain.contracts.claims`), or record a newer contract
        of the same owner, or the one of the account that it is offered to: all of it, or nothing.

        Returns what stands in the registry afterwards (an older contract than the recorded one changes nothing).
        Raises NotTheOwner if the product is another account's, NameTaken if another product has one of its names,
        ConcurrentChange after a concurrent write.
        """
        ...

    def release_claims(self, name: str, sequencer: str) -> None:
        """Forget a product, and give its names back, that was claimed by this contract and never registered. Any other
        stays as it is. Idempotent."""
        ...

    def mark_registered(self, name: str, sequencer: str, at: datetime) -> None:
        """Database, tags, location and grants are in place by the contract with this sequencer. Raises ConcurrentChange
        where the claim was given back, or another contract was declared meanwhile."""
        ...

    def mark_retired(self, product: Product, request: str, sent: datetime, at: datetime) -> None:
        """The product has ended, by that request, which was `sent` then; a newer contract of its owner revives it.
        Idempotent. Raises ConcurrentChange where one was declared meanwhile."""
        ...

    def latest_version(self, product: str) -> ProductVersion | None: ...

    def version(self, product: str, number: int) -> ProductVersion | None: ...

    def versions(self, product: str) -> Iterator[ProductVersion]:
        """All, newest first."""
        ...

    def end_version(self, product: str, number: int, end: VersionEnd) -> None:
        """Mark it, in place of an earlier mark. Idempotent; an unknown version is passed over."""
        ...

    def begin_rollback(self, order: RollbackOrder, until: datetime, busy: Reason) -> RollbackOrder:
        """Record the order, and that the product is being rolled back, until it is ended or that time has passed; while
        another rollback of the product is in progress, record the order as refused for the reason `busy`.

        Gives it back as it stands: an order that was recorded before (by its `request`) is not changed.
        """
        ...

    def rollback(self, product: str, request: str) -> RollbackOrder | None: ...

    def publish_rollback(self, product: str, request: str) -> RollbackOrder | None:
        """It became a version: another may begin. Idempotent; one that is over keeps its status, and is given back as
        it stands."""
        ...

    def refuse_rollback(self, product: str, request: str, reason: Reason) -> RollbackOrder | None:
        """As `publish_rollback`: nothing was changed, for this reason."""
        ...

    def pins(self, product: str) -> "Pins":
        """The versions of a product that are kept for readers; none of an unknown product."""
        ...

    def save_pins(self, pins: "Pins") -> "Pins":
        """Write them over the revision that was read; gives the next. Raises ConcurrentChange."""
        ...

    def record_version(self, version: ProductVersion, note: "Note", *, contract: str) -> ProductVersion:
        """Record a version once per `run`; a run that is recorded already returns what was recorded.

        Raises ConcurrentChange if that version number was taken meanwhile, or the product has another contract by now
        than that of the sequencer `contract`.
        """
        ...

    def version_of_run(self, product: str, run: str) -> ProductVersion | None: ...

    def findings(self, product: str) -> "dict[str, tuple[KnownFinding, ...]]":
        """All that was ever found in its columns, by table."""
        ...

    def add_findings(self, product: str, table: str, findings: "Sequence[KnownFinding]") -> None:
        """Join them to what is known; nothing is ever taken away. Idempotent, in any order.

        Raises ConcurrentChange."""
        ...

    def unsubscribe(self, product: str, account: str, at: datetime) -> None:
        """By central's word, which counts as the account's own of that time does (`follow_request`). Idempotent."""
        ...

    def follow_request(self, product: str, account: str, *, wanted: bool, asked: datetime) -> bool:
        """Subscribe the account, or end that, as it asked at that time. False where it asked otherwise later: requests
        come in any order, and more than once."""
        ...

    def subscribers(self, product: str) -> Iterator[str]: ...

    def record_notices(self, product: str, version: int, accounts: Iterable[str], at: datetime, note: "Note") -> None:
        """Record that these accounts, fewer than a hundred, were notified of that version."""
        ...

    def record_refusal(
        self, account: str, detail_type: str, reason: Mapping[str, Any], at: datetime, *, event: str
    ) -> None:
        """What was refused, to whom, why. `event` is the same whenever that event comes: one refusal."""
        ...

    def refusals(self, account: str, since: datetime) -> "Iterator[tuple[str, str]]":
        """What was refused to an account since then: each event's type, and the code of the reason, newest first."""
        ...


class Announcements(Protocol):
    """The newest announced revision of each product's contract. Writes raise ConcurrentChange."""

    def newest(self, product: str) -> "Announcement | None": ...

    def announce(self, announcement: "Announcement") -> "Announcement":
        """Record it, in place of an older one, whose readers it has then. Gives back what is recorded: the first of the
        same declaration, or a newer one."""
        ...

    def record_readers(self, announcement: "Announcement", readers: tuple[str, ...], *, told: bool) -> None:
        """All of these were `told`, or are going to be. One that a newer one has replaced is passed over."""
        ...

    def end(self, product: str) -> None:
        """It does not come any more. Idempotent."""
        ...


class AccessRegistry(Protocol):
    """Central's record of every access, from its request to its end."""

    def open(self, access: "Access") -> "Access":
        """Record a new access; one of that id (a redelivered request) is given back as it stands.

        Raises AlreadyRequested while the same account has the same request open, ConcurrentChange.
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

    def keep_token(self, access_id: str, step: str, token: str, *, order: str = "", execution: str = "") -> None:
        """The task token that releases the run waiting at `step`; it replaces an older one, but for another
        execution's of the same order: that was delivered twice, and the first goes on."""
        ...

    def token(self, access_id: str, step: str) -> str | None: ...

    def drop_token(self, access_id: str, step: str, token: str) -> None:
        """It was used; one that replaced it stays."""
        ...


class Notice(NamedTuple):
    """An event that a member received from central, and when."""

    metadata: Metadata
    detail_type: str
    detail: Mapping[str, Any]
    at: datetime


class Notices(Protocol):
    """A member's received events, each stored once."""

    def known(self, event_ids: Iterable[str]) -> set[str]:
        """Those of the events that were stored."""
        ...

    def add(self, notices: Sequence[Notice]) -> None:
        """Store at most ten, of different events, each with its place in its trace, unless it is there already.

        Raises ConcurrentChange."""
        ...
