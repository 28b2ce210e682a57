"""The steps of `register-product` after the contract was accepted. Each is idempotent: a retry repeats it."""

from mesh.domain.contracts.registration import Registration
from mesh.domain.events import Event, Metadata, ProductRegistered, follow
from mesh.domain.governance.product_rights import commit_grants, producer_grants
from mesh.domain.names import published_location_arn
from mesh.ports import Catalog, Clock, LakeFormation, Registry


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
    """
    by_central = [grant for role in (commit_role_arn, pin_role_arn) for grant in commit_grants(registration, role)]
    lake.grant([*producer_grants(registration), *by_central])


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
