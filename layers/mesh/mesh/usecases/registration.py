"""The steps of `register-product` after the contract was accepted. Each is idempotent: a retry or a redrive repeats it.

`Registration` is what the steps hand on: small, and complete, so that no step reads S3 or asks the producer again.
"""

from typing import Any, Literal

from mesh.domain.events import AccountId, Event, Metadata, Model, ProductRegistered, follow
from mesh.domain.names import data_location_arn, published_location_arn
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
    location_arn: str
    domain: str
    description: str
    tags: dict[str, str]
    crawl: Literal["auto", "express", "glue"]
    crawler_prefix: str
    draft: bool
    contract: dict[str, Any]
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
    """Register the product's data, and what is published of it: Lake Formation reads them as the location role, which
    the bucket lets in. Of what is published the producer gets no data location: central alone
    makes tables there."""
    bucket, product = registration.bucket, registration.product
    lake.register_location(registration.location_arn, role_arn)
    lake.register_location(published_location_arn(bucket, product), role_arn)


def grant_producer(registration: Registration, *, lake: LakeFormation, commit_role_arn: str, pin_role_arn: str) -> None:
    """The producer account may fill its own product, and pass that on to its crawl roles; central's committing role
    may make and swing tables on what is published, and reads no rows. So may the role that makes pinned tables: IAM
    lets it do that under their names alone.

    By tag policy rather than by name: tables that come later are covered. Two LFTagPolicy grants are needed, one for
    the database and one for its tables.
    """
    by_central = [grant for role in (commit_role_arn, pin_role_arn) for grant in commit_grants(registration, role)]
    lake.grant([*producer_grants(registration), *by_central])


def producer_grants(registration: Registration) -> list[dict[str, Any]]:
    """The entries of `BatchGrantPermissions`, all with grant option."""
    catalog, product = registration.catalog_id, registration.product
    tag = {"LFTag": {"CatalogId": catalog, "TagKey": PRODUCT, "TagValues": [product]}}
    entries = [(tag, ["DESCRIBE", "ASSOCIATE"]), *fill_rights(catalog, product, registration.bucket)]
    return [grant_entry(registration.owner, resource, permissions, grantable=True) for resource, permissions in entries]


def fill_rights(catalog: str, product: str, bucket: str) -> list[tuple[dict[str, Any], list[str]]]:
    """What it takes to fill a product's tables: resources, with the permissions on each."""

    return [
        (_policy(catalog, product, "DATABASE"), ["DESCRIBE", "CREATE_TABLE"]),
        (_policy(catalog, product, "TABLE"), ["SELECT", "DESCRIBE", "ALTER", "INSERT"]),
        (_location(catalog, data_location_arn(bucket, product)), ["DATA_LOCATION_ACCESS"]),
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
        ),
    )
