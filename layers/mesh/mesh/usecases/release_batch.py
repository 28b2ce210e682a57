"""The end of a round: its batch is history, or still pending; the product is free for the next run."""

from typing import Literal

from mesh.domain.events import Model
from mesh.ports import Uploads, WorkFiles
from mesh.usecases.batches import read_batch
from mesh.usecases.histories import remember_batch


class ReleaseBatch(Model):
    """`outcome`: `done` settles the batch's objects, `failed` leaves them pending for the next run."""

    product: str
    holder: str
    generation: int
    work: str
    outcome: Literal["done", "failed"]


class Released(Model):
    """Whether more arrived meanwhile."""

    more: bool


def release_batch(command: ReleaseBatch, *, uploads: Uploads, work: WorkFiles) -> Released:
    """Remember and settle the batch (when done) and drop the lease, in that order; then look whether more arrived.

    Whoever uploads writes first and tries the lease after; this drops the lease first and looks after. So one of the
    two always sees the other, and no upload is left lying.
    """
    if command.outcome == "done":
        remember_batch(work, command.product, command.generation, command.work)
        uploads.settle(command.product, read_batch(work, command.work))
    uploads.drop_lease(command.product, command.holder)
    return Released(more=command.outcome == "done" and uploads.has_pending(command.product))
