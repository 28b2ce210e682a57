"""Repair the drift that `find_drift` found."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.governance.reconcile_access import Drifts
from mesh.usecases.governance.repair_access import repair_drift


class Settings(RegistrySettings):
    """The function's environment."""

    revoke_access_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{drifts, execution}` → Repaired."""
    settings = load(Settings)
    return repair_drift(
        Drifts.model_validate(event["drifts"]),
        run=str(event["execution"]),
        context=wiring.central_context(settings),
        lake=wiring.lake(settings),
        locks=wiring.locks(settings),
        endings=wiring.machine(settings.revoke_access_arn),
    )
