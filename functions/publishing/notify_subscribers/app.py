"""Answer the owner, then tell each subscriber once per version."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.publishing.notify_subscribers import Announce, notify_subscribers


class Settings(RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Announce → Notified."""
    settings = load(Settings)
    return notify_subscribers(
        Announce.model_validate(event),
        catalog_id=settings.account_id,
        context=wiring.central_context(settings),
        proposals=wiring.proposals(settings),
        topics=wiring.member_topics(settings),
    )
