"""Mark a product registered; the announcement for its owner."""

from typing import Any

from mesh.domain.contracts.registration import Registration
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, load
from mesh.usecases.contracts.registration import record_registration


class Settings(TableSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Registration → Event[ProductRegistered]."""
    registry = wiring.registry(load(Settings))
    return record_registration(Registration.model_validate(event), registry=registry, clock=wiring.clock)
