"""Fakes of the Data Catalog and Lake Formation."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mesh.adapters.lakeformation.lake import LakeFormationRefused
from mesh.domain.contracts.claims import require_free_location, require_link, require_mark, require_own_crawler
from mesh.domain.contracts.product import ConcurrentChange
from mesh.domain.governance.catalog_snapshot import CatalogSnapshot


class FakeCatalog:
    """One account's Glue catalog; a resource link's name stands for its target."""

    def __init__(self) -> None:
        self.databases: dict[str, dict[str, Any]] = {}
        self.links: dict[str, dict[str, str]] = {}
        self.tables: dict[tuple[str, str], dict[str, Any]] = {}
        self.writes: list[str] = []

    def create_database(
        self, name: str, *, location: str, description: str, marks: Sequence[Mapping[str, str]]
    ) -> None:
        wanted = {"LocationUri": location, "Description": description, "Parameters": dict(marks[0])}
        if name in self.databases:
            require_mark(name, self.databases[name]["Parameters"], marks)
        self.databases[name] = wanted
        self.writes.append(f"create_database {name}")

    def create_resource_link(self, name: str, *, catalog: str, database: str, region: str) -> None:
        if name in self.databases or name in self.links:
            require_link(name, self.links.get(name, {}), catalog, database)
        self.links.setdefault(name, {"CatalogId": catalog, "DatabaseName": database, "Region": region})
        self.writes.append(f"create_resource_link {name}")

    def require_default_database(self) -> None:
        self.databases.setdefault("default", {})
        self.writes.append("require_default_database")

    def table(self, database: str, name: str) -> dict[str, Any] | None:
        found = self.tables.get((self._target(database), name))
        return dict(found) if found else None

    def create_table(self, database: str, table_input: Mapping[str, Any]) -> None:
        if (self._target(database), table_input["Name"]) not in self.tables:
            self._write("create_table", database, table_input)

    def drop_table(self, database: str, name: str) -> None:
        place = (self._target(database), name)
        self.tables.pop(place, None)
        self.writes.append(f"drop_table {name}")

    def update_table(
        self, database: str, table_input: Mapping[str, Any], *, archive: bool = True, version: str | None = None
    ) -> None:
        now = self.tables.get((self._target(database), table_input["Name"]), {}).get("VersionId", "0")
        if version is not None and version != now:
            raise ConcurrentChange(f"version {version} of {table_input['Name']} is not the present one: {now}")
        self._write("update_table", database, table_input)

    def _write(self, what: str, database: str, table_input: Mapping[str, Any]) -> None:
        target = self._target(database)
        place = (target, table_input["Name"])
        version = str(int(self.tables.get(place, {}).get("VersionId", "-1")) + 1)
        self.tables[place] = {**table_input, "DatabaseName": target, "VersionId": version}
        self.writes.append(f"{what} {table_input['Name']}")

    def _target(self, database: str) -> str:
        link = self.links.get(database)
        return link["DatabaseName"] if link else database


class FakeCrawlers:
    """Crawlers by name."""

    def __init__(self) -> None:
        self.crawlers: dict[str, dict[str, Any]] = {}

    def put_crawler(self, name: str, product: str, definition: Mapping[str, Any]) -> None:
        if name in self.crawlers:
            require_own_crawler(name, self.crawlers[name], product)
        self.crawlers[name] = dict(definition)


class FakePrincipals:
    """IAM, without those that are `gone`."""

    def __init__(self, gone: Sequence[str] = ()) -> None:
        self.gone = gone

    def is_gone(self, principal: str) -> bool:
        return principal in self.gone


class FakeGovernanceRecord:
    """The documents that were kept last, and the renames that are to be carried out."""

    def __init__(self, documents: Mapping[str, Any] | None = None) -> None:
        self.documents: dict[str, Any] = dict(documents or {})
        self.pending: frozenset[tuple[str, str]] = frozenset()

    def keep(self, documents: Mapping[str, Mapping[str, Any]]) -> None:
        self.documents = dict(documents)

    def kept(self) -> dict[str, Any]:
        return dict(self.documents)

    def pending_renames(self) -> frozenset[tuple[str, str]]:
        return self.pending

    def keep_pending(self, renames: Collection[tuple[str, str]]) -> None:
        self.pending = frozenset(renames)


class FakeLakeFormation:
    """One account's Lake Formation. `calls` are the writes, in order; tags inherit, the nearest value wins."""

    def __init__(self, tags: Mapping[str, Sequence[str]] | None = None) -> None:
        self.data_lake_settings: dict[str, Any] = {}
        self.tags: dict[str, tuple[str, ...]] = {key: tuple(values) for key, values in (tags or {}).items()}
        self.on: dict[tuple[str, ...], dict[str, str]] = {}
        self.registered: dict[str, str] = {}
        self.grants: list[dict[str, Any]] = []
        self.filters: dict[tuple[str, str, str], tuple[tuple[str, ...], str]] = {}
        self.calls: list[tuple[str, ...]] = []

    def settings(self) -> dict[str, Any]:
        return dict(self.data_lake_settings)

    def put_settings(self, settings: Mapping[str, Any]) -> None:
        self.data_lake_settings = dict(settings)
        self.calls.append(("put_settings",))

    def tag_values(self, key: str) -> tuple[str, ...] | None:
        return self.tags.get(key)

    def create_tag(self, key: str, values: Sequence[str]) -> None:
        self.tags.setdefault(key, tuple(values))

    def add_tag_values(self, key: str, values: Sequence[str]) -> None:
        self.tags[key] = tuple(dict.fromkeys((*self.tags[key], *values)))

    def remove_tag_values(self, key: str, values: Sequence[str]) -> None:
        assert not any(tags.get(key) in values for tags in self.on.values()), "Update not allowed"
        self.tags[key] = tuple(value for value in self.tags[key] if value not in values)

    def carriers(self, key: str, value: str) -> tuple[str, ...]:
        return tuple(".".join(place) for place, tags in self.on.items() if tags.get(key) == value and len(place) > 1)

    def is_named(self, key: str, value: str) -> bool:
        granted = [tag for each in self.grants for tag in each["Resource"].get("LFTagPolicy", {}).get("Expression", ())]
        return bool(self.carriers(key, value)) or any(
            tag["TagKey"] == key and value in tag["TagValues"] for tag in granted
        )

    def tag_database(self, database: str, tags: Mapping[str, str]) -> None:
        self._assign((database,), tags)

    def tag_table(self, database: str, table: str, tags: Mapping[str, str]) -> None:
        self._assign((database, table), tags)

    def tag_columns(self, database: str, table: str, columns: Sequence[str], tags: Mapping[str, str]) -> None:
        for column in columns:
            self._assign((database, table, column), tags)

    def assigned_tags(self, database: str, table: str) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        columns = {
            place[2]: dict(tags) for place, tags in self.on.items() if place[:2] == (database, table) and place[2:]
        }
        return dict(self.on.get((database, table), {})), columns

    def table_tags(self, database: str, table: str) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        inherited = {**self.on.get((database,), {}), **self.on.get((database, table), {})}
        columns = {
            place[2]: {**inherited, **tags}
            for place, tags in self.on.items()
            if place[:2] == (database, table) and place[2:]
        }
        return inherited, columns

    def effective(self, database: str, table: str, column: str) -> dict[str, str]:
        """What a column has in the end, own or inherited."""
        inherited, columns = self.table_tags(database, table)
        return columns.get(column, inherited)

    def require_free_location(self, arn: str, role_arn: str) -> None:
        require_free_location(arn, role_arn, self.registered)

    def register_location(self, arn: str, role_arn: str) -> None:
        self.registered.setdefault(arn, role_arn)

    def locations(self) -> dict[str, str]:
        return dict(self.registered)

    def grant(self, grants: Iterable[Mapping[str, Any]]) -> None:
        self.grants += [dict(grant) for grant in grants if dict(grant) not in self.grants]

    def revoke(self, grants: Iterable[Mapping[str, Any]]) -> None:
        for taken in grants:
            place = (taken["Principal"], taken["Resource"])
            for held in [held for held in self.grants if (held["Principal"], held["Resource"]) == place]:
                for kind in ("Permissions", "PermissionsWithGrantOption"):
                    held[kind] = [one for one in held[kind] if one not in taken[kind]]
                if not held["Permissions"]:
                    self.grants.remove(held)

    def put_filter(self, place: tuple[str, str], name: str, columns: Sequence[str], rows: str) -> None:
        self.filters[(*place, name)] = (tuple(columns), rows)

    def delete_filter(self, place: tuple[str, str], name: str) -> None:
        self.filters.pop((*place, name), None)

    def revoke_iam_allowed_principals(self, database: str) -> None:
        self.calls.append(("revoke_iam_allowed_principals", database))

    def _assign(self, place: tuple[str, ...], tags: Mapping[str, str]) -> None:
        for key, value in tags.items():
            if value not in self.tags.get(key, ()):
                raise LakeFormationRefused(f"EntityNotFoundException: LF-Tag {key}={value}")
        if tags:
            self.on.setdefault(place, {}).update(tags)
            self.calls.append(("tag", *place))


class FakeCatalogState:
    """Central's tables and LF-Tags, as a value that tests replace."""

    def __init__(self, lake: CatalogSnapshot, known: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self.at = lake
        self.known = dict(known or {})

    def tagged(self, databases: Collection[str] = ()) -> CatalogSnapshot:
        found = {name: each for name, each in self.at.databases.items() if not databases or name in databases}
        return replace(self.at, databases=found)

    def lake(self, databases: Collection[str] = ()) -> CatalogSnapshot:
        return self.tagged(databases)

    def tag_values(self) -> dict[str, tuple[str, ...]]:
        return self.known
