"""Rollbacks, withdrawals and pins of versions."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from mesh.domain.events.model import AccessId, EventData, PinId, ProductName, Reason, TableName
from mesh.domain.events.proposals import MetadataName
from mesh.domain.events.publication import Query


class RollbackRequested(EventData):
    """The owner, or central, requests a rollback to an earlier version."""

    product: ProductName
    version: int = Field(ge=1)
    reason: str = Field(min_length=1, max_length=1000)


class RollbackRefused(EventData):
    """A rollback was rejected or failed, and nothing was changed; `request` is the requesting event. `version` is 0
    where that names none."""

    product: str
    version: int = Field(ge=0)
    request: str = Field(max_length=128)
    reason: Reason


class WithdrawalRequested(EventData):
    """The owner, or central, requests that versions be deleted for good: these, or all with rows of an object
    (`key`)."""

    product: ProductName
    versions: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(), max_length=500)
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
    versions: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1, max_length=500)


class FilesReleased(EventData):
    """The owner's account is to delete what the `released` metadata files of a table use and no `kept` one does."""

    product: ProductName
    table: TableName
    released: tuple[MetadataName, ...] = Field(min_length=1, max_length=200)
    kept: tuple[MetadataName, ...] = Field(max_length=3000)


class PinRequested(EventData):
    """The sending account requests that a version stay readable beside later ones, until then."""

    product: ProductName
    version: int = Field(ge=1)
    until: AwareDatetime
    reason: str = Field(min_length=1, max_length=1000)


class UnpinRequested(EventData):
    """The sending account no longer needs a pinned version."""

    product: ProductName
    version: int = Field(ge=1)


class PinAccepted(EventData):
    """Central is to create a pin's tables; central sends this to itself, and no other sender is accepted."""

    product: ProductName
    version: int = Field(ge=1)
    pin: PinId


class PinReady(EventData):
    """A pinned version can be read from its own tables, until then, by all readers of the present tables.

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
    """A version is no longer pinned for the receiving account."""

    product: ProductName
    version: int = Field(ge=1)
    pin: PinId
    cause: Literal["expired", "unpinned", "retired", "withdrawn"]


class PinRefused(EventData):
    """A version is not pinned for the receiving account, and why; `request` is the requesting event."""

    product: str
    version: int = Field(ge=1)
    request: str = Field(max_length=128)
    reason: Reason
