"""Compare Lake Formation's grants with the registry."""

from typing import Any

from mesh.entry import governance_layer, wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.governance.reconcile_access import find_drift


class Settings(RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Anything → Drifts."""
    settings = load(Settings)
    return find_drift(
        context=wiring.central_context(settings),
        catalog=wiring.access_reader(settings),
        policies=governance_layer.policies(),
    )
