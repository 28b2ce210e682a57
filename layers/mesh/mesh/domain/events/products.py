"""Members, subscriptions, and what becomes of products as a whole."""

from typing import Any, Literal

from pydantic import Field

from mesh.domain.events.model import AccountId, BucketName, EventData, ProductName


class MemberJoined(EventData):
    """A spoke stack asks to be a member. Who it is comes from the envelope."""

    role: Literal["producer", "consumer", "both"]
    domain: str = Field(min_length=1, max_length=50)
    contact: str = Field(min_length=3, max_length=320)


class SubscriptionRequested(EventData):
    """The sending account wants notices of a product."""

    product: ProductName


class SubscriptionEnded(EventData):
    """The sending account wants no more notices of a product."""

    product: ProductName


class ProductDeclared(EventData):
    """A contract arrived or changed. `contract` is its text: central reads no S3 across accounts, trusts no parse."""

    product: ProductName
    bucket: BucketName
    key: str = Field(max_length=1024)
    version_id: str | None = None
    sequencer: str = ""
    contract: str


class ProductRegistered(EventData):
    """Database, tags, location and grants are in place in central: link and crawl."""

    product: ProductName
    database: str
    catalog_id: AccountId
    region: str
    bucket: BucketName
    location: str
    crawl: Literal["auto", "express", "glue"] = "auto"
    crawler_prefix: str
    draft: bool = False
    contract: dict[str, Any]
    """The validated contract (`Contract.model_dump`): its columns decide types and headers in the crawl."""
    dropped: tuple[str, ...] = ()
    """Tables that earlier revisions described, and this one does not: the next batch takes their rows out."""


class RetirementRequested(EventData):
    """The owner ends a product: nobody is granted it, or told of it, any more."""

    product: ProductName
    reason: str = Field(min_length=1, max_length=1000)


class ProductRetired(EventData):
    """A product has ended."""

    product: ProductName
    reason: str
