"""The end of a round that came to nothing: its batch is still pending, the product is free for the next run."""

from mesh.domain.model import Model
from mesh.ports import Uploads


class ReleaseBatch(Model):
    """`holder` is the execution's ARN."""

    product: str
    holder: str


def release_batch(command: ReleaseBatch, *, uploads: Uploads) -> None:
    """Drop the lease. Repeatable; somebody else's is left alone."""
    uploads.drop_lease(command.product, command.holder)
