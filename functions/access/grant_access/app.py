"""Grant to the receiving account."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.access.access_steps import AccessStep
from mesh.usecases.access.grant_access import grant_access


class Settings(RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{access}` → Granting."""
    step, settings = AccessStep.model_validate(event), load(Settings)
    return grant_access(
        step.access,
        context=wiring.central_context(settings),
        lake=wiring.lake(settings),
        locks=wiring.locks(settings),
    )
