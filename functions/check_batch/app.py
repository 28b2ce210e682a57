"""Check a batch against its contract and its table's history."""

from typing import Any

from mesh.adapters.measuring import DuckMeasurements
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, WorkSettings, load
from mesh.usecases.check_batch import check_batch
from mesh.usecases.inspection import Round


class Settings(TableSettings, WorkSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Round → Inspected."""
    settings, objects = load(Settings), wiring.objects()
    return check_batch(
        Round.model_validate(event),
        objects=objects,
        catalog=wiring.catalog(),
        work=wiring.work(settings.work_bucket),
        measurements=DuckMeasurements(objects),
        quarantine=wiring.quarantine(settings),
        clock=wiring.clock,
        trace=wiring.trace(settings),
    )
