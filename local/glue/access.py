"""From what a Glue call names to where it lies: resource links, IAM on every resource, then Lake Formation.

IAM: https://docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html (a table operation needs the
catalog, the database and the table; deleting a database also what is in it).
"""

from dataclasses import dataclass

from local import catalog_records as store
from local.lakeformation import context, evaluation
from local.lakeformation import resources as r
from local.lakeformation.identity import Identity
from local.lakeformation.protocol import Json, invalid_input, not_found
from local.lakeformation.store import _states, state


@dataclass(frozen=True)
class Place:
    """A database or table in the catalog of the account that owns it, links resolved."""

    catalog: str
    database: str
    table: str = ""

    @property
    def resource(self) -> r.Table:
        return r.Table(self.catalog, self.database, self.table)


def arns(caller: Identity, action: str, catalog: str, database: str = "", table: str = "") -> list[str]:
    """What IAM is asked about for `action`, in the order AWS names them."""
    root = f"arn:aws:glue:{caller.region}:{catalog}"
    found = [f"{root}:catalog"]
    if database:
        found.append(f"{root}:database/{database}")
    if table:
        found.append(f"{root}:table/{database}/{table}")
    if action == "DeleteDatabase":
        found.append(f"{root}:userDefinedFunction/{database}/*")
    return found


def iam(caller: Identity, action: str, catalog: str, database: str = "", table: str = "") -> None:
    """Refuse unless IAM lets the caller do `glue:<action>` on every resource of it."""
    caller.require(f"glue:{action}", *arns(caller, action, catalog, database, table), service="glue")


def resolve(
    caller: Identity, params: Json, action: str, database: str, table: str = "", *, follow_table: bool = True
) -> Place:
    """Where the named database or table lies. A link is followed if the caller may describe it and IAM allows it.

    Behind a link to a database, a link to a table is what GetTable returns, and other calls fail.
    https://docs.aws.amazon.com/lake-formation/latest/dg/resource-links-glue-apis.html

    Raises:
        AwsError: `AccessDeniedException` by IAM, or for want of DESCRIBE on the link; `InvalidInputException` for a
            link behind a link.
    """
    place = Place(params.get("CatalogId") or caller.account, database.lower(), table.lower())
    iam(caller, action, place.catalog, place.database, place.table)
    record = store.database(place.catalog, caller.region, place.database)
    if record and (target := record.get("TargetDatabase")):
        _require_link(caller, r.Database(place.catalog, place.database))
        place = Place(target["CatalogId"], target["DatabaseName"].lower(), place.table)
        iam(caller, action, place.catalog, place.database, place.table)
    link = store.table(place.catalog, caller.region, place.database, place.table) if follow_table else None
    if link and (target := link.get("TargetTable")):
        if record and record.get("TargetDatabase"):
            if action == "GetTable":
                return place
            raise invalid_input(f"{action} does not follow a table link behind a database link: {database}.{table}")
        _require_link(caller, place.resource)
        place = Place(target["CatalogId"], target["DatabaseName"].lower(), target["Name"].lower())
        iam(caller, action, place.catalog, place.database, place.table)
    return place


def _require_link(caller: Identity, link: r.Database | r.Table) -> None:
    context.require(caller, link, "DESCRIBE")


def may(caller: Identity, permission: str, resource: r.Resource) -> bool:
    lake, who = context.of(caller, resource.catalog)
    return evaluation.may(lake, who, permission, resource)


def database(caller: Identity, catalog: str, name: str, permission: str) -> Json:
    """The database `name` of `catalog`, if the caller holds `permission` on it.

    Raises:
        AwsError: `EntityNotFoundException`; `AccessDeniedException`, which in another account also hides absence.
    """
    record = store.database(catalog, caller.region, name)
    if record is None and catalog == caller.account:
        raise not_found(f"Database {name} not found.")
    context.require(caller, r.Database(catalog, name), permission)
    if record is None:
        raise not_found(f"Database {name} not found.")
    return record


def table(caller: Identity, place: Place, *anyof: str) -> Json:
    """The table at `place`, if the caller holds one of `anyof` on it.

    A caller that may not see the table gets an access error, whether or not it exists; one that could create it, or
    may describe its database, learns that it does not exist.

    Raises:
        AwsError: `EntityNotFoundException`, `AccessDeniedException`.
    """
    record = store.table(place.catalog, caller.region, place.database, place.table)
    if record is None:
        lake, who = context.of(caller, place.catalog)
        if evaluation.database_rights(lake, who, place.database).permissions or not store.database(
            place.catalog, caller.region, place.database
        ):
            raise not_found(f"Entity Not Found: table {place.table} in {place.database}")
    context.require(caller, place.resource, *anyof)
    if record is None:
        raise not_found(f"Entity Not Found: table {place.table} in {place.database}")
    return record


def visible_table(caller: Identity, place: Place, record: Json) -> Json:
    """The table as the caller may see it: columns that Lake Formation hides are left out."""
    lake, who = context.of(caller, place.catalog)
    visible = evaluation.table_rights(lake, who, place.database, place.table).visible
    shown = {member: value for member, value in record.items() if value is not None}
    if descriptor := shown.get("StorageDescriptor"):
        columns = [column for column in descriptor.get("Columns") or () if column["Name"] in visible]
        shown["StorageDescriptor"] = descriptor | {"Columns": columns}
    location = (record.get("StorageDescriptor") or {}).get("Location")
    registered = state(place.catalog, caller.region).registered_above(s3_arn(location)) if location else None
    return shown | {"IsRegisteredWithLakeFormation": registered is not None}


def require_location(caller: Identity, catalog: str, location: str | None, present: str | None = None) -> None:
    """Refuse to point metadata of `catalog` at a registered location without DATA_LOCATION_ACCESS to it."""
    if not location or location.rstrip("/") == (present or "").rstrip("/"):
        return
    arn = s3_arn(location)
    if state(catalog, caller.region).registered_above(arn) is not None:
        context.require(caller, r.DataLocation(catalog, arn), "DATA_LOCATION_ACCESS")


def s3_arn(location: str) -> str:
    """`s3://bucket/path/` as the ARN that Lake Formation registers."""
    return "arn:aws:s3:::" + location.removeprefix("s3://").rstrip("/")


def sharing_accounts(caller: Identity) -> list[str]:
    """Accounts of the mesh that share anything with the caller's."""
    others = {account for account, region in _states if region == caller.region and account != caller.account}
    lakes = {account: context.lake(account, caller.region) for account in others}
    return sorted(
        account for account, lake in lakes.items() if any(lake.shared(caller.account, kind) for kind in r.SHARE_KINDS)
    )
