"""Announce the outcome of a commit: to the owner, to the requester of a rollback, and to each subscriber."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.publishing.announce_outcome import Outcome, announce_outcome


class Settings(RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Outcome → Notified, ProposalSettled or RolledBack."""
    settings = load(Settings)
    return announce_outcome(
        Outcome.model_validate(event),
        catalog_id=settings.account_id,
        context=wiring.central_context(settings),
        proposals=wiring.proposals(settings),
        topics=wiring.member_topics(settings),
    )
