"""What a producer's account needs before it can publish: the resource link, grants of its roles, a Glue crawler."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mesh.domain import names
from mesh.domain.contracts.claims import CRAWLER_MARK
from mesh.domain.events import Envelope, Event, ProductRegistered
from mesh.domain.governance.product_rights import fill_rights, grant_entry, look_rights
from mesh.domain.model import Model
from mesh.domain.packing import pack_object
from mesh.ports import Catalog, Crawlers, LakeFormation, ResourceLinks, Revisions, Shares, Trace, Uploads
from mesh.usecases.central_shares import require_shared

CRAWLER_CONFIGURATION = (
    '{"Version":1.0,'
    '"CrawlerOutput":{"Tables":{"AddOrUpdateBehavior":"MergeNewColumns"},'
    '"Partitions":{"AddOrUpdateBehavior":"InheritFromTable"}},'
    '"Grouping":{"TableGroupingPolicy":"CombineCompatibleSchemas","TableLevelConfiguration":%d}}'
)
TABLE_LEVEL = 5
"""bucket (1) / product (2) / published (3) / hive (4) / table (5): where Glue finds the tables."""


class Prepared(Model):
    """The link, how many grants the roles hold, and the crawler; none where Meshwork itself writes the tables."""

    link: str
    grants: int
    crawler: str = ""


@dataclass(frozen=True)
class CatalogRoles:
    """Roles of the account, by ARN: `lookers` may see tables and columns; `crawler` creates and alters tables,
    only of products with `crawl: glue`."""

    lookers: Sequence[str]
    crawler: str


def prepare_product(
    envelope: Envelope,
    *,
    account: str,
    central: str,
    roles: CatalogRoles,
    catalog: Catalog,
    lake: LakeFormation,
    shares: Shares,
    links: ResourceLinks,
    crawlers: Crawlers,
    uploads: Uploads,
    revisions: Revisions,
    trace: Trace,
) -> Prepared:
    """Accept central's share, make the link, grant each role, make the crawler of a product that has one, then record
    the product as registered, by that revision of its contract: in that order, so that no run starts without its
    rights. Idempotent. Events come in any order, and a failed run is started again after others: what a newer revision
    recorded stays.

    Raises NotYetShared (retried); ShareRefused where the account let central's share go; LinkTaken,
    NameTaken where the link or the crawler has the name of something of the account's own: that is left as it is. The
    refusal is in the trace.
    """
    event = Event[ProductRegistered].model_validate(envelope.detail)
    product = event.data
    link, crawler = names.resource_link(product.database), names.crawler(product.crawler_prefix, account)
    require_shared(
        product.catalog_id,
        [product.database],
        shares=shares,
        links=links,
        remedy="upload the contract again: central then shares anew",
    )
    catalog.create_resource_link(link, catalog=product.catalog_id, database=product.database, region=product.region)
    grants = role_grants(roles, product, account)
    lake.grant(grants)
    crawled = product.crawl == "glue"
    if crawled:
        definition = crawler_definition(product.product, product.bucket, link, central, roles.crawler)
        crawlers.put_crawler(crawler, product.product, definition)
    uploads.put_product(
        product.product,
        {
            "database": product.database,
            "link": link,
            "catalog_id": product.catalog_id,
            "crawler": crawler,
            "crawl": product.crawl,
            "contract": None if product.draft else pack_object(product.contract),
            "dropped": list(product.dropped),
        },
        sequencer=product.sequencer,
    )
    revisions.settle(product.product, event.metadata.causation_id or "")
    trace.note(event.metadata.correlation_id, "resource link ready", product=product.product, link=link)
    return Prepared(link=link, grants=len(grants), crawler=crawler if crawled else "")


def role_grants(roles: CatalogRoles, product: ProductRegistered, account: str) -> list[dict[str, Any]]:
    """DESCRIBE on the link; on the target, by tag policy, no more than the producer account was granted."""
    link: tuple[dict[str, Any], list[str]] = (
        {"Database": {"CatalogId": account, "Name": names.resource_link(product.database)}},
        ["DESCRIBE"],
    )
    look = [link, *look_rights(product.catalog_id, product.product)]
    fill = [link, *fill_rights(product.catalog_id, product.product, product.bucket)]
    fillers = (roles.crawler,) if product.crawl == "glue" else ()
    return [
        grant_entry(role, resource, permissions)
        for group, rights in ((roles.lookers, look), (fillers, fill))
        for role in group
        for resource, permissions in rights
    ]


def crawler_definition(product: str, bucket: str, link: str, central: str, role_arn: str) -> dict[str, Any]:
    """The product's crawler, which writes through the link with Lake Formation's credentials.

    It needs no custom classifiers: it finds Parquet, or a format that it has a built-in classifier for.
    """
    return {
        "Role": role_arn,
        "DatabaseName": link,
        "Description": CRAWLER_MARK + product,
        "Targets": {"S3Targets": [{"Path": names.crawled_location(bucket, product)}]},
        "Classifiers": [],
        "SchemaChangePolicy": {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "LOG"},
        "RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVERYTHING"},
        "LakeFormationConfiguration": {"UseLakeFormationCredentials": True, "AccountId": central},
        "Configuration": CRAWLER_CONFIGURATION % TABLE_LEVEL,
    }
