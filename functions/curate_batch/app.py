"""Put a batch of raw objects through the product's recipe."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, WorkSettings, load
from mesh.usecases.curate_batch import curate_batch
from mesh.usecases.inspection import Round


class Settings(TableSettings, WorkSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Round → Curated."""
    settings = load(Settings)
    return curate_batch(
        Round.model_validate(event),
        objects=wiring.objects(),
        raw=wiring.raw_uploads(settings),
        work=wiring.work(settings.work_bucket),
        clock=wiring.clock,
        trace=wiring.trace(settings),
    )
