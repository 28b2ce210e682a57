"""Record why a request is denied, and notify the requester."""

from typing import Any

from mesh.domain.events import Envelope
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.access.request_access import deny_access


class Settings(RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{envelope, reason}` → Requested."""
    settings = load(Settings)
    return deny_access(
        Envelope.model_validate(event["envelope"]),
        event["reason"],
        context=wiring.central_context(settings),
        topics=wiring.member_topics(settings),
    )
