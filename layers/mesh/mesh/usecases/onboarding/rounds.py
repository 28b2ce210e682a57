"""One round of `onboard-upload`, with its product's facts and its objects."""

from collections.abc import Sequence
from functools import cached_property

from mesh.domain.contracts.contract import Contract, CrawlMode
from mesh.domain.events import Metadata, stable_id
from mesh.domain.model import Model
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.keys import table_key
from mesh.domain.packing import PackedObject
from mesh.domain.schema import TableSchema


class ProductFacts(Model):
    """What prepare-product recorded of a product. Empty for data that came without a contract."""

    database: str = ""
    link: str = ""
    catalog_id: str = ""
    crawler: str = ""
    crawl: CrawlMode = "auto"
    contract: PackedObject | None = None
    dropped: tuple[str, ...] = ()

    def expected(self, table: str) -> TableSchema | None:
        """A table's schema by the contract."""
        return self.promised.table_schema(table) if self.promised else None

    @cached_property
    def promised(self) -> Contract | None:
        """The contract, as it was registered."""
        return Contract.model_validate(self.contract) if self.contract else None


class Start(Model):
    """Input of `onboard-upload`."""

    product: str
    correlation_id: str


class Round(Model):
    """One round of `onboard-upload`: a batch, and what is known of its product. `raw`: it needs a recipe."""

    product: str
    generation: int
    work: str
    correlation_id: str
    facts: ProductFacts
    raw: bool = False

    @property
    def run(self) -> str:
        """The name of its batch, and of its reports."""
        return f"{self.generation:08d}"


def table_of(ref: ObjectRef) -> str:
    """The table of an object. Every pending object is data or raw data."""
    key = table_key(ref.key)
    return key.table if key else ""


def sources_of(refs: Sequence[ObjectRef]) -> tuple[str, ...]:
    """Accounts that wrote the objects."""
    return tuple(sorted({ref.requester for ref in refs if ref.requester}))


def metadata_of(round_: Round, what: str) -> Metadata:
    """The same for every attempt at the same round: central and the inboxes recognise an event by its id."""
    return Metadata(id=stable_id(what, round_.work, round_.correlation_id), correlation_id=round_.correlation_id)
