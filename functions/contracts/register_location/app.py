"""Register with Lake Formation where the product is published."""

from typing import Any

from mesh.domain.contracts.registration import Registration
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import AccountSettings, load
from mesh.usecases.contracts.registration import register_location


class Settings(AccountSettings):
    """The function's environment."""

    location_role_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Registration → nothing."""
    settings = load(Settings)
    register_location(
        Registration.model_validate(event), lake=wiring.lake(settings), role_arn=settings.location_role_arn
    )
