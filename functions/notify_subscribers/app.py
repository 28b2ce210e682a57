"""Tell each subscriber once per version."""

from typing import Any

from mesh.domain.product import ProductVersion
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import AccountSettings, TableSettings, load
from mesh.usecases.notify_subscribers import notify_subscribers


class Settings(AccountSettings, TableSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """ProductVersion → Notified."""
    settings = load(Settings)
    return notify_subscribers(
        ProductVersion.model_validate(event),
        catalog_id=settings.account_id,
        registry=wiring.registry(settings),
        topics=wiring.member_topics(settings),
        clock=wiring.clock,
        trace=wiring.trace(settings),
    )
