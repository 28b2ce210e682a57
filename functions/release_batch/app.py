"""Settle a batch, drop the lease, look for more."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, WorkSettings, load
from mesh.usecases.release_batch import ReleaseBatch, release_batch


class Settings(TableSettings, WorkSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """ReleaseBatch → Released."""
    settings = load(Settings)
    command = ReleaseBatch.model_validate(event)
    return release_batch(command, uploads=wiring.uploads(settings), work=wiring.work(settings.work_bucket))
