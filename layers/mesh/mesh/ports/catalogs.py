"""The Data Catalog and Lake Formation, and what they say of who may read."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # no function reads these: they would only be imported
    from mesh.domain.access.access_context import Home
    from mesh.domain.events import GrantEntry
    from mesh.domain.governance.catalog_snapshot import CatalogSnapshot, Grant
    from mesh.domain.governance.renewal import ProductDatabase


class Catalog(Protocol):
    """The Glue Data Catalog. `catalog` is the account whose catalog is meant; `None` is the caller's own."""

    def create_database(
        self, name: str, *, location: str, description: str, marks: "Sequence[Mapping[str, str]]"
    ) -> None:
        """Create the database with the first of these parameters, or bring one up to date that has any of them. Raises
        NameTaken for any other of that name, and leaves it as it is."""
        ...

    def create_resource_link(self, name: str, *, catalog: str, database: str, region: str) -> None:
        """Create the link; one that exists is success. Raises LinkTaken for anything else of that name."""
        ...

    def table(self, database: str, name: str) -> dict[str, Any] | None: ...

    def create_table(self, database: str, table_input: Mapping[str, Any]) -> None:
        """One that exists stays as it is: somebody else, or a call whose answer was lost, made it, and it may have
        changed since."""
        ...

    def update_table(
        self, database: str, table_input: Mapping[str, Any], *, archive: bool = True, version: str | None = None
    ) -> None:
        """Replace the definition; the one before is kept as a version of the table, unless `archive` is False.

        `version` is the `VersionId` that is replaced: raises ConcurrentChange when it is not the present one.
        """
        ...

    def drop_table(self, database: str, name: str) -> None:
        """Drop the table with its partitions; one that is gone is success."""
        ...

    def require_default_database(self) -> None:
        """Create the database `default` of the caller's own catalog where there is none."""
        ...


class Crawlers(Protocol):
    """Glue crawlers and their classifiers."""

    def put_crawler(self, name: str, product: str, definition: Mapping[str, Any]) -> None:
        """Create the product's crawler, or update it. Raises NameTaken for a crawler that is not the product's."""
        ...


class ProductDatabases(Protocol):
    """Central's databases that are products'."""

    def all(self) -> tuple["ProductDatabase", ...]:
        """Those that carry the mesh's mark, and no others."""
        ...


class GovernanceRecord(Protocol):
    """The governance in force: its documents, by file; and which renamed values of LF-Tags (key, old name) tables and
    columns still get by their old names."""

    def keep(self, documents: Mapping[str, Mapping[str, Any]]) -> None:
        """From now on these."""
        ...

    def pending_renames(self) -> frozenset[tuple[str, str]]: ...

    def keep_pending(self, renames: Collection[tuple[str, str]]) -> None:
        """These, in place of those before."""
        ...

    def kept(self) -> dict[str, Any]:
        """Empty before the first deployment."""
        ...


class LakeAdmins(Protocol):
    """An account's record of the data lake administrators that its stack sets."""

    def keep(self, admins: tuple[str, ...]) -> None:
        """These, by ARN, in place of those before."""
        ...

    def kept(self) -> tuple[str, ...]:
        """None where nothing was kept yet."""
        ...


class Principals(Protocol):
    """The roles and users of the account's IAM."""

    def is_gone(self, principal: str) -> bool:
        """Whether a role or user of this account is no longer there. Of others (groups, other accounts) IAM cannot
        say: they are not."""
        ...


class LakeFormation(Protocol):
    """Tags, locations and grants. Idempotent; every `Failures[]` is read and raised."""

    def settings(self) -> dict[str, Any]: ...

    def put_settings(self, settings: Mapping[str, Any]) -> None: ...

    def tag_values(self, key: str) -> tuple[str, ...] | None: ...

    def carriers(self, key: str, value: str) -> tuple[str, ...]:
        """Tables (`database.table`) and columns (`database.table.column`) that carry it themselves, or inherit it from
        their database."""
        ...

    def is_named(self, key: str, value: str) -> bool:
        """Whether a table or column carries it, or a grant names it: also where the value is not in use by the mesh."""
        ...

    def create_tag(self, key: str, values: Sequence[str]) -> None: ...

    def add_tag_values(self, key: str, values: Sequence[str]) -> None: ...

    def remove_tag_values(self, key: str, values: Sequence[str]) -> None:
        """What is not there any more is success; Lake Formation keeps what is on a resource."""
        ...

    def tag_database(self, database: str, tags: Mapping[str, str]) -> None: ...

    def tag_table(self, database: str, table: str, tags: Mapping[str, str]) -> None: ...

    def tag_columns(self, database: str, table: str, columns: Sequence[str], tags: Mapping[str, str]) -> None: ...

    def assigned_tags(self, database: str, table: str) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        """Tags that a table, and each of its columns, carries itself; what they inherit is left out."""
        ...

    def table_tags(self, database: str, table: str) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        """Effective tags of a table, and of each of its columns."""
        ...

    def require_free_location(self, arn: str, role_arn: str) -> None:
        """Raises NameTaken where the location, one above or one below it is registered under another role."""
        ...

    def locations(self) -> dict[str, str]:
        """All registered S3 locations, by ARN, with the roles under which they are."""
        ...

    def register_location(self, arn: str, role_arn: str) -> None:
        """Register an S3 location under a role; one that is registered already is success."""
        ...

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


class TaggedCatalog(Protocol):
    """The tables of products, with their LF-Tags."""

    def tagged(self, databases: Collection[str] = ()) -> "CatalogSnapshot":
        """Tables and LF-Tags of products alone; of some, or of all. A database without the mesh's mark is left out."""
        ...


class CatalogState(TaggedCatalog, Protocol):
    """Central's Lake Formation, Glue and RAM as they are now. Reads only."""

    def lake(self, databases: Collection[str] = ()) -> "CatalogSnapshot":
        """The catalog's tables, LF-Tags, grants, administrators and shares; of some databases, or of all."""
        ...

    def tag_values(self) -> dict[str, tuple[str, ...]]:
        """Every LF-Tag key with its values."""
        ...

    def rights_beside(self) -> "dict[str, list[GrantEntry]]":
        """Principal → what it holds on data locations and LF-Tags: one location or value in each entry."""
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
