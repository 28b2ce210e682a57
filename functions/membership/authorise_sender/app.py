"""First step of both central machines: who sent this, and may they?"""

from typing import Any

from mesh.domain.events import Envelope
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.authorisation import authorise_sender


class Settings(RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{envelope, execution}` → Authorised."""
    settings = load(Settings)
    return authorise_sender(
        Envelope.model_validate(event["envelope"]),
        execution=str(event["execution"]),
        records=wiring.central_context(settings),
    )
