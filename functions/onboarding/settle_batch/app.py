"""End a round: record what was held back, settle the rest, release the product."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, WorkSettings, load
from mesh.usecases.onboarding.settle_batch import SettleBatch, settle_batch


class Settings(TableSettings, WorkSettings):
    """The function's environment. Published landing objects expire after this number of days; 0 means never."""

    landing_retention_days: int = 0


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """SettleBatch → Settled."""
    settings = load(Settings)
    return settle_batch(
        SettleBatch.model_validate(event),
        uploads=wiring.uploads(settings),
        raw=wiring.raw_uploads(settings),
        objects=wiring.objects(),
        quarantine=wiring.quarantine(settings),
        work=wiring.work(settings.work_bucket),
        clock=wiring.clock,
        landing=wiring.landing_objects() if settings.landing_retention_days else None,
    )
