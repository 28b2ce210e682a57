"""Batches that were held back, and what their owner decided about them."""

from datetime import datetime
from typing import Literal

from mesh.domain.errors import Rejected, Transient
from mesh.domain.events import Model, Reason
from mesh.domain.formats.model import ObjectRef

HeldStatus = Literal["held", "releasing", "released", "rejected"]


class UnknownBatch(Rejected):
    """No batch of that product and number was held back."""


class BatchAlreadyDecided(Rejected):
    """The owner released or rejected the batch before."""


class NotReleasable(Rejected):
    """Something of the batch cannot be read at all: nobody's word changes that."""


class AlreadyReplaced(Rejected):
    """Newer objects lie where the held ones came from: releasing would put old data over new."""


class TooLargeToRelease(Rejected):
    """S3 copies at most 5 GiB at once, and only then tells which version it wrote."""


class ReleaseUnfinished(Transient):
    """An object is on its way back from quarantine: whether it is that one shows in a moment."""


class HeldObject(Model):
    """An object of a held batch: where it was, where it is, and why. `ref` is the version that was checked, of an
    object that stayed where it is."""

    key: str
    moved_to: str | None
    size: int
    reason: Reason
    ref: ObjectRef | None = None


class HeldBatch(Model):
    """One run's objects that did not pass. `releasable`: all of them were held by checks, which the owner may overrule;
    what cannot be read at all is not. `reason` is the first object's."""

    product: str
    run: str
    bucket: str
    correlation_id: str
    reason: Reason
    objects: int
    releasable: bool
    page: str | None = None
    in_place: bool = False
    held_at: datetime
    status: HeldStatus = "held"
    decided_by: str = ""
    decision: str = ""
    """The decision's event."""
    why: str = ""
    decided_at: datetime | None = None

    @property
    def name(self) -> str:
        """`credit-card/00000003`."""
        return f"{self.product}/{self.run}"

    @property
    def listing(self) -> str:
        """The key under which all its objects are listed, as JSON."""
        if self.in_place:
            return f"{self.product}/reports/{self.run}.held.json"
        return listing_key(self.product, self.run)


class Ticket(Model):
    """One object's way back: the version that was written at its key, empty while it is not."""

    run: str
    by: str
    reason: str
    version_id: str = ""


def listing_key(product: str, run: str) -> str:
    """Where all objects of a held batch are listed, as JSON."""
    return f"{product}/quarantine/{run}/objects.json"


def page_key(product: str, run: str) -> str:
    """Where the report for people is, as HTML."""
    return f"{product}/quarantine/{run}/report.html"
