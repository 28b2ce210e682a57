"""Batches that were held back, and what their owner decided about them."""

from datetime import datetime
from typing import Literal

from pydantic import TypeAdapter

from mesh.domain.errors import Rejected
from mesh.domain.events import Reason
from mesh.domain.model import Model
from mesh.domain.onboarding.formats.model import ObjectRef

HeldStatus = Literal["held", "releasing", "released", "rejected", "superseded"]
DECIDED: frozenset[HeldStatus] = frozenset({"released", "rejected", "superseded"})
"""Nothing of the batch waits for its owner any more."""


class UnknownBatch(Rejected):
    """No batch of that product and number was held back."""


class BatchAlreadyDecided(Rejected):
    """The owner released or rejected the batch before."""


class NotReleasable(Rejected):
    """Nothing of the batch was held by a check that its owner may overrule."""


class AlreadyReplaced(Rejected):
    """Newer objects lie at the held ones' keys: they were checked by themselves."""


class HeldObjectsDeleted(Rejected):
    """None of the held objects is there any more, or those that are were uploaded again."""


class HeldObject(Model):
    """An object of a held batch, and why. It lies where its owner put it: `ref` is the version that was checked;
    `superseded_by` the run that took a later upload, or the deletion, of its key."""

    key: str
    size: int
    reason: Reason
    ref: ObjectRef
    releasable: bool = True
    superseded_by: str = ""


class HeldBatch(Model):
    """One run's objects that did not pass. `reason` is the first object's.

    `releasable`: some were held by checks, which the owner may overrule (`HeldObject.releasable` says which); what
    cannot be read at all is not. `superseded` counts those whose key was uploaded again, or deleted, since; `released`
    those that their owner let pass.
    """

    product: str
    run: str
    bucket: str
    correlation_id: str
    reason: Reason
    objects: int
    releasable: bool
    page: str | None = None
    superseded: int = 0
    released: int = 0
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
        return f"{self.product}/reports/{self.run}.held.json"


class Ticket(Model):
    """The owner's release of one version of an object (its ETag in a bucket without versions)."""

    run: str
    by: str
    reason: str
    version_id: str


HeldObjects = TypeAdapter(tuple[HeldObject, ...])
"""A batch's listing."""
