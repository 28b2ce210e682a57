"""Entries of Lake Formation's `BatchGrantPermissions` that a product needs: its owner's, its crawler's, central's.

By tag policy rather than by name: tables that come later are covered. Two LFTagPolicy entries are needed, one for the
database and one for its tables.
"""

from typing import Any

from mesh.domain.contracts.contract import CrawlMode
from mesh.domain.contracts.registration import Registration
from mesh.domain.events import GrantEntry
from mesh.domain.governance.ontology import PRODUCT
from mesh.domain.names import published_location_arn

type Rights = list[tuple[dict[str, Any], list[str]]]
"""Resources, with the permissions on each."""


def owner_rights(catalog: str, product: str, bucket: str, crawl: CrawlMode) -> Rights:
    """The owner's permissions on its own tables. Only with `crawl: glue` may it create and alter them."""
    if crawl == "glue":
        return fill_rights(catalog, product, bucket)
    return [
        (_policy(catalog, product, "DATABASE"), ["DESCRIBE"]),
        (_policy(catalog, product, "TABLE"), ["SELECT", "DESCRIBE"]),
    ]


def look_rights(catalog: str, product: str) -> Rights:
    """Permissions to describe a product's tables and columns, without rows."""
    return [
        (_policy(catalog, product, "DATABASE"), ["DESCRIBE"]),
        (_policy(catalog, product, "TABLE"), ["DESCRIBE"]),
    ]


def fill_rights(catalog: str, product: str, bucket: str) -> Rights:
    """Permissions to fill a product's tables with a Glue crawler. Partitions need ALTER."""
    return [
        (_policy(catalog, product, "DATABASE"), ["DESCRIBE", "CREATE_TABLE"]),
        (_policy(catalog, product, "TABLE"), ["SELECT", "DESCRIBE", "ALTER"]),
        (_location(catalog, published_location_arn(bucket, product)), ["DATA_LOCATION_ACCESS"]),
    ]


def producer_grants(registration: Registration) -> list[dict[str, Any]]:
    """The entries of `BatchGrantPermissions`, all with grant option."""
    entries = registered_rights(registration.catalog_id, registration.product, registration.bucket, registration.crawl)
    return [grant_entry(registration.owner, resource, permissions, grantable=True) for resource, permissions in entries]


def registered_rights(catalog: str, product: str, bucket: str, crawl: CrawlMode) -> Rights:
    """All that registration gives the owner: its tables, and that it sees the product's own LF-Tag."""
    tag = {"LFTag": {"CatalogId": catalog, "TagKey": PRODUCT, "TagValues": [product]}}
    return [(tag, ["DESCRIBE"]), *owner_rights(catalog, product, bucket, crawl)]


def commit_grants(registration: Registration, role_arn: str) -> list[dict[str, Any]]:
    """Permissions for a role that creates and updates one product's tables."""
    return central_grants(registration.catalog_id, registration.product, registration.bucket, role_arn)


def registrar_grant(catalog: str, database: str, role_arn: str) -> dict[str, Any]:
    """For the role that keeps a product's database up to date."""
    return grant_entry(role_arn, {"Database": {"CatalogId": catalog, "Name": database}}, ["ALTER", "DESCRIBE"])


def central_grants(catalog: str, product: str, bucket: str, role_arn: str) -> list[dict[str, Any]]:
    """The same, of a product that was registered before. A data lake administrator has no rights on tables except those
    that it is granted (Lake Formation Developer Guide, "Implicit Lake Formation permissions")."""
    location = published_location_arn(bucket, product)
    rights = [
        (_policy(catalog, product, "DATABASE"), ["DESCRIBE", "CREATE_TABLE"]),
        (_policy(catalog, product, "TABLE"), ["DESCRIBE", "ALTER"]),
        (_location(catalog, location), ["DATA_LOCATION_ACCESS"]),
    ]
    return [grant_entry(role_arn, resource, permissions) for resource, permissions in rights]


def location_entry(catalog: str, arn: str) -> GrantEntry:
    """The part of `central_grants` for a former owner's location: a rollback to one of its versions points the table
    there again."""
    return GrantEntry(resource=_location(catalog, arn), permissions=("DATA_LOCATION_ACCESS",))


def products_in(entry: GrantEntry) -> tuple[str, ...]:
    """The products that a grant by LF-Tags names; rights of their owners name one."""
    tags = entry.resource.get("LFTagPolicy", {}).get("Expression", ())
    return tuple(value for tag in tags if tag["TagKey"] == PRODUCT for value in tag["TagValues"])


def _policy(catalog: str, product: str, resource_type: str) -> dict[str, Any]:
    expression = [{"TagKey": PRODUCT, "TagValues": [product]}]
    return {"LFTagPolicy": {"CatalogId": catalog, "ResourceType": resource_type, "Expression": expression}}


def _location(catalog: str, arn: str) -> dict[str, Any]:
    return {"DataLocation": {"CatalogId": catalog, "ResourceArn": arn}}


def grant_entry(
    principal: str, resource: dict[str, Any], permissions: list[str], *, grantable: bool = False
) -> dict[str, Any]:
    """One entry of a batch, without its `Id`."""
    return {
        "Principal": {"DataLakePrincipalIdentifier": principal},
        "Resource": resource,
        "Permissions": permissions,
        "PermissionsWithGrantOption": permissions if grantable else [],
    }
