"""Drop the lease of a run that came to nothing."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, load
from mesh.usecases.onboarding.release_batch import ReleaseBatch, release_batch


class Settings(TableSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> None:  # noqa: ANN401 - Lambda's own types
    """ReleaseBatch → nothing."""
    release_batch(ReleaseBatch.model_validate(event), uploads=wiring.uploads(load(Settings)))
