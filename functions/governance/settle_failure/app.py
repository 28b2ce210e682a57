"""Process a message again that could not be processed, or discard it, as somebody decided."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import FailureSettings, load
from mesh.usecases.governance.settle_failure import Decision, settle_failure


class Settings(FailureSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Decision → Settled."""
    settings = load(Settings)
    return settle_failure(
        Decision.model_validate(event),
        messages=wiring.failed_messages(settings),
        redeliveries=wiring.redeliveries(settings),
        trace=wiring.trace(settings),
    )
