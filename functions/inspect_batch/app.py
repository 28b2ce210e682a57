"""Inspect a batch by heads and footers."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import WorkSettings, load
from mesh.usecases.inspection import Round, inspect_batch


class Settings(WorkSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Round → Inspected."""
    return inspect_batch(
        Round.model_validate(event),
        objects=wiring.objects(),
        catalog=wiring.catalog(),
        work=wiring.work(load(Settings).work_bucket),
    )
