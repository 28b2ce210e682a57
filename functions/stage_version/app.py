"""Write down the next version of each table of a batch; no catalog is touched."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import WorkSettings, load
from mesh.usecases.rounds import Round
from mesh.usecases.stage_version import stage_version


class Settings(WorkSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Round → Staged."""
    return stage_version(Round.model_validate(event), using=wiring.staging_tools(load(Settings)))
