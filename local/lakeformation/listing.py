"""What is granted: ListPermissions, effective permissions of a path, opt-ins."""

import time
from collections.abc import Iterable

from local import catalog_records as glue
from local.lakeformation import context
from local.lakeformation import resources as r
from local.lakeformation.identity import Identity
from local.lakeformation.protocol import Json, invalid_input, not_found, page
from local.lakeformation.store import Grant, State, state

KINDS: dict[str, tuple[type, ...]] = {
    "CATALOG": (r.Catalog,),
    "DATABASE": (r.Database,),
    "TABLE": (r.Table, r.Columns),
    "DATA_LOCATION": (r.DataLocation,),
    "LF_TAG": (r.LFTag,),
    "LF_TAG_POLICY": (r.TagPolicy,),
    "LF_TAG_POLICY_DATABASE": (r.TagPolicy,),
    "LF_TAG_POLICY_TABLE": (r.TagPolicy,),
    "LF_NAMED_TAG_EXPRESSION": (r.SavedExpression,),
}


def list_permissions(caller: Identity, params: Json) -> Json:
    """The grants that the caller may see: administrators all of their account's, others their own."""
    kept = state(params.get("CatalogId") or caller.account, caller.region)
    found = _visible(caller, kept)
    if principal := params.get("Principal"):
        identifier = principal["DataLakePrincipalIdentifier"]
        found = [grant for grant in found if grant.principal == identifier]
    if resource := params.get("Resource"):
        wanted = r.parse_resource(resource, kept.account)
        found = [grant for grant in found if any(_about(grant.resource, each) for each in wanted)]
    if kind := params.get("ResourceType"):
        found = [grant for grant in found if _is_kind(grant.resource, kind)]
    items, rest = page(_render(found), params)
    return {"PrincipalResourcePermissions": items} | rest


def get_effective_permissions_for_path(caller: Identity, params: Json) -> Json:
    """Grants on the location, and on databases and tables whose data lies at or below the path."""
    kept = context.own_state(caller, params.get("CatalogId"))
    arn = params["ResourceArn"].rstrip("/")
    if kept.registered_above(arn) is None:
        raise not_found("Entity not found")
    found = [grant for grant in _visible(caller, kept) if _is_at(kept, grant.resource, arn)]
    items, rest = page(_render(found), params)
    return {"Permissions": items} | rest


def create_opt_in(caller: Identity, params: Json) -> Json:
    kept = context.own_state(caller, None)
    _resource(caller, params)
    entry = {"Principal": params["Principal"], "Resource": params["Resource"]}
    if any(_same(entry, existing) for existing in kept.opt_ins):
        raise invalid_input("Opt-in already exists")
    kept.opt_ins.append(entry | {"LastModified": time.time(), "LastUpdatedBy": caller.arn})
    return {}


def delete_opt_in(caller: Identity, params: Json) -> Json:
    kept = context.own_state(caller, None)
    _resource(caller, params)
    left = [existing for existing in kept.opt_ins if not _same(params, existing)]
    if len(left) == len(kept.opt_ins):
        raise not_found("Opt-in does not exist")
    kept.opt_ins = left
    return {}


def list_opt_ins(caller: Identity, params: Json) -> Json:
    found = [
        entry
        for entry in context.own_state(caller, None).opt_ins
        if params.get("Principal") in (None, entry["Principal"]) and params.get("Resource") in (None, entry["Resource"])
    ]
    items, rest = page(found, params)
    return {"LakeFormationOptInsInfoList": items} | rest


def _resource(caller: Identity, params: Json) -> None:
    for resource in r.parse_resource(params["Resource"], caller.account):
        context.require_grant(caller, set(), resource)


def _same(wanted: Json, entry: Json) -> bool:
    return all(wanted[member] == entry[member] for member in ("Principal", "Resource"))


def _visible(caller: Identity, kept: State) -> list[Grant]:
    grants = [kept.grants[key] for key in sorted(kept.grants, key=lambda key: (key[0], repr(key[1])))]
    home = state(caller.account, caller.region)
    admin = home.is_admin(caller.arn) or home.is_read_only_admin(caller.arn)
    if admin and kept.account == caller.account:
        return grants
    if admin:
        # Of another account's catalog an administrator sees what reached its own account.
        return [g for g in grants if g.principal == caller.account or f":{caller.account}:" in g.principal]
    return [grant for grant in grants if grant.principal == caller.arn]


def _about(granted: r.Resource, wanted: r.Resource) -> bool:
    """Whether a grant on `granted` is listed for `wanted`: a table's grants include those on its columns."""
    match wanted:
        case r.Table(database=database, name=name):
            table = getattr(granted, "table", getattr(granted, "name", ""))
            in_database = getattr(granted, "database", None) == database
            return isinstance(granted, r.Table | r.Columns) and in_database and table in (name, "")
        case r.Columns(database=database, table=table):
            same = isinstance(granted, r.Columns) and (granted.database, granted.table) == (database, table)
            return same and (not wanted.column or granted == wanted)
        case r.DataLocation(arn=arn):
            return isinstance(granted, r.DataLocation) and arn in (granted.arn, granted.arn + "/")
    return granted == wanted


def _is_kind(resource: r.Resource, kind: str) -> bool:
    of_policy = getattr(resource, "kind", "")
    return isinstance(resource, KINDS[kind]) and (not kind.startswith("LF_TAG_POLICY_") or kind.endswith(of_policy))


def _is_at(kept: State, resource: r.Resource, arn: str) -> bool:
    match resource:
        case r.DataLocation(arn=granted):
            return arn == granted or arn.startswith(granted + "/")
        case r.Database(name=name):
            record = glue.database(kept.account, kept.region, name)
            return _below((record or {}).get("LocationUri"), arn)
        case (
            r.Table(database=database, name=name)
            | r.Columns(database=database, table=name)
            | r.CellsFilter(database=database, table=name)
        ):
            table = glue.table(kept.account, kept.region, database, name)
            return _below(((table or {}).get("StorageDescriptor") or {}).get("Location"), arn)
    return False


def _below(location: str | None, arn: str) -> bool:
    path = (location or "").replace("s3://", "arn:aws:s3:::").rstrip("/")
    return path == arn or path.startswith(arn + "/")


def _render(grants: Iterable[Grant]) -> list[Json]:
    """One entry for each grant; single columns and tag values with the same permissions are listed together."""
    merged: dict[tuple[object, ...], tuple[Grant, Json]] = {}
    for grant in grants:
        rendered, resource = grant.resource.render(), grant.resource
        same: tuple[object, ...] = (grant.principal, resource)
        permissions = (frozenset(grant.permissions), frozenset(grant.grantable))
        if isinstance(resource, r.Columns) and resource.column:
            same = (grant.principal, resource.catalog, resource.database, resource.table, permissions)
        elif isinstance(resource, r.LFTag):
            same = (grant.principal, resource.catalog, resource.key, permissions)
        if same not in merged:
            merged[same] = (grant, rendered)
        elif isinstance(resource, r.LFTag):
            merged[same][1]["LFTag"]["TagValues"].append(resource.value)
        else:
            merged[same][1]["TableWithColumns"]["ColumnNames"] += [getattr(resource, "column", "")]
    return [_entry(grant, rendered) for grant, rendered in merged.values()]


def _entry(grant: Grant, resource: Json) -> Json:
    return {
        "Principal": {"DataLakePrincipalIdentifier": grant.principal},
        "Resource": resource,
        "Permissions": sorted(grant.permissions),
        "PermissionsWithGrantOption": sorted(grant.grantable),
        "LastUpdated": grant.updated,
        "LastUpdatedBy": grant.updated_by or grant.grantor,
    }
