"""The RAM shares behind grants to other accounts: two for each pair of accounts, for databases and for tables."""

from local import shares
from local.lakeformation import resources as r
from local.lakeformation.identity import Identity
from local.lakeformation.store import State


def require_sharing(caller: Identity, receiver: str, resource: r.Resource) -> None:
    """A grant to another account shares by RAM, with the caller's own rights to do that.

    https://docs.aws.amazon.com/lake-formation/latest/dg/cross-account-prereqs.html (cross-account version 3 and above;
    the managed policy AWSLakeFormationCrossAccountManager has these with the same conditions). To attach the permission
    that the share is to have takes a right on both, permission and share:
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsresourceaccessmanagerram.html
    """
    if caller.account != resource.catalog or receiver == resource.catalog:
        return
    kind, arn = share_kind(resource), resource_arn(resource, caller.region)
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
        where = resource_arn(resource, caller.region)
        shares.share(resource.catalog, caller.region, receiver, share_kind(resource), where)


def unshare(kept: State, receiver: str, resource: r.Resource) -> None:
    """Take back the share of a grant that has ended, unless another grant needs it."""
    if receiver != kept.account and not _still_shares(kept, receiver, resource):
        shares.unshare(kept.account, kept.region, receiver, share_kind(resource), resource_arn(resource, kept.region))


def _still_shares(kept: State, receiver: str, resource: r.Resource) -> bool:
    arn, kind = resource_arn(resource, kept.region), share_kind(resource)
    return any(
        grant.grantor == kept.account
        and receiver in (grant.principal, *grant.principal.split(":")[4:5])
        and (share_kind(grant.resource), resource_arn(grant.resource, kept.region)) == (kind, arn)
        for grant in kept.grants.values()
    )


def share_kind(resource: r.Resource) -> str:
    """Which of the two shares that Lake Formation keeps for each pair of accounts the resource is in."""
    is_table = isinstance(resource, r.Table | r.Columns | r.CellsFilter) or (
        isinstance(resource, r.TagPolicy) and resource.kind == "TABLE"
    )
    return "Table" if is_table else "Database"


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
