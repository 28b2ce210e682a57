"""Let the producer fill its own product, and central commit what is published of it."""

from typing import Any

from mesh.domain.contracts.registration import Registration
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import AccountSettings, load
from mesh.usecases.contracts.registration import grant_producer


class Settings(AccountSettings):
    """The function's environment."""

    commit_role_arn: str
    pin_role_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Registration → nothing."""
    settings = load(Settings)
    grant_producer(
        Registration.model_validate(event),
        lake=wiring.lake(settings),
        commit_role_arn=settings.commit_role_arn,
        pin_role_arn=settings.pin_role_arn,
    )
