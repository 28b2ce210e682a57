"""Note a granted access, and accept the invitations to central's shares."""

from typing import Any

from mesh.domain.events import Envelope
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, load
from mesh.usecases.access.accept_share import accept_invitations


class Settings(TableSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{envelope}` → Accepted."""
    settings = load(Settings)
    return accept_invitations(
        Envelope.model_validate(event["envelope"]),
        accesses=wiring.consumer_accesses(settings),
        readers=wiring.readers(),
        shares=wiring.shares(),
        links=wiring.resource_links(),
        clock=wiring.clock,
    )
