"""The payload between the steps of `register-product`: complete, so that no step reads S3 again."""

from datetime import datetime

from mesh.domain.contracts.contract import CrawlMode
from mesh.domain.events import AccountId
from mesh.domain.model import Model
from mesh.domain.packing import PackedObject


class Registration(Model):
    """A product that is being registered."""

    product: str
    owner: AccountId
    database: str
    catalog_id: AccountId
    region: str
    bucket: str
    location: str
    taken_from: AccountId | None = None
    """The former owner, whose rights end with this registration."""
    domain: str
    description: str
    tags: dict[str, str]
    crawl: CrawlMode
    crawler_prefix: str
    draft: bool
    after_draft: bool = False
    """The last revision was a draft, whose tags are no decision: the most restrictive ones until this one came."""
    contract: PackedObject
    dropped: tuple[str, ...] = ()
    sequencer: str = ""
    """Of the contract: which revision claimed the names."""
    declaration: str
    """The same whenever its event is sent or delivered (see `same_event`)."""
    event_id: str
    correlation_id: str
    checked_at: datetime | None = None
    """When this run began with it; None of a run that an earlier release began."""
