"""What a producer's account needs before it can crawl: the resource link, the crawl roles' grants, the crawler."""

from collections.abc import Sequence
from typing import Any

from mesh.domain import names
from mesh.domain.contract import Contract, ContractTable
from mesh.domain.events import Envelope, Event, Model, ProductRegistered
from mesh.ports import Catalog, Crawlers, LakeFormation, Trace, Uploads
from mesh.usecases.registration import fill_rights, grant_entry

CRAWLER_CONFIGURATION = (
    '{"Version":1.0,'
    '"CrawlerOutput":{"Tables":{"AddOrUpdateBehavior":"MergeNewColumns"},'
    '"Partitions":{"AddOrUpdateBehavior":"InheritFromTable"}},'
    '"Grouping":{"TableGroupingPolicy":"CombineCompatibleSchemas","TableLevelConfiguration":%d}}'
)
TABLE_LEVEL = 4
"""bucket (1) / product (2) / data (3) / table (4): where Glue finds the tables."""


class Linked(Model):
    """The link, and how many grants its crawl roles hold."""

    link: str
    grants: int


class CrawlerReady(Model):
    """The product's crawler."""

    crawler: str


def link_database(
    envelope: Envelope,
    *,
    account: str,
    crawl_roles: Sequence[str],
    catalog: Catalog,
    lake: LakeFormation,
    uploads: Uploads,
    trace: Trace,
) -> Linked:
    """Make the link, grant each crawl role, then record the product as registered: in that order, so that no run
    begins to crawl what it may not."""
    event = Event[ProductRegistered].model_validate(envelope.detail)
    product = event.data
    link = names.resource_link(product.database)
    catalog.create_resource_link(link, catalog=product.catalog_id, database=product.database, region=product.region)
    grants = [entry for role in crawl_roles for entry in crawl_grants(role, product, account)]
    lake.grant(grants)
    uploads.put_product(
        product.product,
        {
            "database": product.database,
            "link": link,
            "catalog_id": product.catalog_id,
            "crawler": names.crawler(product.crawler_prefix, account),
            "crawl": product.crawl,
            "contract": None if product.draft else product.contract,
        },
    )
    trace.note(event.metadata.correlation_id, "resource link ready", product=product.product, link=link)
    return Linked(link=link, grants=len(grants))


def crawl_grants(role: str, product: ProductRegistered, account: str) -> list[dict[str, Any]]:
    """DESCRIBE on the link; on the target, what the producer account was given, by tag policy; the locations."""
    link = {"Database": {"CatalogId": account, "Name": names.resource_link(product.database)}}
    rights = [(link, ["DESCRIBE"]), *fill_rights(product.catalog_id, product.product, product.bucket)]
    return [grant_entry(role, resource, permissions) for resource, permissions in rights]


def ensure_crawler(
    envelope: Envelope, *, account: str, central: str, role_arn: str, crawlers: Crawlers
) -> CrawlerReady:
    """The product's crawler, which writes through the link with Lake Formation's credentials.

    With a contract that names columns, each CSV table gets a classifier: a crawler that guesses takes all-string files
    for files without a header.
    """
    product = Event[ProductRegistered].model_validate(envelope.detail).data
    name = names.crawler(product.crawler_prefix, account)
    contract = Contract.model_validate(product.contract)
    classifiers = []
    for table in () if product.draft else contract.tables:
        header = [column.catalog_name for column in table.columns if not column.partitioned]
        if len(header) > 1:
            classifier = f"{name}-{table.catalog_name}"
            crawlers.put_classifier(classifier, delimiter=_delimiter(contract, table), header=header, quote='"')
            classifiers.append(classifier)
    crawlers.put_crawler(
        name,
        {
            "Role": role_arn,
            "DatabaseName": names.resource_link(product.database),
            "Description": f"Meshwork: crawls {product.product} where express declines",
            "Targets": {"S3Targets": [{"Path": product.location}]},
            "Classifiers": classifiers,
            "SchemaChangePolicy": {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "LOG"},
            "RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVERYTHING"},
            "LakeFormationConfiguration": {"UseLakeFormationCredentials": True, "AccountId": central},
            "Configuration": CRAWLER_CONFIGURATION % TABLE_LEVEL,
        },
    )
    return CrawlerReady(crawler=name)


def _delimiter(contract: Contract, table: ContractTable) -> str:
    """The table's own, else the servers', else a comma."""
    own = table.custom.get("delimiter")
    return str(own) if own else next((server.delimiter for server in contract.servers if server.delimiter), ",")
