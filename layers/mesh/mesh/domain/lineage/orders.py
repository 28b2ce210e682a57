"""The orders for `record_lineage`: small, since what a run did is recorded where it ran."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from mesh.domain.errors import Rejected
from mesh.domain.events import AccessId, ProductName
from mesh.domain.model import Model


class LineageSourceGone(Rejected):
    """What an order points to does not exist, or no longer: its lineage cannot be recorded."""


class _Order(Model):
    """`began` and `ended` are of the run, or round, not of what is done with the order."""

    correlation_id: str
    execution: str
    began: AwareDatetime
    ended: AwareDatetime


class PromoteOrder(_Order):
    """A round that was checked, and published as far as it passed; `work` is its batch's work file."""

    kind: Literal["promote"]
    product: ProductName
    generation: int = Field(ge=1)
    work: str = Field(pattern=r"^runs/[^/]+/\d{8}/batch\.json$")
    published: bool


class PublishOrder(_Order):
    """A version that was published."""

    kind: Literal["publish"]
    product: ProductName
    version: int = Field(ge=1)


class ProveOrder(_Order):
    """An access that a query proved."""

    kind: Literal["prove"]
    access: AccessId


type LineageOrder = PromoteOrder | PublishOrder | ProveOrder
Orders: TypeAdapter[LineageOrder] = TypeAdapter(
    Annotated[PromoteOrder | PublishOrder | ProveOrder, Field(discriminator="kind")]
)
