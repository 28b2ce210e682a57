"""Put a batch of raw objects through the product's recipe."""

from typing import Any

from mesh.domain.onboarding.budgets import MAX_RAW
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, WorkSettings, load
from mesh.usecases.onboarding.curate_batch import Curating, curate_batch
from mesh.usecases.onboarding.curation import CurationRound
from pydantic import Field


class Settings(TableSettings, WorkSettings):
    """The function's environment. `curate_max_bytes`: larger objects are left to DataBrew jobs."""

    curate_max_bytes: int = Field(ge=0, le=MAX_RAW)


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """CurationRound → CurationState."""
    settings = load(Settings)
    return curate_batch(
        CurationRound.model_validate(event),
        using=Curating(
            objects=wiring.objects(),
            landing=wiring.landing_objects(),
            uploads=wiring.uploads(settings),
            raw=wiring.raw_uploads(settings),
            work=wiring.work(settings.work_bucket),
            clock=wiring.clock,
            trace=wiring.trace(settings),
            bucket=settings.work_bucket,
            max_bytes=settings.curate_max_bytes,
        ),
    )
