"""Check the files of the version to restore, and record the commit that points every table at them."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, load
from mesh.usecases.publishing.prepare_rollback import RollbackRun, prepare_rollback


class Settings(TableSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """RollbackRun → Verified."""
    run = RollbackRun.model_validate(event)
    return prepare_rollback(run.product, run.request, using=wiring.verifier(load(Settings)))
