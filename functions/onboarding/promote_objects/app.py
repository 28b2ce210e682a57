"""Put a checked batch where its product's Glue crawler looks."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, WorkSettings, load
from mesh.usecases.onboarding.promote_objects import Promote, Promoting, promote_objects


class Settings(TableSettings, WorkSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Promote → Staged."""
    settings = load(Settings)
    using = Promoting(
        published=wiring.published_files(),
        uploads=wiring.uploads(settings),
        work=wiring.work(settings.work_bucket),
        clock=wiring.clock,
    )
    return promote_objects(Promote.model_validate(event), using=using)
