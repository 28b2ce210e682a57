"""Handle RollbackRequested: record the order, and the commit that points every table at the version's files."""

from typing import Any

from mesh.domain.events import Envelope
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.publishing.prepare_rollback import prepare_rollback


class Settings(RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """EventBridge's envelope → Verified."""
    settings = load(Settings)
    return prepare_rollback(
        Envelope.model_validate(event), context=wiring.central_context(settings), using=wiring.verifier(settings)
    )
