"""What was held back, and its owner's decision."""

from typing import Literal

from pydantic import Field

from mesh.domain.events.model import EventData, LimitingData, ProductName, Reason
from mesh.domain.model import Model


class QuarantinedObject(Model):
    """An object that did not pass, and its report. It stays where its owner put it."""

    key: str
    report: str | None = None
    reason: Reason


class ProductQuarantined(EventData):
    """A contract or some data did not pass. Nothing of it was published."""

    product: str
    reason: Reason
    bucket: str = ""
    objects: tuple[QuarantinedObject, ...] = ()
    objects_count: int = 0


class QuarantineDecided(LimitingData):
    """The owner's decision on a held batch, on the owner's own bus. `by` names the person; IAM enforces the role."""

    product: ProductName
    run: str = Field(pattern=r"^[0-9]{8}$")
    decision: Literal["release", "reject"]
    reason: str = Field(min_length=1, max_length=1000)
    by: str = Field(min_length=1, max_length=320)


class QuarantineClosed(EventData):
    """A held batch is being released, or was rejected for good."""

    product: ProductName
    run: str
    outcome: Literal["released", "rejected"]
    reason: str
    by: str
    objects: int
