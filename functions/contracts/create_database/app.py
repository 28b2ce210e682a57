"""Make the product's central database."""

from typing import Any

from mesh.domain.contracts.registration import Registration
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import AccountSettings, load
from mesh.usecases.contracts.registration import create_database


class Settings(AccountSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Registration → nothing."""
    create_database(Registration.model_validate(event), catalog=wiring.catalog(), lake=wiring.lake(load(Settings)))
