"""Tell the receiving account what it may pass on; the run waits until it reads."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.access.access_steps import WaitingStep
from mesh.usecases.access.grant_access import announce_grant


class Settings(RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{access, token, execution}` → Granting."""
    step, settings = WaitingStep.model_validate(event), load(Settings)
    return announce_grant(
        step.access,
        step.token,
        step.execution,
        region=settings.aws_region,
        context=wiring.central_context(settings),
        topics=wiring.member_topics(settings),
    )
