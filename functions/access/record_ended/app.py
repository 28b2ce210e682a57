"""Write down that nothing of an access is left."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.access.access_steps import AccessStep
from mesh.usecases.access.end_access import record_ended


class Settings(RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{access}` → Ended."""
    step, settings = AccessStep.model_validate(event), load(Settings)
    return record_ended(
        step.access,
        context=wiring.central_context(settings),
        schedules=wiring.schedules(),
    )
