"""The state that determines who can read what: databases with LF-Tags, grants, administrators, shares."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from mesh.domain.errors import Rejected
from mesh.domain.governance.expressions import Expression, Tags

IAM_ALLOWED_PRINCIPALS: Final = "IAM_ALLOWED_PRINCIPALS"
"""The group of all principals of the catalog's account that IAM allows: granted to it, tags do not restrict."""
TABLE_PERMISSIONS: Final = frozenset({"ALTER", "DELETE", "DESCRIBE", "DROP", "INSERT", "SELECT"})
ALL: Final = "ALL"
"""`Super` in the console: every permission of the resource."""

type ShareState = Literal["accepted", "pending", "rejected", "expired", "none"]
"""How a RAM share stands with the account that receives it."""


@dataclass(frozen=True)
class DatabaseGrant:
    """On one database, or on a resource link (which only supports DESCRIBE and DROP)."""

    database: str


@dataclass(frozen=True)
class TableGrant:
    """On a table, or on all tables of the database (no `table`)."""

    database: str
    table: str = ""


@dataclass(frozen=True)
class ColumnsGrant:
    """On columns of a table: those named, or (`names` is None) all but the excluded ones.

    A data cells filter has its name in `row_filter`, and its predicate in `rows`.
    """

    database: str
    table: str
    names: frozenset[str] | None = None
    excluded: frozenset[str] = frozenset()
    row_filter: str = ""
    rows: str = ""

    def covers(self, column: str) -> bool:
        """Whether the column is included."""
        return column not in self.excluded if self.names is None else column in self.names


@dataclass(frozen=True)
class PolicyGrant:
    """On every database, or every table and column, whose effective tags match."""

    kind: Literal["DATABASE", "TABLE"]
    expression: Expression


type Granted = DatabaseGrant | TableGrant | ColumnsGrant | PolicyGrant


@dataclass(frozen=True)
class Grant:
    """`principal` (role ARN, account id, group) holds `permissions`, may grant `grantable`; `grantor`: an account."""

    principal: str
    resource: Granted
    permissions: frozenset[str]
    grantable: frozenset[str] = frozenset()
    grantor: str = ""


@dataclass(frozen=True)
class Principal:
    """A reader: a role, or a whole account (`arn` is its id). `admin`: data lake admin in its account."""

    arn: str
    account: str
    admin: bool = False


@dataclass(frozen=True)
class Table:
    """A table; tags are what is assigned to it, and to its columns, itself. `columns` include partition keys."""

    database: str
    name: str
    columns: tuple[str, ...]
    tags: Tags = field(default_factory=dict)
    column_tags: Mapping[str, Tags] = field(default_factory=dict)
    partitioned: bool = False
    pointer: str = ""
    """The location of an Iceberg table's metadata file."""

    def effective(self, database_tags: Tags, column: str = "") -> dict[str, str]:
        """Tags of the table, or of one column: inherited from database and table, the nearer value winning."""
        return {**database_tags, **self.tags, **self.column_tags.get(column, {})}


@dataclass(frozen=True)
class Database:
    """A database with the tags assigned to it, and its tables by name. `marked`: created by Meshwork for the product of
    that name; any other is somebody else's."""

    name: str
    tags: Tags = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)
    marked: bool = True


@dataclass(frozen=True)
class CatalogSnapshot:
    """One account's catalog, with every grant on it, including those made by receiving accounts."""

    account: str
    databases: Mapping[str, Database]
    grants: tuple[Grant, ...] = ()
    admins: frozenset[str] = frozenset()
    read_only_admins: frozenset[str] = frozenset()
    shares: Mapping[str, ShareState] = field(default_factory=dict)
    """By receiving account; a missing account has no share."""

    def filters(self) -> Iterator[ColumnsGrant]:
        """The data cells filters that are granted, as they are now."""
        for grant in self.grants:
            if isinstance(grant.resource, ColumnsGrant) and grant.resource.row_filter:
                yield grant.resource

    def tables(self) -> Iterator[Table]:
        """All tables."""
        for database in self.databases.values():
            yield from database.tables.values()

    def table(self, database: str, table: str) -> Table | None:
        """One table."""
        found = self.databases.get(database)
        return found.tables.get(table) if found else None

    def tags(self, database: str, table: str = "", column: str = "") -> dict[str, str]:
        """Effective tags of a database, table or column that is there."""
        found = self.databases[database]
        return found.tables[table].effective(found.tags, column) if table else dict(found.tags)

    def tags_if_there(self, database: str, table: str, column: str) -> dict[str, str]:
        """Effective tags of a column; none where there is no such table."""
        return self.tags(database, table, column) if self.table(database, table) else {}

    def accepted(self, account: str) -> bool:
        """Whether the account accepted its share."""
        return self.shares.get(account) == "accepted"

    def without_tables(self, leave_out: Callable[[str], bool]) -> "CatalogSnapshot":
        """The same lake without the tables for whose names `leave_out` is true."""
        databases = {
            name: replace(found, tables={each: table for each, table in found.tables.items() if not leave_out(each)})
            for name, found in self.databases.items()
        }
        return replace(self, databases=databases)

    def with_tag(self, key: str, value: str, database: str, table: str = "", column: str = "") -> "CatalogSnapshot":
        """The same lake with one tag assigned. Values are kept lower-case."""
        tag = {key.lower(): value.lower()}
        found = self.databases[database]
        if not table:
            changed = replace(found, tags={**found.tags, **tag})
        else:
            tables = {**found.tables, table: _tagged(found.tables[table], tag, column)}
            changed = replace(found, tables=tables)
        return replace(self, databases={**self.databases, database: changed})

    def with_column_tags(self, database: str, tags: Mapping[str, Mapping[str, Tags]]) -> "CatalogSnapshot":
        """The same lake with these tags on columns that it has, by table."""
        found = self.databases[database]
        tables = {
            name: replace(
                table,
                column_tags={
                    **table.column_tags,
                    **{
                        column: {**table.column_tags.get(column, {}), **own}
                        for column, own in tags.get(name, {}).items()
                        if column in table.columns
                    },
                },
            )
            for name, table in found.tables.items()
        }
        return replace(self, databases={**self.databases, database: replace(found, tables=tables)})


def _tagged(table: Table, tag: Tags, column: str) -> Table:
    if not column:
        return replace(table, tags={**table.tags, **tag})
    own = {**table.column_tags.get(column, {}), **tag}
    return replace(table, column_tags={**table.column_tags, column: own})


class NotInCatalog(Rejected):
    """A database, table or column that central's catalog does not have, or has not published."""


def require(lake: CatalogSnapshot, database: str, table: str = "", column: str = "") -> None:
    """Raises `NotInCatalog`, naming what there is, unless the thing exists."""
    found = lake.databases.get(database)
    if found is None:
        raise NotInCatalog(f"there is no data product {database!r} in the catalog", remedy="mesh products lists them")
    if table and table not in found.tables:
        raise _absent(f"product {database} has no table {table!r}", found.tables)
    if column and column not in found.tables[table].columns:
        raise _absent(f"table {database}.{table} has no column {column!r}", found.tables[table].columns)


def not_published(product: str, columns: Iterable[str]) -> NotInCatalog:
    """For columns that were crawled and not tagged yet: their access is undecided."""
    return NotInCatalog(
        f"not published yet, since central has not tagged it: {', '.join(columns)}",
        product=product,
        remedy=f"try again when its version is announced: mesh notices, mesh history {product}",
    )


def _absent(message: str, known: Iterable[str]) -> NotInCatalog:
    there = ", ".join(known) or "nothing yet"
    return NotInCatalog(message, remedy=f"there is: {there}")
