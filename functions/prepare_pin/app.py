"""Make the tables of a version that a reader wants kept, on locations where nothing lies."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, load
from mesh.usecases.pin_version import PinCommand, prepare_pin


class Settings(TableSettings):
    """The function's environment."""

    data_bucket: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """PinCommand → PinStep."""
    settings = load(Settings)
    return prepare_pin(
        PinCommand.model_validate(event),
        bucket=settings.data_bucket,
        catalog=wiring.catalog(),
        versions=wiring.object_versions(),
        trace=wiring.trace(settings),
    )
