"""Remove the copies of a version that nobody wants kept any more."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, load
from mesh.usecases.pin_version import PinCommand, remove_pin


class Settings(TableSettings):
    """The function's environment."""

    data_bucket: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """PinCommand → PinStep."""
    settings = load(Settings)
    return remove_pin(
        PinCommand.model_validate(event),
        bucket=settings.data_bucket,
        copies=wiring.pinned_copies(),
        trace=wiring.trace(settings),
    )
