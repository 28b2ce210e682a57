"""Resume the run that waits for an event: central's answer to a proposal, or the end of a crawl."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, load
from mesh.usecases.onboarding.resume_run import resume_run


class Settings(TableSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """ProposalSettled, or Glue's `Glue Crawler State Change` → Resumed."""
    return resume_run(event, uploads=wiring.uploads(load(Settings)), answers=wiring.answers())
