"""Answer a proposal: keep the answer, and tell the owner."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.publishing.settle_proposal import Settle, settle_proposal


class Settings(RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Settle → ProposalSettled."""
    settings = load(Settings)
    return settle_proposal(
        Settle.model_validate(event),
        proposals=wiring.proposals(settings),
        context=wiring.central_context(settings),
        topics=wiring.member_topics(settings),
    )
