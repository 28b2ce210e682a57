"""The Glue data catalog's operations under Lake Formation, over MiniStack's store.

Each call resolves what it names through resource links, asks IAM about every resource it touches in whichever
account it lies, then Lake Formation, and only then reads or writes, in the account that owns it.
"""

import time
from collections.abc import Iterable

from local import catalog_records as store
from local import choices
from local.glue import access, partitions
from local.glue.access import Place
from local.lakeformation import context
from local.lakeformation import resources as r
from local.lakeformation.identity import Identity
from local.lakeformation.protocol import AwsError, Json, invalid_input, not_found, page
from local.lakeformation.store import Grant, State, state

UPDATABLE = ("Description", "LocationUri", "Parameters", "CreateTableDefaultPermissions")
DATABASE_MEMBERS = ("Name", "TargetDatabase", "FederatedDatabase", *UPDATABLE)


def create_database(caller: Identity, params: Json) -> Json:
    """Create a database or, with `TargetDatabase`, a resource link; its creator may do everything with it."""
    catalog, given = params.get("CatalogId") or caller.account, params["DatabaseInput"]
    name = given["Name"].lower()
    access.iam(caller, "CreateDatabase", catalog, name)
    context.require(caller, r.Catalog(catalog), "CREATE_DATABASE")
    if store.database(catalog, caller.region, name) is not None:
        raise AwsError("AlreadyExistsException", f"Database already exists: {name}")
    access.require_location(caller, catalog, given.get("LocationUri"))
    record = {member: given[member] for member in DATABASE_MEMBERS if given.get(member) is not None}
    record |= {"Name": name, "CreateTime": int(time.time()), "CatalogId": catalog}
    store.put_database(catalog, caller.region, record)
    held = {"DESCRIBE", "DROP"} if given.get("TargetDatabase") else set(r.DATABASE_PERMISSIONS | {"ALL"})
    defaults = state(catalog, caller.region).default_permissions("Database")
    _own(caller, r.Database(catalog, name), held, defaults)
    return {}


def get_database(caller: Identity, params: Json) -> Json:
    catalog, name = params.get("CatalogId") or caller.account, params["Name"].lower()
    access.iam(caller, "GetDatabase", catalog, name)
    record = access.database(caller, catalog, name, "DESCRIBE")
    return {"Database": _render_database(caller, record)}


def get_databases(caller: Identity, params: Json) -> Json:
    """The databases and links of the catalog that the caller may see; `FOREIGN` and `ALL` add shared ones."""
    catalog = params.get("CatalogId") or caller.account
    access.iam(caller, "GetDatabases", catalog, "*")
    catalogs = [catalog]
    if params.get("ResourceShareType") in ("ALL", "FOREIGN"):
        shared = access.sharing_accounts(caller)
        catalogs = shared if params["ResourceShareType"] == "FOREIGN" else catalogs + shared
    found = [
        _render_database(caller, record)
        for owner in catalogs
        for record in store.databases(owner, caller.region)
        if access.may(caller, "DESCRIBE", r.Database(owner, record["Name"]))
    ]
    items, rest = page(found, params)
    return {"DatabaseList": items} | rest


def update_database(caller: Identity, params: Json) -> Json:
    """Replace a database's definition; through a link, that of its target."""
    place = access.resolve(caller, params, "UpdateDatabase", params["Name"])
    record = access.database(caller, place.catalog, place.database, "ALTER")
    given = params["DatabaseInput"]
    if given["Name"].lower() not in (place.database, params["Name"].lower()):
        raise invalid_input("A database cannot be renamed")
    kept = {
        member: record[member] for member in ("Name", "CreateTime", "CatalogId", "TargetDatabase") if member in record
    }
    changed = {m: given[m] for m in UPDATABLE if given.get(m) is not None}
    access.require_location(caller, place.catalog, given.get("LocationUri"), record.get("LocationUri"))
    store.put_database(place.catalog, caller.region, changed | kept)
    return {}


def delete_database(caller: Identity, params: Json) -> Json:
    """Delete a database with its tables, or a link alone."""
    catalog, name = params.get("CatalogId") or caller.account, params["Name"].lower()
    access.iam(caller, "DeleteDatabase", catalog, name, "*")
    access.database(caller, catalog, name, "DROP")
    store.drop_database(catalog, caller.region, name)
    state(catalog, caller.region).forget(name)
    return {}


def create_table(caller: Identity, params: Json) -> Json:
    """Create a table, or a link to one with `TargetTable`; on registered data that takes access to its location."""
    given = params["TableInput"]
    name = given["Name"].lower()
    place = access.resolve(caller, params, "CreateTable", params["DatabaseName"], name)
    if given.get("TargetTable") and place.database != params["DatabaseName"].lower():
        raise invalid_input("A table link cannot be created through a database link")
    access.database(caller, place.catalog, place.database, "CREATE_TABLE")
    if store.table(place.catalog, caller.region, place.database, name) is not None:
        raise AwsError("AlreadyExistsException", f"Table already exists: {name}")
    _require_table_location(caller, place, given)
    now = int(time.time())
    record = _table_fields(given) | {
        "Name": name,
        "DatabaseName": place.database,
        "CreateTime": now,
        "UpdateTime": now,
        "CreatedBy": caller.session,
        "CatalogId": place.catalog,
        "VersionId": "1",
    }
    store.put_table(place.catalog, caller.region, record)
    database = store.database(place.catalog, caller.region, place.database) or {}
    defaults = _table_defaults(state(place.catalog, caller.region), database)
    _own(caller, r.Table(place.catalog, place.database, name), set(r.TABLE_PERMISSIONS | {"ALL"}), defaults)
    return {}


def update_table(caller: Identity, params: Json) -> Json:
    """Replace a table's definition.

    Raises:
        AwsError: `ConcurrentModificationException` if `VersionId` is given and is not the current one.
    """
    given = params["TableInput"]
    place = access.resolve(caller, params, "UpdateTable", params["DatabaseName"], given["Name"])
    record = access.table(caller, place, "ALTER")
    if params.get("VersionId") not in (None, record["VersionId"]):
        raise AwsError(
            "ConcurrentModificationException", f"Update table failed due to concurrent modifications: {place.table}"
        )
    _require_table_location(caller, place, given, (record.get("StorageDescriptor") or {}).get("Location"))
    kept = {m: record[m] for m in ("Name", "DatabaseName", "CreateTime", "CreatedBy", "CatalogId") if m in record}
    changed = {"UpdateTime": int(time.time()), "VersionId": str(int(record["VersionId"]) + 1)}
    store.put_table(place.catalog, caller.region, _table_fields(given) | kept | changed)
    return {}


def get_table(caller: Identity, params: Json) -> Json:
    place = access.resolve(caller, params, "GetTable", params["DatabaseName"], params["Name"])
    return {"Table": access.visible_table(caller, place, access.table(caller, place, "DESCRIBE"))}


def get_tables(caller: Identity, params: Json) -> Json:
    """The tables that the caller may see, each with the columns that it may see."""
    place = access.resolve(caller, params, "GetTables", params["DatabaseName"], "*")
    if store.database(place.catalog, caller.region, place.database) is None:
        raise not_found(f"Database {place.database} not found.")
    found = []
    for record in store.tables(place.catalog, caller.region, place.database):
        each = Place(place.catalog, place.database, record["Name"])
        if access.may(caller, "DESCRIBE", each.resource) and partitions.matches(
            params.get("Expression"), record["Name"]
        ):
            found.append(access.visible_table(caller, each, record))
    if not found and not access.may(caller, "DESCRIBE", r.Database(place.catalog, place.database)):
        raise context.insufficient("DESCRIBE", r.Database(place.catalog, place.database))
    items, rest = page(found, params)
    return {"TableList": items} | rest


def delete_table(caller: Identity, params: Json) -> Json:
    place = access.resolve(caller, params, "DeleteTable", params["DatabaseName"], params["Name"], follow_table=False)
    _drop(caller, place)
    return {}


def batch_delete_table(caller: Identity, params: Json) -> Json:
    errors = []
    for name in params["TablesToDelete"]:
        try:
            one = {"CatalogId": params.get("CatalogId")}
            _drop(
                caller,
                access.resolve(caller, one, "BatchDeleteTable", params["DatabaseName"], name, follow_table=False),
            )
        except AwsError as error:
            if error.code == "AccessDeniedException":
                raise
            detail = {"ErrorCode": error.code, "ErrorMessage": error.message}
            errors.append({"TableName": name, "ErrorDetail": detail})
    return {"Errors": errors}


def _drop(caller: Identity, place: Place) -> None:
    access.table(caller, place, "DROP")
    store.drop_table(place.catalog, caller.region, place.database, place.table)
    state(place.catalog, caller.region).forget(place.database, place.table)


def _table_fields(given: Json) -> Json:
    """A table's definition as Glue keeps it: column names folded to lower case."""
    fields = {member: value for member, value in given.items() if value is not None}
    descriptor = dict(fields.get("StorageDescriptor") or {})
    if descriptor.get("Columns"):
        descriptor["Columns"] = _folded(descriptor["Columns"])
    if "StorageDescriptor" in fields:
        fields["StorageDescriptor"] = descriptor
    fields["PartitionKeys"] = _folded(fields.get("PartitionKeys") or ())
    return {"Retention": 0} | fields


def _folded(columns: Iterable[Json]) -> list[Json]:
    return [column | {"Name": column["Name"].lower()} for column in columns]


def _require_table_location(caller: Identity, place: Place, given: Json, present: str | None = None) -> None:
    """Access to a registered location is implied where the database's own location holds the table's."""
    location = (given.get("StorageDescriptor") or {}).get("Location")
    database = store.database(place.catalog, caller.region, place.database) or {}
    above = (database.get("LocationUri") or "").rstrip("/")
    if above and location and f"{location.rstrip('/')}/".startswith(above + "/"):
        return
    access.require_location(caller, place.catalog, location, present)


def _render_database(caller: Identity, record: Json) -> Json:
    """A link has the properties of its target for those who may describe that."""
    if target := record.get("TargetDatabase"):
        catalog, name = target["CatalogId"], target["DatabaseName"].lower()
        shown = store.database(catalog, caller.region, name)
        if shown and access.may(caller, "DESCRIBE", r.Database(catalog, name)):
            record = {member: shown[member] for member in UPDATABLE if member in shown} | record
    kept = state(record.get("CatalogId") or caller.account, caller.region)
    defaults = [
        {"Principal": {"DataLakePrincipalIdentifier": who}, "Permissions": permissions}
        for who, permissions in _table_defaults(kept, record)
    ]
    return {k: v for k, v in record.items() if v is not None} | {"CreateTableDefaultPermissions": defaults}


def _table_defaults(kept: State, database: Json) -> Iterable[tuple[str, list[str]]]:
    """Who gets what on a new table: as the database says, else as its account's settings do."""
    own = database.get("CreateTableDefaultPermissions")
    if own is None:
        return kept.default_permissions("Table")
    return [(entry["Principal"]["DataLakePrincipalIdentifier"], entry["Permissions"]) for entry in own]


def _own(
    caller: Identity,
    resource: r.Database | r.Table,
    permissions: set[str],
    defaults: Iterable[tuple[str, list[str]]],
) -> None:
    """The creator's rights, and those that `defaults` give to others.

    In another account's catalog the creator gets nothing by creating: it has what was granted to it.
    """
    kept = state(resource.catalog, caller.region)
    if caller.account == resource.catalog and choices.made.creator_holds_all:
        _grant(kept, caller.arn, resource, permissions, set(permissions))
    for principal, given in defaults:
        _grant(kept, principal, resource, set(given), set())


def _grant(kept: State, principal: str, resource: r.Database | r.Table, held: set[str], passed: set[str]) -> None:
    parts: list[tuple[r.Resource, set[str]]] = [(resource, held)]
    if isinstance(resource, r.Table) and "SELECT" in held:
        columns = r.Columns(resource.catalog, resource.database, resource.name)
        parts = [(resource, held - {"SELECT"}), (columns, {"SELECT"})]
    for part, permissions in parts:
        kept.grants[principal, part] = Grant(principal, part, permissions, passed & permissions, kept.account)
