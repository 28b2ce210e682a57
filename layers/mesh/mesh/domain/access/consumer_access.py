"""One access as the receiving account records it: what central granted, its status, and the query that verifies it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal

from mesh.domain import names
from mesh.domain.access.record import AccessOver
from mesh.domain.errors import Rejected
from mesh.domain.events import AccessGranted, AccessId, AccountId, Event, GrantEntry, Metadata, ReadableTable
from mesh.domain.model import Model
from mesh.domain.packing import Packed

type ConsumerAccessState = Literal["accepting", "ready", "releasing", "over"]

ENDING: frozenset[ConsumerAccessState] = frozenset({"releasing", "over"})


class Role(Model):
    """An IAM role. `id` is unique: a role that is deleted and made again has the same ARN, and another id.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
    """

    arn: str
    id: str


class ConsumerAccess(Model):
    """The record. `revision` counts writes, for optimistic locking."""

    access: AccessId
    state: ConsumerAccessState
    noted: datetime
    metadata: Metadata | None = None
    """Of the AccessGranted event; None in a tombstone."""
    reader: str = ""
    """The reader's role by ARN; empty for a whole account, where no local grants are made."""
    reader_id: str = ""
    """The unique id of that role; empty in records from before it was kept."""
    suspended: bool = False
    """That role is gone: what it had was taken back, until somebody says that another of its name is the same."""
    catalog_id: AccountId | None = None
    region: str = ""
    entries: Annotated[tuple[GrantEntry, ...], Packed()] = ()
    entries_of: datetime | None = None
    """When central ordered these, in place of those that were granted first."""
    databases: tuple[str, ...] = ()
    tables: tuple[ReadableTable, ...] = ()
    proved_as: str = ""
    query_execution_id: str = ""
    links_removed: tuple[str, ...] = ()
    ended_by: str = ""
    """The execution that released it."""
    revision: int = 0

    @property
    def links(self) -> tuple[str, ...]:
        """The resource links that it is read through."""
        return tuple(names.resource_link(database) for database in self.databases)

    def require_going_on(self) -> "ConsumerAccess":
        """Raises AccessOver for an access that ended meanwhile."""
        if self.state in ENDING:
            raise AccessOver(
                f"access {self.access} has ended", access=self.access, remedy="request it again: mesh request"
            )
        return self

    def passed_on(self, account: str) -> tuple[GrantEntry, ...]:
        """Everything that the reader holds because of it: DESCRIBE on each link, and what central granted."""
        if not self.reader:
            return ()
        links = (
            GrantEntry(resource={"Database": {"CatalogId": account, "Name": link}}, permissions=("DESCRIBE",))
            for link in self.links
        )
        return (*links, *self.entries)


def accepting(event: Event[AccessGranted], reader: Role | None, at: datetime) -> ConsumerAccess:
    """The record with which accepting begins."""
    granted = event.data
    return ConsumerAccess(
        access=granted.access,
        state="accepting",
        noted=at,
        metadata=event.metadata,
        reader=reader.arn if reader else "",
        reader_id=reader.id if reader else "",
        catalog_id=granted.catalog_id,
        region=granted.region,
        entries=granted.entries,
        databases=granted.databases,
        tables=granted.tables,
    )


def still_needed(held: ConsumerAccess, others: Iterable[ConsumerAccess], account: str) -> list[tuple[GrantEntry, ...]]:
    """What the reader of `held` holds because of its other accesses."""
    return [other.passed_on(account) for other in others if other.reader == held.reader and not other.suspended]


class PassedOn(Model):
    """What a principal of this account holds on another account's catalog, and may pass on itself (`grantable`)."""

    principal: str
    entry: GrantEntry
    grantable: tuple[str, ...] = ()


class QueryRefused(Rejected):
    """Athena did not accept the verification query."""


class ProofFailed(Rejected):
    """The verification query failed, or the reader's grants are missing: the granted data cannot be read."""


class ReaderGone(Rejected):
    """The reader's role is gone, or another role has its name by now."""


class ReaderSuspended(Rejected):
    """For that reason, what the reader had was taken back, until somebody says who has its name."""


class QueryState(Model):
    """The state of an Athena query; `reason` is Athena's own where it failed."""

    state: Literal["running", "succeeded", "failed"]
    reason: str = ""


def proving_query(held: ConsumerAccess) -> str:
    """One row of the granted columns of the first table, through its link; empty where nothing can be selected."""
    selects = any("SELECT" in entry.permissions for entry in held.entries)
    if not selects or not held.tables:
        return ""
    table = held.tables[0]
    columns = ", ".join(quoted(column) for column in table.columns) or "*"
    return f"SELECT {columns} FROM {quoted(names.resource_link(table.database))}.{quoted(table.table)} LIMIT 1"  # noqa: S608 - quoted


def quoted(identifier: str) -> str:
    """As Athena takes any name: in double quotes, those within doubled."""
    return '"' + identifier.replace('"', '""') + '"'
