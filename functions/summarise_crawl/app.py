"""Read the tables back, and make the announcement."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import WorkSettings, load
from mesh.usecases.crawl import Summarise, summarise_crawl


class Settings(WorkSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Summarise → Event[DataCrawled]."""
    work = wiring.work(load(Settings).work_bucket)
    return summarise_crawl(Summarise.model_validate(event), catalog=wiring.catalog(), work=work)
