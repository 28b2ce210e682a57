"""Tables, counts and manifest of an earlier version, and the announcement that it is back."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, WorkSettings, load
from mesh.usecases.restore_version import Restore, restore_catalog


class Settings(TableSettings, WorkSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Restore → Event[DataCrawled]."""
    settings = load(Settings)
    return restore_catalog(
        Restore.model_validate(event),
        catalog=wiring.catalog(),
        uploads=wiring.uploads(settings),
        versions=wiring.object_versions(),
        work=wiring.work(settings.work_bucket),
        clock=wiring.clock,
        trace=wiring.trace(settings),
    )
