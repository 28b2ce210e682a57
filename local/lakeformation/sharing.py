"""The RAM shares behind grants to other accounts: two for each pair of accounts, for databases and for tables."""

from typing import Final

from local import shares
from local.lakeformation import resources as r
from local.lakeformation.identity import Identity
from local.lakeformation.store import State, state

_BY_WILDCARD: Final = 5


def require_sharing(caller: Identity, receiver: str, resource: r.Resource) -> None:
    """A grant to another account shares by RAM, with the caller's own rights to do that.

    https://docs.aws.amazon.com/lake-formation/latest/dg/cross-account-prereqs.html (cross-account version 3 and above;
    the managed policy AWSLakeFormationCrossAccountManager has these with the same conditions). To attach the permission
    that the share is to have takes a right on both, permission and share:
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsresourceaccessmanagerram.html
    """
    if caller.account != resource.catalog or receiver == resource.catalog:
        return
    kind, arn = r.share_kind(resource), shared_arn(resource, caller.region)
    share = shares.share_of(resource.catalog, caller.region, receiver, kind)
    if share is None:
        keys = {"ram:RequestedResourceType": f"glue:{kind}"}
        caller.require("ram:CreateResourceShare", "*", service="ram", keys=keys)
    elif arn not in share.resources:
        keys = {"ram:ResourceShareName": share.name}
        caller.require("ram:AssociateResourceShare", share.arn, service="ram", keys=keys)
    if share is None or arn not in share.resources:
        permission = f"arn:aws:ram::aws:permission/AWSRAMLFEnabledGlue{kind}ReadWrite"
        to = share.arn if share else f"arn:aws:ram:{caller.region}:{caller.account}:resource-share/new"
        keys = {"ram:PermissionArn": permission}
        caller.require("ram:AssociateResourceSharePermission", permission, to, service="ram", keys=keys)


def share(caller: Identity, receiver: str, resource: r.Resource) -> None:
    """Share what the caller's account has granted to another."""
    if receiver != resource.catalog and caller.account == resource.catalog:
        where = shared_arn(resource, caller.region)
        shares.share(resource.catalog, caller.region, receiver, r.share_kind(resource), where)


def unshare(kept: State, receiver: str, resource: r.Resource) -> None:
    """Take back the share of a grant that has ended, unless another grant needs it: by name, or by wildcard."""
    if receiver == kept.account:
        return
    kind = r.share_kind(resource)
    for arn in {resource_arn(resource, kept.region), _wildcard(resource, kept.region)}:
        if not _still_shares(kept, receiver, kind, arn):
            shares.unshare(kept.account, kept.region, receiver, kind, arn)


def _still_shares(kept: State, receiver: str, kind: str, arn: str) -> bool:
    return any(
        grant.grantor == kept.account
        and receiver in (grant.principal, *grant.principal.split(":")[4:5])
        and r.share_kind(grant.resource) == kind
        and arn in (resource_arn(grant.resource, kept.region), _wildcard(grant.resource, kept.region))
        for grant in kept.grants.values()
    )


def shared_arn(resource: r.Resource, region: str) -> str:
    """What a grant adds to its share: from cross-account version 5 on a wildcard, once, for all that is of its kind.

    https://docs.aws.amazon.com/lake-formation/latest/dg/optimize-ram.html
    """
    settings = state(resource.catalog, region).settings
    version = int(settings["Parameters"].get("CROSS_ACCOUNT_VERSION", "1"))
    return _wildcard(resource, region) if version >= _BY_WILDCARD else resource_arn(resource, region)


def _wildcard(resource: r.Resource, region: str) -> str:
    root = f"arn:aws:glue:{region}:{resource.catalog}"
    match resource:
        case r.Database():
            return f"{root}:database/*"
        case r.Table() | r.Columns() | r.CellsFilter():
            return f"{root}:table/*"
    return f"{root}:catalog"


def resource_arn(resource: r.Resource, region: str) -> str:
    """What RAM shares: the database or table itself, and for tags the catalog."""
    root = f"arn:aws:glue:{region}:{resource.catalog}"
    match resource:
        case r.Database(name=name):
            return f"{root}:database/{name}"
        case (
            r.Table(database=database, name=name)
            | r.Columns(database=database, table=name)
            | r.CellsFilter(database=database, table=name)
        ):
            return f"{root}:table/{database}/{name or '*'}"
    return f"{root}:catalog"
