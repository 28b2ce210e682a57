"""Handle RollbackRequested."""

from typing import Any

from mesh.domain.errors import Rejected
from mesh.domain.events import Envelope
from mesh.entry import wiring
from mesh.entry.observability import entry_point, refused
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.publishing.request_rollback import request_rollback


class Settings(RegistrySettings):
    """The function's environment."""

    roll_back_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """EventBridge's envelope → RolledBack. A refusal is recorded, and not retried."""
    settings = load(Settings)
    try:
        return request_rollback(
            Envelope.model_validate(event),
            context=wiring.central_context(settings),
            topics=wiring.member_topics(settings),
            commits=wiring.machine(settings.roll_back_arn),
        )
    except Rejected as refusal:
        return refused(refusal)
