"""Handle SubscriptionRequested and SubscriptionEnded."""

from typing import Any

from mesh.domain.errors import Rejected
from mesh.domain.events import Envelope
from mesh.entry import wiring
from mesh.entry.observability import entry_point, refused
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.publishing.change_subscription import change_subscription


class Settings(RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """EventBridge's envelope → SubscriptionChanged. A refusal is recorded, and not retried."""
    settings = load(Settings)
    try:
        return change_subscription(
            Envelope.model_validate(event),
            catalog_id=settings.account_id,
            context=wiring.central_context(settings),
            topics=wiring.member_topics(settings),
        )
    except Rejected as refusal:
        return refused(refusal)
