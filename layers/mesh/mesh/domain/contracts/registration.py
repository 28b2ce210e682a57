"""What the steps of `register-product` hand on: complete, so that no step reads S3 or asks the producer again."""

from typing import Any

from mesh.domain.contracts.contract import CrawlMode
from mesh.domain.events import AccountId
from mesh.domain.model import Model


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
