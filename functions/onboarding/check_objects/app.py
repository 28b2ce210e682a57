"""Read a batch's objects, check them, and write those that pass."""

from typing import Any

from mesh.adapters.duckdb.reading.reading import DuckReadings
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, WorkSettings, load
from mesh.usecases.onboarding.check_objects import check_objects
from mesh.usecases.onboarding.rounds import Round
from mesh.usecases.onboarding.table_checks import Checking


class Settings(TableSettings, WorkSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Round → Checked."""
    settings = load(Settings)
    return check_objects(
        Round.model_validate(event),
        using=Checking(
            readings=DuckReadings(wiring.objects()),
            landing=wiring.landing_objects(),
            published=wiring.published_files(),
            catalog=wiring.catalog(),
            work=wiring.work(settings.work_bucket),
            quarantine=wiring.quarantine(settings),
            clock=wiring.clock,
            trace=wiring.trace(settings),
        ),
    )
