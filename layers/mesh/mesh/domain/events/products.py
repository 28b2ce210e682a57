"""Members, subscriptions, and the life cycle of products."""

from typing import Annotated, Literal

from pydantic import Field

from mesh.domain.events.model import AccessId, AccountId, BucketName, EventData, Moment, ProductName, Reason
from mesh.domain.model import Model
from mesh.domain.packing import PackedObject, PackedText


class MemberJoined(EventData):
    """A spoke stack requests membership. Its account is the envelope's."""

    role: Literal["producer", "consumer", "both"]
    domains: tuple[Annotated[str, Field(min_length=1, max_length=50)], ...] = Field(min_length=1, max_length=20)
    contact: str = Field(min_length=3, max_length=320)


class MembershipEnded(EventData):
    """An account is no member any more, and why: its accesses and pins end, and its events are refused. Central sends
    it to that account, and to itself."""

    member: AccountId
    reason: str = Field(min_length=1, max_length=1000)


class EventRefused(EventData):
    """Central refused an event of the receiving account, and why: one that no other event answers. The refused event is
    the cause of this one (`causation_id`)."""

    event: str
    reason: Reason


class SubscriptionRequested(EventData):
    """The sending account subscribes to a product's notices."""

    product: ProductName


class SubscriptionEnded(EventData):
    """The sending account unsubscribes from a product's notices."""

    product: ProductName


class ProductDeclared(EventData):
    """A contract arrived or changed. `contract` is its text: central does not read the producer's S3, or rely on its
    parsing."""

    product: ProductName
    bucket: BucketName
    key: str = Field(max_length=1024)
    version_id: str | None = Field(default=None, max_length=1024)
    sequencer: str = Field(default="", max_length=64)
    contract: PackedText


class ProductRegistered(EventData):
    """Database, tags, location and grants are in place in central: the producer can link and publish."""

    product: ProductName
    database: str
    catalog_id: AccountId
    region: str
    bucket: BucketName
    location: str
    crawl: Literal["auto", "express", "glue"] = "auto"
    crawler_prefix: str
    draft: bool = False
    contract: PackedObject
    """The validated contract (`Contract.model_dump`): its columns determine types and headers."""
    sequencer: str = ""
    """Of the contract's revision: a registration may come again after that of a newer one. Empty for a draft."""
    dropped: tuple[str, ...] = ()
    """Tables of earlier revisions that this one does not describe: the next batch removes their rows."""


class AnnouncedChange(Model):
    """What a revision changes for readers; `column` is empty where it is the table's, `table` where it is all of it.
    `before`: the name that a renamed column had."""

    table: str = ""
    column: str = ""
    before: str = ""
    text: str = Field(max_length=1000)


class AffectedAccess(Model):
    """An access of the receiving account that exposes changed columns, and which (`table.column`, the first of
    `columns_count`)."""

    access: AccessId
    reader: str = ""
    columns: tuple[str, ...]
    columns_count: int = Field(ge=1)


class ContractChangeAnnounced(EventData):
    """A revision of a product's contract breaks readers of the `registered` version: what changes, and from when on
    data may come that follows it. `version` is the newest version of the data, 0 for none. `changes` and `accesses` are
    the first of as many as their counts say. `withdrawn`: it was announced, and does not come.
    """

    product: ProductName
    domain: str
    owner_account: AccountId
    registered: str
    contract_version: str
    changes: tuple[AnnouncedChange, ...] = ()
    changes_count: int = Field(default=0, ge=0)
    in_force: Moment
    version: int = Field(default=0, ge=0)
    accesses: tuple[AffectedAccess, ...] = ()
    accesses_count: int = Field(default=0, ge=0)
    withdrawn: bool = False


class TagsLoosened(EventData):
    """A revision of a contract makes LF-Tags laxer. `columns` (`table.column key: before → after`) and `released`
    findings are the first of as many as `count` says, and of those of the contract."""

    product: ProductName
    owner_account: AccountId
    contract_version: str
    columns: tuple[str, ...]
    count: int = Field(ge=1)
    released: tuple[dict[str, str], ...] = ()


class HandoverOffered(EventData):
    """The receiving account may take the product over: by its own contract for it, of its own bucket."""

    product: ProductName
    owner_account: AccountId
    domain: str
    contract_version: str


class ProductHandedOver(EventData):
    """The product is another account's now; versions and accesses stay. `owner_account` had it until now, and its
    contract with that `sequencer` was the last one of its own that counted."""

    product: ProductName
    domain: str
    owner_account: AccountId
    new_owner: AccountId
    sequencer: str = ""


class RetirementRequested(EventData):
    """The owner retires a product: no more grants or notices."""

    product: ProductName
    reason: str = Field(min_length=1, max_length=1000)


class ProductRetired(EventData):
    """A product is retired."""

    product: ProductName
    reason: str
