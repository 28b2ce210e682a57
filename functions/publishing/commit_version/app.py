"""Switch the tables to a verified proposal's metadata files, and assign the version number."""

from typing import Any

from mesh.domain.publishing.proposals import Verified
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.publishing.commit_version import commit_version


class Settings(RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Verified → ProductVersion."""
    return commit_version(Verified.model_validate(event), using=wiring.committing(load(Settings)))
