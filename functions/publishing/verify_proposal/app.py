"""Verify what a producer staged before it is published."""

from typing import Any

from mesh.domain.events import Envelope
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.publishing.verify_proposal import verify_proposal


class Settings(RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{envelope, execution}` → Verified."""
    settings = load(Settings)
    return verify_proposal(
        Envelope.model_validate(event["envelope"]),
        execution=event["execution"],
        using=wiring.verifier(settings),
        topics=wiring.member_topics(settings),
    )
