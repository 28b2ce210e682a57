"""Assign a contract's LF-Tags."""

from typing import Any

from mesh.domain.contracts.registration import Registration
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.publishing.tag_tables import tag_product


class Settings(RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Registration → Tagged."""
    settings = load(Settings)
    return tag_product(
        Registration.model_validate(event),
        tagging=wiring.tagging(settings),
    )
