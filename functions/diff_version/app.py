"""Compare the catalog with the last version."""

from typing import Any

from mesh.domain.events import Envelope
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, load
from mesh.usecases.publication import diff_version


class Settings(TableSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{envelope}` → VersionDraft."""
    envelope = Envelope.model_validate(event["envelope"])
    return diff_version(envelope, catalog=wiring.catalog(), registry=wiring.registry(load(Settings)))
