"""Hold back a crawl that would break who reads, and tell its owner whom."""

from typing import Any

from mesh.domain.events import Envelope
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.hold_version import hold_version


class Settings(RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{envelope, reason}` → Held."""
    settings = load(Settings)
    return hold_version(
        Envelope.model_validate(event["envelope"]),
        event["reason"],
        books=wiring.books(settings),
        topics=wiring.member_topics(settings),
    )
