"""The steps of `register-product` after the contract was accepted. Each is idempotent: a retry or a redrive repeats it.

`Registration` is what the steps hand on: small, and complete, so that no step reads S3 or asks the producer again.
"""

from typing import Any

from mesh.domain.contract import CrawlMode
from mesh.domain.events import AccountId, Event, Metadata, Model, ProductRegistered, follow
from mesh.domain.names import published_location_arn
from mesh.domain.ontology import PRODUCT
from mesh.ports import Catalog, Clock, LakeFormation, Registry


class Registration(Model):
    """A product on its way into central's catalog."""

    product: str
    owner: AccountId
    database: str
    catalog_id: AccountId
    region: str
    bucket: str
    location: str
    domain: str
    description: str
    tags: dict[str, str]
    crawl: CrawlMode
    crawler_prefix: str
    draft: bool
    contract: dict[str, Any]
    dropped: tuple[str, ...] = ()
    event_id: str
    correlation_id: str


def create_database(registration: Registration, *, catalog: Catalog, lake: LakeFormation) -> None:
    """The central database, with nothing for IAMAllowedPrincipals: it is to be shared by tags only."""
    catalog.create_database(
        registration.database,
        location=registration.location,
        description=registration.description,
        parameters={"meshwork:product": registration.product, "meshwork:owner": registration.owner},
    )
    lake.revoke_iam_allowed_principals(registration.database)


def register_location(registration: Registration, *, lake: LakeFormation, role_arn: str) -> None:
    """Register what is published of the product: Lake Formation reads it as the location role, which the bucket lets
    in."""
    bucket, product = registration.bucket, registration.product
    lake.register_location(published_location_arn(bucket, product), role_arn)


def grant_producer(registration: Registration, *, lake: LakeFormation, commit_role_arn: str, pin_role_arn: str) -> None:
    """The producer account may read its own product, and pass that on; where its Glue crawler fills the tables, make
    and change them as well. Central's committing role may make and swing tables on what is published, and reads no
    rows. So may the role that makes pinned tables: IAM lets it do that under their names alone.

    By tag policy rather than by name: tables that come later are covered. Two LFTagPolicy grants are needed, one for
    the database and one for its tables.
    """
    by_central = [grant for role in (commit_role_arn, pin_role_arn) for grant in commit_grants(registration, role)]
    lake.grant([*producer_grants(registration), *by_central])


def producer_grants(registration: Registration) -> list[dict[str, Any]]:
    """The entries of `BatchGrantPermissions`, all with grant option."""
    catalog, product = registration.catalog_id, registration.product
    tag = {"LFTag": {"CatalogId": catalog, "TagKey": PRODUCT, "TagValues": [product]}}
    entries = [(tag, ["DESCRIBE"]), *owner_rights(catalog, product, registration.bucket, registration.crawl)]
    return [grant_entry(registration.owner, resource, permissions, grantable=True) for resource, permissions in entries]


type Rights = list[tuple[dict[str, Any], list[str]]]
"""Resources, with the permissions on each."""


def owner_rights(catalog: str, product: str, bucket: str, crawl: CrawlMode) -> Rights:
    """What a product's owner has on its own tables. Only the owner of `crawl: glue` makes and changes any."""
    if crawl == "glue":
        return fill_rights(catalog, product, bucket)
    return [
        (_policy(catalog, product, "DATABASE"), ["DESCRIBE"]),
        (_policy(catalog, product, "TABLE"), ["SELECT", "DESCRIBE"]),
    ]


def look_rights(catalog: str, product: str) -> Rights:
    """What it takes to see which tables and columns a product has, and no row."""
    return [
        (_policy(catalog, product, "DATABASE"), ["DESCRIBE"]),
        (_policy(catalog, product, "TABLE"), ["DESCRIBE"]),
    ]


def fill_rights(catalog: str, product: str, bucket: str) -> Rights:
    """What it takes to fill a product's tables with a Glue crawler, on what is published. Partitions take ALTER."""
    return [
        (_policy(catalog, product, "DATABASE"), ["DESCRIBE", "CREATE_TABLE"]),
        (_policy(catalog, product, "TABLE"), ["SELECT", "DESCRIBE", "ALTER"]),
        (_location(catalog, published_location_arn(bucket, product)), ["DATA_LOCATION_ACCESS"]),
    ]


def commit_grants(registration: Registration, role_arn: str) -> list[dict[str, Any]]:
    """What a role that makes and swings tables needs of one product. A data lake administrator has no rights on tables
    but those that it is granted (Lake Formation Developer Guide, "Implicit Lake Formation permissions")."""
    catalog, product = registration.catalog_id, registration.product
    location = published_location_arn(registration.bucket, product)
    rights = [
        (_policy(catalog, product, "DATABASE"), ["DESCRIBE", "CREATE_TABLE"]),
        (_policy(catalog, product, "TABLE"), ["DESCRIBE", "ALTER"]),
        (_location(catalog, location), ["DATA_LOCATION_ACCESS"]),
    ]
    return [grant_entry(role_arn, resource, permissions) for resource, permissions in rights]


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


def record_registration(registration: Registration, *, registry: Registry, clock: Clock) -> Event[ProductRegistered]:
    """Mark the product registered and give the event that tells its owner."""
    registry.mark_registered(registration.product, clock.now())
    cause = Metadata(id=registration.event_id, correlation_id=registration.correlation_id)
    return Event[ProductRegistered](
        metadata=follow(cause, "registered"),
        data=ProductRegistered(
            product=registration.product,
            database=registration.database,
            catalog_id=registration.catalog_id,
            region=registration.region,
            bucket=registration.bucket,
            location=registration.location,
            crawl=registration.crawl,
            crawler_prefix=registration.crawler_prefix,
            draft=registration.draft,
            contract=registration.contract,
            dropped=registration.dropped,
        ),
    )
