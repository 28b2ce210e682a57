"""Take a product's pending objects under a lease."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, WorkSettings, load
from mesh.usecases.onboarding.batches import TakeBatch, Taking, take_batch


class Settings(TableSettings, WorkSettings):
    """The function's environment."""

    data_bucket: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """TakeBatch → Batch."""
    settings = load(Settings)
    return take_batch(
        TakeBatch.model_validate(event),
        using=Taking(
            bucket=settings.data_bucket,
            uploads=wiring.uploads(settings),
            landing=wiring.landing_objects(),
            work=wiring.work(settings.work_bucket),
            clock=wiring.clock,
        ),
    )
