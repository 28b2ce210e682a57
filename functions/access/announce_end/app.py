"""Tell the receiving account to clean up; the run waits for it, a while."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.access.access_steps import WaitingStep
from mesh.usecases.access.end_access import announce_end


class Settings(RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{access, token, execution}` → Ended."""
    step, settings = WaitingStep.model_validate(event), load(Settings)
    return announce_end(
        step.access,
        step.token,
        step.execution,
        context=wiring.central_context(settings),
        topics=wiring.member_topics(settings),
    )
