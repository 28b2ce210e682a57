"""An access, from the request to its end."""

from typing import Annotated, Any, Literal

from pydantic import Field

from mesh.domain.events.model import (
    AccessId,
    AccountId,
    ColumnName,
    EventData,
    LimitingData,
    MembersReason,
    Moment,
    ProductName,
    Reason,
    RoleName,
    TableName,
)
from mesh.domain.model import Model
from mesh.domain.packing import Packed

Links = Annotated[tuple[Annotated[str, Field(max_length=255)], ...], Field(max_length=5000)]
"""Resource links by name: more databases than an AccessGranted has room for."""


class AccessRequested(LimitingData):
    """The sending account requests access: who is to read what, for which purpose, until when.

    What: a `product` (of it one `table`, some `columns`, the `rows` of a predicate), or an LF-Tag `expression`.
    Who: `reader`, a persona or an IAM role name of the requesting account; without it, the account as a whole.
    """

    product: ProductName | None = None
    table: TableName | None = None
    columns: tuple[ColumnName, ...] = Field(default=(), max_length=1000)
    rows: str = Field(default="", max_length=2048)
    expression: str = Field(default="", max_length=8192)
    reader: RoleName | None = None
    permission: Literal["SELECT", "DESCRIBE"] = "SELECT"
    purpose: str = Field(min_length=1, max_length=64)
    until: Moment


class ExposedClass(Model):
    """Columns of one classification. At most 100 names are listed; `count` counts all."""

    confidentiality: str
    pii: str
    columns: tuple[str, ...]
    count: int = Field(ge=1)


class ExposedData(Model):
    """A table with the columns that are, or would be, exposed; `hidden` counts its other columns."""

    database: str
    table: str
    owner: str
    classes: tuple[ExposedClass, ...]
    hidden: int = Field(ge=0)


class DecisionRequested(EventData):
    """The owner is asked to approve the access shown. Answered by AccessDecided (`how`)."""

    access: AccessId
    receiver: AccountId
    receiver_domains: tuple[str, ...]
    reader: str
    what: str
    purpose: str
    until: Moment
    exposure: Annotated[tuple[ExposedData, ...], Packed()]
    rule: str
    why: str
    approvers: tuple[AccountId, ...]
    answer_by: Moment
    reminder: int = Field(default=0, ge=0)
    how: str


class AccessDecided(LimitingData):
    """An owner's answer. It may grant less than requested (`until`, `columns` as `table.column`), never more."""

    access: AccessId
    decision: Literal["approve", "deny"]
    reason: str = Field(min_length=1, max_length=1000)
    until: Moment | None = None
    columns: tuple[Annotated[str, Field(max_length=511)], ...] = Field(default=(), max_length=1000)


class DecisionRefused(EventData):
    """A decision was rejected; sent to the account that made it."""

    access: str
    reason: Reason


class GrantEntry(Model):
    """One grant of Lake Formation: its `Resource` structure (with CatalogId), and permissions on it."""

    resource: dict[str, Any]
    permissions: tuple[str, ...]


class ReadableTable(Model):
    """A table that a grant exposes, and the columns of the verification query (at most 100)."""

    database: ProductName
    table: TableName
    columns: tuple[str, ...]


class AccessGranted(EventData):
    """Central granted to the receiving account, which grants to the reader (a role name; empty: nobody)."""

    access: AccessId
    receiver: AccountId
    reader: str
    catalog_id: AccountId
    region: str
    entries: Annotated[tuple[GrantEntry, ...], Packed()]
    databases: tuple[ProductName, ...]
    tables: tuple[ReadableTable, ...]
    """Of those that the grant exposes, the first: what the verification query reads one row of."""
    what: str
    purpose: str
    until: Moment
    left_out: tuple[str, ...] = ()
    """What was requested and is not granted, each with the rule that says so."""


class AccessReady(EventData):
    """Linked, granted to the reader, and verified by a query: the reader can read."""

    access: AccessId
    links: Links
    proved_as: str = Field(default="", max_length=2048)
    """The ARN of the role that ran the verification query; empty where there was nothing to query yet."""
    query_execution_id: str = Field(default="", max_length=128)


class AccessNotReady(EventData):
    """The receiving account could not use a grant; central revokes it."""

    access: AccessId
    reason: MembersReason


class AccessCheckRequested(EventData):
    """Central asks the receiving account whether the reader of a live access reads; with `repair`, to put its own side
    in order first."""

    access: AccessId
    receiver: AccountId
    run: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,80}$")]
    """Central's run that asks; the answer repeats it."""
    repair: bool
    same_role: bool = False
    """Somebody has said that the role which has the reader's name by now is the reader."""
    tables: tuple[ReadableTable, ...] = ()
    """What to read one row of: the first, in columns that are granted by now. None: there is nothing to query."""
    entries: Annotated[tuple[GrantEntry, ...], Packed()] = ()
    """What the access consists of by now, in place of what was granted before: the reader is granted it first, and
    loses the rest then. None: that has not changed."""
    grants: Annotated[str, Field(pattern=r"^[0-9a-f]{0,64}$")] = ""
    """Stands for `entries`; the answer repeats it."""


class AccessChecked(EventData):
    """The answer to AccessCheckRequested, whose run and time it repeats. `reason`: why the reader cannot read;
    null: it does."""

    access: AccessId
    run: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,80}$")]
    asked: Moment
    reason: MembersReason | None = None
    grants: Annotated[str, Field(pattern=r"^[0-9a-f]{0,64}$")] = ""
    """The grants that the access consists of by now, as they were ordered."""


class AccessDenied(EventData):
    """A request was denied, and why. Nothing was granted; or it was (`granted`), and could not be used: the receiving
    account gives back what it passed on."""

    access: str
    receiver: AccountId
    what: str
    reason: Reason
    granted: bool = False


class AccessExpiring(EventData):
    """An access is about to expire. `reason`: why it does so before it was to."""

    access: AccessId
    receiver: AccountId
    what: str
    reader: str
    until: Moment
    reason: Reason | None = None


class RevocationRequested(EventData):
    """The owner, the receiving account or central ends an access, or cancels an open request."""

    access: AccessId
    reason: str = Field(min_length=1, max_length=1000)


class AccessRevoked(EventData):
    """An access ends: the receiving account revokes its local grants."""

    access: AccessId
    receiver: AccountId
    what: str
    cause: Literal["revoked", "expired", "retired", "failed"]
    reason: Reason


class AccessReleased(EventData):
    """The receiving account has revoked its local grants."""

    access: AccessId
    links_removed: Links = ()
