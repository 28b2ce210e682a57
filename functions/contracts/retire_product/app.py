"""Handle RetirementRequested."""

from typing import Any

from mesh.domain.errors import Rejected
from mesh.domain.events import Envelope
from mesh.entry import wiring
from mesh.entry.observability import entry_point, refused
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.contracts.retire_product import retire_product


class Settings(RegistrySettings):
    """The function's environment."""

    revoke_access_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """EventBridge's envelope → Retired. A refusal is recorded, and not retried."""
    settings = load(Settings)
    try:
        return retire_product(
            Envelope.model_validate(event),
            context=wiring.central_context(settings),
            announcements=wiring.announcements(settings),
            catalog=wiring.access_reader(settings),
            lake=wiring.lake(settings),
            locks=wiring.locks(settings),
            endings=wiring.machine(settings.revoke_access_arn),
            topics=wiring.member_topics(settings),
        )
    except Rejected as refusal:
        return refused(refusal)
