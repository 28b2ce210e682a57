"""Pass on to the reader what central granted."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import AccountSettings, TableSettings, load
from mesh.usecases.access.accept_share import AcceptStep, grant_reader


class Settings(AccountSettings, TableSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{access}` → Passed."""
    settings = load(Settings)
    return grant_reader(
        AcceptStep.model_validate(event).access,
        account=settings.account_id,
        accesses=wiring.consumer_accesses(settings),
        lake=wiring.lake(settings),
        locks=wiring.locks(settings),
    )
