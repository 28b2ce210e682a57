"""Central answered a proposal: release the run that waits for it."""

from typing import Any

from mesh.domain.events import Envelope, ProposalSettled, read_event
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, load
from mesh.usecases.onboarding.propose_version import receive_settlement


class Settings(TableSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """EventBridge's envelope → Answered."""
    answer = read_event(ProposalSettled, Envelope.model_validate(event)).data
    return receive_settlement(answer, uploads=wiring.uploads(load(Settings)), answers=wiring.answers())
