"""Set bad objects aside, with reports."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import WorkSettings, load
from mesh.usecases.crawl import quarantine_objects
from mesh.usecases.inspection import Round


class Settings(WorkSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Round → Event[ProductQuarantined]."""
    work = wiring.work(load(Settings).work_bucket)
    return quarantine_objects(Round.model_validate(event), objects=wiring.objects(), work=work, clock=wiring.clock)
