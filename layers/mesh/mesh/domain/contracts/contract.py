"""A data contract: the parts of the Open Data Contract Standard that the mesh acts on.

Read from YAML by `adapters/odcs`; it travels in events as `model_dump(mode="json")` and comes back by `model_validate`.
What the standard has beyond these fields is kept in `extras`; promises in it that are not enforced are listed by
`mesh.domain.contracts.enforcement`.
"""

from functools import cached_property
from typing import Any, Final, Literal

from pydantic import Field

from mesh.domain.errors import Rejected
from mesh.domain.model import Model
from mesh.domain.schema import Column, TableSchema

MAX_TEXT: Final = 1024 * 1024
"""Bytes of a contract's YAML. It travels packed (`domain.packing`), and has to be read within a function's minute."""
CrawlMode = Literal["auto", "express", "glue"]


class ContractNotYaml(Rejected):
    """The contract is not YAML, or exceeds the limits against resource exhaustion."""


class ContractSchemaViolation(Rejected):
    """The contract breaks the Open Data Contract Standard; `where["violations"]` lists up to 20."""


class ContractNameMismatch(Rejected):
    """The contract's `name` is not the prefix it was uploaded to."""


class ContractLocationMismatch(Rejected):
    """The contract's server points to another bucket or another product's prefix."""


class Part(Model):
    """Base of a contract's parts. `lf_tags` are LF-Tag key → value, lower-case, as written at this level."""

    name: str
    tags: tuple[str, ...] = ()
    lf_tags: dict[str, str] = Field(default_factory=dict)
    custom: dict[str, Any] = Field(default_factory=dict)
    extras: dict[str, Any] = Field(default_factory=dict)


class ReleasedFinding(Model):
    """The owner's decision that what looks like personal data in a column is none: findings up to the class `pii` do
    not count. `by` is who decided, as the owner states it."""

    pii: str = Field(min_length=1, max_length=50)
    by: str = Field(min_length=1, max_length=200)
    reason: str = Field(min_length=1, max_length=1000)


class ContractColumn(Part):
    """A property of a schema object. `hive_type` is "" where the contract leaves the type open.

    `options` are `logicalTypeOptions` as they stand; `enum` are the allowed values (3.2's `enum`). `fields` are those
    of an object, or the one `items` of an array.
    """

    physical_name: str = ""
    logical_type: str = ""
    physical_type: str = ""
    hive_type: str = ""
    description: str = ""
    classification: str = ""
    required: bool = False
    primary_key: bool = False
    primary_key_position: int = -1
    unique: bool = False
    partitioned: bool = False
    partition_position: int = -1
    options: dict[str, Any] = Field(default_factory=dict)
    enum: tuple[Any, ...] = ()
    released: ReleasedFinding | None = None
    fields: tuple["ContractColumn", ...] = ()

    @property
    def catalog_name(self) -> str:
        """The column's name in the Glue Data Catalog."""
        return (self.physical_name or self.name).lower()


class ContractTable(Part):
    """A schema object: one table."""

    physical_name: str = ""
    description: str = ""
    columns: tuple[ContractColumn, ...] = ()

    @property
    def catalog_name(self) -> str:
        """The table's name in the Glue Data Catalog, and its folder below `data/`."""
        return (self.physical_name or self.name).lower()

    def column(self, catalog_name: str) -> ContractColumn | None:
        """The column of that name in the catalog."""
        return self._by_catalog_name.get(catalog_name)

    @cached_property
    def _by_catalog_name(self) -> dict[str, ContractColumn]:
        """There may be thousands, each looked up several times."""
        return {column.catalog_name: column for column in reversed(self.columns)}

    def table_schema(self) -> TableSchema:
        """What the data should look like: columns in order, partition keys by their position (string if untyped)."""
        keys = sorted((c for c in self.columns if c.partitioned), key=lambda c: c.partition_position)
        return TableSchema(
            columns=tuple(_column(c) for c in self.columns if not c.partitioned),
            partition_keys=tuple(_column(c, default="string") for c in keys),
        )


class ContractDescription(Model):
    """What the data is for, how it is used, and what it must not be used for."""

    purpose: str = ""
    usage: str = ""
    limitations: str = ""


class ContractServer(Model):
    """Where the data lies. Only `type: s3` has a `location` that the mesh checks."""

    server: str
    type: str
    location: str = ""
    format: str = ""
    delimiter: str = ""


class NotEnforced(Model):
    """`where` is a path in the contract as in its violations, `what` is stated there, `why` it is not enforced."""

    where: str
    what: str
    why: str


class Contract(Part):
    """A product's contract. `name` is the product, and the prefix it was uploaded to.

    `hand_over_to` is the account that may take the product over, by a contract of its own (see `handover`).
    `digest` is the SHA-256 of the document, however it was formatted: the same digest is the same contract.
    `not_enforced` is for its owner, who receives the contract back when it is registered (`enforcement`).
    """

    id: str
    version: str
    api_version: str
    status: str = ""
    domain: str = ""
    owner: str = ""
    description: ContractDescription = ContractDescription()
    tables: tuple[ContractTable, ...] = ()
    servers: tuple[ContractServer, ...] = ()
    crawl: CrawlMode = "auto"
    crawler_prefix: str
    hand_over_to: str = ""
    digest: str = ""
    not_enforced: tuple[NotEnforced, ...] = ()

    @property
    def draft(self) -> bool:
        """Whether the owner has yet to confirm it: visible to the owner alone."""
        return self.status == "draft"

    @property
    def summary(self) -> str:
        """One text for the catalog's description, at most Glue's 2,048 characters."""
        return (self.description.purpose or self.description.usage)[:2048]

    def table(self, catalog_name: str) -> ContractTable | None:
        """The table of that name in the catalog."""
        return next((table for table in self.tables if table.catalog_name == catalog_name), None)

    def table_schema(self, catalog_name: str) -> TableSchema | None:
        """What a table should look like; `None` where the contract says nothing about its columns."""
        table = self.table(catalog_name)
        return table.table_schema() if table and table.columns else None


def _column(column: ContractColumn, default: str = "") -> Column:
    return Column(name=column.catalog_name, type=column.hive_type or default, comment=column.description[:255])
