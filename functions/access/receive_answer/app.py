"""Handle AccessDecided, AccessReady, AccessNotReady, AccessReleased and AccessChecked."""

from typing import Any

from mesh.domain.errors import Rejected
from mesh.domain.events import Envelope
from mesh.entry import wiring
from mesh.entry.observability import entry_point, refused
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.access.receive_answer import receive_answer


class Settings(RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """EventBridge's envelope → Answered. A rejection is recorded, sent to the sender, and not retried."""
    settings = load(Settings)
    try:
        return receive_answer(
            Envelope.model_validate(event),
            context=wiring.central_context(settings),
            topics=wiring.member_topics(settings),
            answers=wiring.answers(),
        )
    except Rejected as refusal:
        return refused(refusal)
