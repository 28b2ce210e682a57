"""From a caller and a catalog to what `evaluation` asks about; and denials with Lake Formation's messages."""

from local import shares
from local.lakeformation import evaluation
from local.lakeformation.evaluation import Lake, Principal
from local.lakeformation.identity import Identity
from local.lakeformation.protocol import AwsError, access_denied
from local.lakeformation.resources import Catalog, CellsFilter, Columns, Database, DataLocation, LFTag, Resource, Table
from local.lakeformation.store import State, state


def principal(caller: Identity) -> Principal:
    home = state(caller.account, caller.region)
    return Principal(caller.arn, caller.account, home.is_admin(caller.arn))


def lake(catalog: str, region: str) -> Lake:
    """The catalog of account `catalog`, with its shares as RAM has them."""
    return Lake(state(catalog, region), lambda account, kind: shares.in_effect(catalog, region, account, kind))


def of(caller: Identity, catalog: str) -> tuple[Lake, Principal]:
    return lake(catalog, caller.region), principal(caller)


def own_state(caller: Identity, catalog: str | None) -> State:
    """The caller's own account's state.

    Raises:
        AwsError: `AccessDeniedException` where the call names another account's catalog.
    """
    if catalog not in (None, caller.account):
        raise access_denied(f"Cross account request to catalog {catalog} is not allowed")
    return state(caller.account, caller.region)


def require(caller: Identity, resource: Resource, *anyof: str) -> None:
    """Refuse unless the caller holds one of `anyof` on `resource`.

    Raises:
        AwsError: `AccessDeniedException`, worded as Lake Formation does, naming the first of `anyof`.
    """
    where, who = of(caller, resource.catalog)
    if not evaluation.rights(where, who, resource).permissions & set(anyof):
        raise insufficient(anyof[0], resource)


def require_grant(caller: Identity, permissions: set[str], resource: Resource) -> None:
    """Refuse unless the caller may grant `permissions` on `resource`."""
    where, who = of(caller, resource.catalog)
    if not evaluation.may_grant(where, who, permissions, resource):
        raise access_denied(
            "Resource does not exist or requester is not authorized to access requested permissions. "
            f"{insufficient('Grant', resource).message}"
        )


def insufficient(permission: str, resource: Resource) -> AwsError:
    words = permission.replace("_", " ").title()
    return access_denied(f"Insufficient Lake Formation permission(s): Required {words} on {name_of(resource)}")


def name_of(resource: Resource) -> str:
    match resource:
        case Catalog():
            return "Catalog"
        case Database(name=name) | Table(name=name) | CellsFilter(name=name):
            return name or "ALL_TABLES"
        case Columns(table=name):
            return name
        case DataLocation(arn=arn):
            return arn.replace("arn:aws:s3:::", "s3://")
        case LFTag(key=key):
            return key
    return "resource"
