"""Copy the objects of a version that a reader wants kept, and register its partitions."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, WorkSettings, load
from mesh.usecases.pin_version import PinCommand, fill_pin


class Settings(TableSettings, WorkSettings):
    """The function's environment."""

    data_bucket: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """PinCommand → PinStep."""
    settings = load(Settings)
    return fill_pin(
        PinCommand.model_validate(event),
        bucket=settings.data_bucket,
        catalog=wiring.catalog(),
        versions=wiring.object_versions(),
        copies=wiring.pinned_copies(),
        work=wiring.work(settings.work_bucket),
        clock=wiring.clock,
        trace=wiring.trace(settings),
    )
