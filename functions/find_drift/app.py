"""Compare what is granted with what the registry says."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import AccountSettings, TableSettings, load
from mesh.usecases.reconcile_access import find_drift


class Settings(AccountSettings, TableSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Anything → Drifts."""
    settings = load(Settings)
    return find_drift(
        central=settings.account_id,
        registry=wiring.registry(settings),
        accesses=wiring.accesses(settings),
        catalog=wiring.access_reader(settings),
        policies=wiring.policies(),
        clock=wiring.clock,
    )
