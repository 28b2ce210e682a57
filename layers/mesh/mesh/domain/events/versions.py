"""Rollbacks, withdrawals and pins of versions."""

from typing import Annotated, Literal

from pydantic import Field

from mesh.domain.events.model import (
    AccessId,
    EventData,
    LimitingData,
    Moment,
    PinId,
    ProductName,
    Reason,
    TableName,
    VersionNumber,
)
from mesh.domain.events.proposals import MetadataName
from mesh.domain.events.publication import Query
from mesh.domain.packing import Packed


class RollbackRequested(EventData):
    """The owner, or central, requests a rollback to an earlier version."""

    product: ProductName
    version: VersionNumber
    reason: str = Field(min_length=1, max_length=1000)


class RollbackRefused(EventData):
    """A rollback was rejected or failed, and nothing was changed; `request` is the requesting event."""

    product: str
    version: VersionNumber
    request: str = Field(max_length=128)
    reason: Reason


class WithdrawalRequested(LimitingData):
    """The owner, or central, requests that versions be deleted for good: these, or all with rows of an object
    (`key`)."""

    product: ProductName
    versions: tuple[VersionNumber, ...] = Field(default=(), max_length=500)
    key: str = Field(default="", max_length=1024)
    reason: str = Field(min_length=1, max_length=1000)


class WithdrawalRefused(EventData):
    """No version was withdrawn, and why; `request` is the requesting event."""

    product: str
    request: str = Field(max_length=128)
    reason: Reason


class VersionsEnded(EventData):
    """Versions were marked as ended; central sends this to itself. Their pins end, and their files are released."""

    product: ProductName
    versions: tuple[VersionNumber, ...] = Field(min_length=1, max_length=500)


class FilesKept(EventData):
    """The account that has them is to look whether all is there that these metadata files of a table need. A message
    has room for 6,500 names: of the versions that retention keeps (`keeping.MOST_VERSIONS`), and of those that end in
    its grace period."""

    product: ProductName
    table: TableName
    kept: Annotated[tuple[MetadataName, ...], Field(max_length=6500), Packed()]


class FilesReleased(FilesKept):
    """The account that has them is to delete what the `released` metadata files use and no `kept` one does."""

    released: tuple[MetadataName, ...] = Field(min_length=1, max_length=200)


class PinRequested(LimitingData):
    """The sending account requests that a version stay readable beside later ones, until then."""

    product: ProductName
    version: VersionNumber
    until: Moment
    reason: str = Field(min_length=1, max_length=1000)


class UnpinRequested(EventData):
    """The sending account no longer needs a pinned version."""

    product: ProductName
    version: VersionNumber


class PinAccepted(EventData):
    """Central is to create a pin's tables; central sends this to itself, and no other sender is accepted."""

    product: ProductName
    version: VersionNumber
    pin: PinId


class PinReady(EventData):
    """A pinned version can be read from its own tables, until then, by all readers of the present tables.

    `not_reached`: accesses of the receiving account that were granted by name, and so do not show these tables.
    """

    product: ProductName
    version: VersionNumber
    pin: PinId
    until: Moment
    queries: tuple[Query, ...]
    rows: int = Field(default=0, ge=0)
    not_reached: tuple[AccessId, ...] = ()


class PinEnded(EventData):
    """A version is no longer pinned for the receiving account."""

    product: ProductName
    version: VersionNumber
    pin: PinId
    cause: Literal["expired", "unpinned", "retired", "withdrawn"]


class PinRefused(EventData):
    """A version is not pinned for the receiving account, and why; `request` is the requesting event."""

    product: str
    version: VersionNumber
    request: str = Field(max_length=128)
    reason: Reason
