"""Decide a request by what it would expose now."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.access.access_steps import AccessStep
from mesh.usecases.access.request_access import decide_access


class Settings(RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{access}` → Verdict."""
    step, settings = AccessStep.model_validate(event), load(Settings)
    return decide_access(
        step.access,
        context=wiring.central_context(settings),
        catalog=wiring.access_reader(settings),
        policies=wiring.policies(),
    )
