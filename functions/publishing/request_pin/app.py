"""Handle PinRequested."""

from datetime import timedelta
from typing import Any

from mesh.domain.errors import Rejected
from mesh.domain.events import Envelope
from mesh.entry import wiring
from mesh.entry.observability import entry_point, refused
from mesh.entry.settings import MeshBusSettings, RegistrySettings, load
from mesh.ports import Target
from mesh.usecases.publishing.request_pin import PinLimits, request_pin


class Settings(RegistrySettings, MeshBusSettings):
    """The function's environment."""

    pin_max_days: int
    pins_per_product: int
    settle_pin_arn: str
    schedule_role_arn: str
    event_dlq_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """EventBridge's envelope → PinState. A refusal is recorded, and not retried."""
    settings = load(Settings)
    try:
        return request_pin(
            Envelope.model_validate(event),
            limits=PinLimits(timedelta(days=settings.pin_max_days), settings.pins_per_product),
            end=Target(settings.settle_pin_arn, settings.schedule_role_arn, settings.event_dlq_arn),
            context=wiring.central_context(settings),
            topics=wiring.member_topics(settings),
            schedules=wiring.schedules(),
            bus=wiring.bus(settings.mesh_bus),
        )
    except Rejected as refusal:
        return refused(refusal)
