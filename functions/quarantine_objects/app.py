"""Set bad objects aside, with reports."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, WorkSettings, load
from mesh.usecases.inspection import Round
from mesh.usecases.quarantine_objects import quarantine_objects


class Settings(TableSettings, WorkSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Round → Event[ProductQuarantined]."""
    settings = load(Settings)
    return quarantine_objects(
        Round.model_validate(event),
        objects=wiring.objects(),
        work=wiring.work(settings.work_bucket),
        quarantine=wiring.quarantine(settings),
        clock=wiring.clock,
    )
