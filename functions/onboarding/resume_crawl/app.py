"""A crawler changed its state: resume the run that waits for it. A short cut; the run looks for itself in any case."""

from typing import Any

from mesh.adapters.aws import client
from mesh.adapters.executions import resume
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, load


class Settings(TableSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Glue's `Glue Crawler State Change` → whether a run was resumed."""
    token = wiring.uploads(load(Settings)).take_token(str(event["detail"]["crawlerName"]))
    return {"resumed": token is not None and resume(client("stepfunctions"), token, "{}")}
