"""Swing the pointers of a verified proposal."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.commit_version import commit_version
from mesh.usecases.verify_proposal import Verified


class Settings(RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Verified → Committed."""
    verified = Verified.model_validate(event)
    return commit_version(verified.product, verified.proposal, using=wiring.committing(load(Settings)))
