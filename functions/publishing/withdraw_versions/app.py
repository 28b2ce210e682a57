"""Handle WithdrawalRequested, and the daily retention check."""

from datetime import timedelta
from typing import Any

from mesh.domain.errors import Rejected
from mesh.domain.events import Envelope
from mesh.domain.publishing.keeping import Retention
from mesh.entry import wiring
from mesh.entry.observability import entry_point, refused
from mesh.entry.settings import MeshBusSettings, RegistrySettings, load
from mesh.usecases.publishing.withdraw_versions import expire_versions, withdraw_versions


class Settings(RegistrySettings, MeshBusSettings):
    """The function's environment."""

    keep_versions: int
    keep_days: int
    grace_hours: int


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """EventBridge's envelope → Withdrawn; `{retention: true}` → Expired. A refusal is recorded, and not retried."""
    settings = load(Settings)
    context, bus, proposals = (
        wiring.central_context(settings),
        wiring.bus(settings.mesh_bus),
        wiring.proposals(settings),
    )
    if "retention" in event:
        age, grace = timedelta(days=settings.keep_days), timedelta(hours=settings.grace_hours)
        return expire_versions(
            Retention(settings.keep_versions, age, grace), context=context, proposals=proposals, bus=bus
        )
    try:
        envelope, topics = Envelope(**event), wiring.member_topics(settings)
        files = wiring.published_files()
        return withdraw_versions(envelope, context=context, proposals=proposals, files=files, topics=topics, bus=bus)
    except Rejected as refusal:
        return refused(refusal)
