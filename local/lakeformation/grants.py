"""Granting and revoking, alone and in batches, within an account and across accounts."""

import re
import time
from collections.abc import Callable

from local import catalog_records as glue
from local.lakeformation import context, failures, sharing, tags
from local.lakeformation import resources as r
from local.lakeformation.identity import Identity, principal_exists
from local.lakeformation.protocol import AwsError, Json, access_denied, invalid_input, not_found
from local.lakeformation.store import ALLOWED_PRINCIPALS, Grant, State, state

BATCH = 20
FILTERS_PER_PRINCIPAL = 100
"""Data cells filters by which a principal may hold SELECT on one table."""
ACCOUNT = re.compile(r"\d{12}")


def grant_permissions(caller: Identity, params: Json) -> Json:
    """Grant. What is held already stays: repeating a grant succeeds.

    Raises:
        AwsError: `InvalidInputException` (invalid principal, permission that the resource does not have, database
            DROP or ALL to another account), `EntityNotFoundException`, `AccessDeniedException`.
    """
    principal, permissions, grantable = _request(params)
    if not grantable <= permissions:
        raise invalid_input("Permissions with grant option must be a subset of the permissions")
    resources = r.parse_resource(params["Resource"], params.get("CatalogId") or caller.account)
    for resource in resources:
        _check(caller, principal, permissions, resource)
        sharing.require_sharing(caller, _account_of(principal, caller), resource)
    for resource in resources:
        for part, held in _split(resource, permissions):
            _add(caller, principal, part, held, grantable & held)
    return {}


def revoke_permissions(caller: Identity, params: Json) -> Json:
    """Revoke all of what is named, or nothing.

    What a grantee has passed on is a grant of its own: it stays, and is listed, when the grantee loses what it passed
    on, and gives nothing from then on (`evaluation`). The documentation is silent on this; that a role's grant outlives
    the share is reported from AWS (hashicorp/terraform-provider-aws issue 36639). It is for the administrators of the
    account that passed it on to revoke, who "have implicit Lake Formation permissions to grant and revoke":
    https://docs.aws.amazon.com/lake-formation/latest/dg/required-permissions-for-grant.html

    Resources, tags and principals need not be there any more.

    Raises:
        AwsError: `InvalidInputException` "No permissions revoked. Grantee does not have: [...]", or "... Grantee has no
            permissions and no grantable permissions on resource.".
    """
    principal, permissions, grantable = _request(params)
    parts = [
        (part, wanted, grantable & wanted if permissions else wanted)
        for resource in r.parse_resource(params["Resource"], params.get("CatalogId") or caller.account)
        for part, wanted in _split(resource, permissions or grantable)
    ]
    for part, wanted, _ in parts:
        held = state(part.catalog, caller.region).grants.get((principal, part))
        if held is None or not _passed_on(caller, held):
            context.require_grant(caller, wanted, part)
        if held is None:
            nothing = "Grantee has no permissions and no grantable permissions on resource."
            raise invalid_input(f"No permissions revoked. {nothing}")
        if missing := sorted(wanted - held.permissions):
            raise invalid_input(f"No permissions revoked. Grantee does not have: [{', '.join(missing)}]")
    for part, wanted, option in parts:
        _remove(state(part.catalog, caller.region), principal, part, wanted if permissions else set(), option | wanted)
    return {}


def _passed_on(caller: Identity, held: Grant) -> bool:
    """Whether the caller administrates the account that passed on to one of its own what another account gave it."""
    foreign = held.grantor == caller.account != held.resource.catalog
    return foreign and state(caller.account, caller.region).is_admin(caller.arn)


def batch_grant_permissions(caller: Identity, params: Json) -> Json:
    return _batch(caller, params, "BatchGrantPermissions", grant_permissions)


def batch_revoke_permissions(caller: Identity, params: Json) -> Json:
    return _batch(caller, params, "BatchRevokePermissions", revoke_permissions)


def _batch(caller: Identity, params: Json, operation: str, act: Callable[[Identity, Json], Json]) -> Json:
    """Each entry on its own; those that failed come back in `Failures`, with HTTP 200."""
    entries = params["Entries"]
    if len(entries) > BATCH:
        raise invalid_input(f"A batch has at most {BATCH} entries")
    if len({entry["Id"] for entry in entries}) < len(entries):
        raise invalid_input("Batch entries must have different ids")
    failed = []
    for entry in entries:
        try:
            missing = [name for name in ("Principal", "Resource", "Permissions") if not entry.get(name)]
            if missing:
                raise invalid_input(f"Entry has no {', '.join(missing)}")
            failures.inject(operation, caller.account)
            act(caller, {"CatalogId": params.get("CatalogId")} | entry)
        except AwsError as error:
            reason = {"ErrorCode": error.code, "ErrorMessage": error.message}
            failed.append({"RequestEntry": entry, "Error": reason})
    return {"Failures": failed}


def _request(params: Json) -> tuple[str, set[str], set[str]]:
    if params.get("Condition"):
        raise invalid_input("Grants with a Condition are not supported")
    identifier = params["Principal"]["DataLakePrincipalIdentifier"]
    if root := re.fullmatch(r"arn:aws:iam::(\d{12}):root", identifier):
        identifier = root[1]
    return identifier, set(params["Permissions"]), set(params.get("PermissionsWithGrantOption") or ())


def _check(caller: Identity, principal: str, permissions: set[str], resource: r.Resource) -> None:
    if not permissions:
        raise invalid_input("Permissions must not be empty")
    allowed = resource.valid
    if isinstance(resource, r.Columns) and not resource.column and not resource.excluded:
        allowed = r.Table.valid
    if invalid := sorted(permissions - allowed):
        raise invalid_input(f"Permissions not allowed on {type(resource).__name__}: [{', '.join(invalid)}]")
    _require_existing(state(resource.catalog, caller.region), resource, permissions)
    account = _account_of(principal, caller)
    if account != resource.catalog:
        _check_cross_account(caller, account, permissions, resource)
    elif caller.account != resource.catalog:
        raise access_denied("Permissions on another account's catalog cannot be granted back to that account")
    if isinstance(resource, r.CellsFilter) and "SELECT" in permissions:
        _require_few_filters(state(resource.catalog, caller.region), principal, resource)
    context.require_grant(caller, permissions, resource)


def _require_few_filters(kept: State, principal: str, resource: r.CellsFilter) -> None:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/data-filtering-notes.html"""
    others = [
        granted
        for (holder, granted), grant in kept.grants.items()
        if isinstance(granted, r.CellsFilter)
        and (holder, granted.database, granted.table) == (principal, resource.database, resource.table)
        and granted != resource
        and "SELECT" in grant.permissions
    ]
    if len(others) >= FILTERS_PER_PRINCIPAL:
        raise invalid_input(
            f"{principal} has SELECT by {FILTERS_PER_PRINCIPAL} data cells filters on {resource.table} already, "
            "which is the most"
        )


def _account_of(principal: str, caller: Identity) -> str:
    """The account of a grantee.

    Raises:
        AwsError: `InvalidInputException` "Invalid principal" for one that does not exist.
    """
    if ACCOUNT.fullmatch(principal):
        return principal
    if principal in (ALLOWED_PRINCIPALS, f"{caller.account}:IAMPrincipals"):
        return caller.account
    if not principal_exists(principal):
        raise invalid_input(f"Invalid principal: {principal}")
    return principal.split(":")[4]


def _check_cross_account(caller: Identity, account: str, permissions: set[str], resource: r.Resource) -> None:
    owner = state(resource.catalog, caller.region)
    is_database = isinstance(resource, r.Database) or (
        isinstance(resource, r.TagPolicy) and resource.kind == "DATABASE"
    )
    if is_database and permissions & {"ALL", "DROP"}:
        raise invalid_input("DROP and ALL on a database cannot be granted to another account")
    if isinstance(resource, r.Catalog):
        raise invalid_input("Permissions on the catalog cannot be granted to another account")
    if caller.account != resource.catalog:
        if account != caller.account:
            raise access_denied("Resources shared by another account cannot be shared on with a third account")
        return
    version = int(owner.settings["Parameters"].get("CROSS_ACCOUNT_VERSION", "1"))
    if isinstance(resource, r.LFTag | r.TagPolicy | r.SavedExpression) and version < 3:
        raise invalid_input(f"Sharing LF-Tags needs cross account version 3 or above, this account has {version}")
    whole: r.Resource = resource
    if isinstance(resource, r.CellsFilter):
        whole = r.Table(resource.catalog, resource.database, resource.table)
        if permissions != {"SELECT"}:
            raise invalid_input("Only SELECT on a data cells filter can be granted to another account")
    open_to_all = isinstance(whole, r.Database | r.Table) and (ALLOWED_PRINCIPALS, whole) in owner.grants
    if open_to_all:
        raise invalid_input(
            "Cannot grant to another account while IAMAllowedPrincipals has permissions on the resource: "
            f"{context.name_of(resource)}"
        )


def _require_existing(kept: State, resource: r.Resource, permissions: set[str]) -> None:
    match resource:
        case r.Database(name=name):
            record = glue.database(kept.account, kept.region, name)
            if record is None:
                raise not_found(f"Database not found: {name}")
            _check_link(record, permissions)
        case r.Table(database=database, name=name) | r.Columns(database=database, table=name):
            _require_table(kept, database, name, getattr(resource, "column", ""), permissions)
        case r.CellsFilter(name=name):
            _require_table(kept, resource.database, resource.table, "", permissions)
            if resource not in kept.cells_filters:
                raise not_found(f"Data cells filter not found: {name}")
        case r.LFTag(key=key, value=value):
            tags.require_values(kept, ((key, (value,)),))
        case r.TagPolicy(expression=expression, expression_name=name):
            if name and name not in kept.expressions:
                raise not_found(f"LF-Tag expression does not exist: {name}")
            tags.require_values(kept, expression)
        case r.DataLocation(arn=arn):
            if kept.registered_above(arn) is None:
                raise invalid_input(f"You must register the S3 path before granting data location access: {arn}")


def _require_table(kept: State, database: str, name: str, column: str, permissions: set[str]) -> None:
    if glue.database(kept.account, kept.region, database) is None:
        raise not_found(f"Database not found: {database}")
    record = glue.table(kept.account, kept.region, database, name) if name else {}
    if record is None:
        raise not_found(f"Table not found: {name}")
    _check_link(record, permissions)
    if column and column not in kept.columns(database, name):
        raise not_found(f"Column not found: {column}")


def _check_link(record: Json, permissions: set[str]) -> None:
    is_link = record.get("TargetDatabase") or record.get("TargetTable")
    if is_link and permissions - {"DESCRIBE", "DROP"}:
        raise invalid_input("Only DESCRIBE and DROP can be granted on a resource link")


def _split(resource: r.Resource, permissions: set[str]) -> list[tuple[r.Resource, set[str]]]:
    """SELECT on a table is kept, and comes back, as SELECT on all of its columns."""
    select = permissions & {"SELECT"}
    if isinstance(resource, r.Columns) and not resource.column and not resource.excluded and permissions - select:
        resource = r.Table(resource.catalog, resource.database, resource.table)
    if not isinstance(resource, r.Table) or not select:
        return [(resource, permissions)]
    columns = r.Columns(resource.catalog, resource.database, resource.name)
    rest = permissions - select
    return [(columns, select)] + ([(resource, rest)] if rest else [])


def _add(caller: Identity, principal: str, resource: r.Resource, permissions: set[str], grantable: set[str]) -> None:
    kept = state(resource.catalog, caller.region)
    held = kept.grants.setdefault(
        (principal, resource), Grant(principal, resource, set(), set(), caller.account, updated_by=caller.arn)
    )
    held.permissions |= permissions
    held.grantable |= grantable
    held.updated, held.updated_by = time.time(), caller.arn
    if caller.account == resource.catalog:
        held.grantor = caller.account
    sharing.share(caller, _account_of(principal, caller), resource)


def drop(kept: State, resource: r.Resource) -> None:
    """End every grant on a resource that goes away."""
    for holder, granted in list(kept.grants):
        if granted == resource:
            held = kept.grants[holder, granted]
            _remove(kept, holder, granted, set(held.permissions), set(held.grantable))


def _remove(kept: State, principal: str, resource: r.Resource, permissions: set[str], grantable: set[str]) -> None:
    held = kept.grants[principal, resource]
    held.permissions -= permissions
    held.grantable -= grantable
    if held.permissions:
        return
    del kept.grants[principal, resource]
    receiver = principal if ACCOUNT.fullmatch(principal) else principal.split(":")[4] if ":" in principal else ""
    if ACCOUNT.fullmatch(receiver):
        sharing.unshare(kept, receiver, resource)
