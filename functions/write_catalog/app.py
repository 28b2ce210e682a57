"""Express crawl: write table and partitions through the resource link."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import WorkSettings, load
from mesh.usecases.crawl import write_catalog
from mesh.usecases.inspection import Round


class Settings(WorkSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Round → Written."""
    work = wiring.work(load(Settings).work_bucket)
    return write_catalog(Round.model_validate(event), catalog=wiring.catalog(), work=work)
