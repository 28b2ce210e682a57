"""Write down that the reader reads, and subscribe its account."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.access.access_steps import ProvenStep
from mesh.usecases.access.grant_access import record_live


class Settings(RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{access, proof}` → Granting."""
    step, settings = ProvenStep.model_validate(event), load(Settings)
    return record_live(
        step.access,
        step.proof,
        context=wiring.central_context(settings),
    )
