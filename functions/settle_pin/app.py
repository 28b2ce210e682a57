"""Handle PinReported, UnpinRequested, RetirementRequested, and the end of a pin's time."""

from typing import Any

from mesh.domain.errors import Rejected
from mesh.domain.events import Envelope, PinReported, UnpinRequested
from mesh.entry import wiring
from mesh.entry.observability import entry_point, refused
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.settle_pin import PinKeeper


class Settings(RegistrySettings):
    """The function's environment."""

    role_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """EventBridge's envelope, or `{ending}` → PinState. A refusal is recorded, and not retried."""
    settings = load(Settings)
    keeper = PinKeeper(
        role_arn=settings.role_arn,
        books=wiring.books(settings),
        topics=wiring.member_topics(settings),
        schedules=wiring.schedules(),
        tagging=wiring.tagging(settings),
    )
    try:
        if ending := event.get("ending"):
            return keeper.end_due(ending["product"], ending["pin"])
        envelope = Envelope.model_validate(event)
        if envelope.detail_type == PinReported.detail_type():
            return keeper.receive_report(envelope)
        if envelope.detail_type == UnpinRequested.detail_type():
            return keeper.unpin(envelope)
        return {"ended": [state.model_dump(mode="json") for state in keeper.retire(envelope)]}
    except Rejected as refusal:
        return refused(refusal)
