"""Handle WithdrawalRequested, and the daily retention check."""

from datetime import timedelta
from typing import Any

from mesh.domain.errors import Rejected
from mesh.domain.events import Envelope
from mesh.domain.publishing.keeping import Retention
from mesh.entry import wiring
from mesh.entry.observability import entry_point, refused
from mesh.entry.settings import MeshBusSettings, RegistrySettings, load
from mesh.usecases.publishing.withdraw_versions import Expired, Withdrawn, expire_versions, withdraw_versions


class Settings(RegistrySettings, MeshBusSettings):
    """The function's environment."""

    keep_versions: int
    keep_days: int
    grace_hours: int


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """EventBridge's envelope → Withdrawn; `{retention: true}` → Expired. A refusal is recorded, and not retried."""
    settings = load(Settings)
    try:
        return _expire(settings) if "retention" in event else _withdraw(event, settings)
    except Rejected as refusal:
        return refused(refusal)


def _expire(settings: Settings) -> Expired:
    age, grace = timedelta(days=settings.keep_days), timedelta(hours=settings.grace_hours)
    return expire_versions(
        Retention(settings.keep_versions, age, grace),
        context=wiring.central_context(settings),
        proposals=wiring.proposals(settings),
        topics=wiring.member_topics(settings),
        bus=wiring.bus(settings.mesh_bus),
    )


def _withdraw(event: dict[str, Any], settings: Settings) -> Withdrawn:
    return withdraw_versions(
        Envelope.model_validate(event),
        context=wiring.central_context(settings),
        proposals=wiring.proposals(settings),
        files=wiring.published_files(),
        topics=wiring.member_topics(settings),
        bus=wiring.bus(settings.mesh_bus),
    )
