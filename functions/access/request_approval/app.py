"""Request approval from the owners; the run waits for the task token's answer."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.access.access_steps import ApprovalStep
from mesh.usecases.access.request_approval import request_approval


class Settings(RegistrySettings):
    """The function's environment."""

    steward_topic_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{access, round, token}` → ApprovalRequested."""
    step, settings = ApprovalStep.model_validate(event), load(Settings)
    return request_approval(
        step.access,
        step.round,
        step.token,
        steward_topic=settings.steward_topic_arn,
        context=wiring.central_context(settings),
        topics=wiring.member_topics(settings),
        answers=wiring.answers(),
    )
