"""Let the producer fill its own product."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import AccountSettings, load
from mesh.usecases.registration import Registration, grant_producer


class Settings(AccountSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Registration → nothing."""
    grant_producer(Registration.model_validate(event), lake=wiring.lake(load(Settings)))
