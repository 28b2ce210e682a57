"""Claim the next version number for a commit."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.settle_proposal import record_commit
from mesh.usecases.verify_proposal import Verified


class Settings(RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Verified → ProductVersion."""
    settings, verified = load(Settings), Verified.model_validate(event)
    return record_commit(
        verified.product, verified.proposal, proposals=wiring.proposals(settings), books=wiring.books(settings)
    )
