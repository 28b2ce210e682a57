"""Read the tables back, and make the announcement."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, WorkSettings, load
from mesh.usecases.crawl import Summarise, summarise_crawl


class Settings(TableSettings, WorkSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Summarise → Event[DataCrawled]."""
    settings = load(Settings)
    return summarise_crawl(
        Summarise.model_validate(event),
        catalog=wiring.catalog(),
        uploads=wiring.uploads(settings),
        work=wiring.work(settings.work_bucket),
        versions=wiring.object_versions(),
        clock=wiring.clock,
    )
