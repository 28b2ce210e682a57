"""The owner's decision on a held batch."""

from typing import Any

from mesh.domain.errors import Rejected
from mesh.domain.events import Envelope
from mesh.entry import wiring
from mesh.entry.observability import entry_point, refused
from mesh.entry.settings import OwnBusSettings, TableSettings, load
from mesh.usecases.onboarding.decide_quarantine import Deciding, decide_quarantine


class Settings(TableSettings, OwnBusSettings):
    """The function's environment."""

    onboard_upload_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """EventBridge's envelope of QuarantineDecided → QuarantineClosed. A refusal is in the trace, and not retried."""
    settings = load(Settings)
    try:
        return decide_quarantine(
            Envelope.model_validate(event),
            using=Deciding(
                quarantine=wiring.quarantine(settings),
                objects=wiring.objects(),
                landing=wiring.landing_objects(),
                uploads=wiring.uploads(settings),
                executions=wiring.machine(settings.onboard_upload_arn),
                bus=wiring.bus(settings.own_bus_name),
                trace=wiring.trace(settings),
                clock=wiring.clock,
            ),
        )
    except Rejected as refusal:
        return refused(refusal)
