"""What the registry knows of a data product: who owns it, its contract, its versions."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from mesh.domain.errors import Transient
from mesh.domain.events import AccountId, ColumnRef, Model, PersonalDataFinding, TableChange


class ConcurrentChange(Transient):
    """Somebody else wrote first: read again and retry."""


class NotYetReadable(Transient):
    """The new version's tables are not readable in central yet."""


class Throttled(Transient):
    """AWS asked to slow down."""


class PrincipalNotReady(Transient):
    """A role that was just made is not known to Lake Formation yet."""


class Product(Model):
    """A registered data product. `version` is 0 until data was published."""

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
    updated: datetime


class TableSnapshot(Model):
    """A table at one version. `findings` are of all crawls so far, the latest for each column."""

    table: str
    columns: tuple[ColumnRef, ...]
    partition_keys: tuple[ColumnRef, ...] = ()
    rows: int = 0
    rows_exact: bool = True
    bytes: int = 0
    objects: int = 0
    partitions: int = 0
    findings: tuple[PersonalDataFinding, ...] = ()


class ProductVersion(Model):
    """One published version. `run` is the id of the DataCrawled event behind it: a redelivery finds it here."""

    product: str
    version: int
    run: str
    correlation_id: str
    contract_version: str
    tables: tuple[TableSnapshot, ...]
    changes: tuple[TableChange, ...]
    published: datetime
