"""Schedule an access's end, grant it to the receiving account, and notify that account."""

from typing import Any

from mesh.entry import governance_layer, wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.ports import Target
from mesh.usecases.access.access_steps import WaitingStep
from mesh.usecases.access.grant_access import grant_access


class Settings(RegistrySettings):
    """The function's environment."""

    revoke_access_arn: str
    schedule_role_arn: str
    event_dlq_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{access, token}` → Granting."""
    step, settings = WaitingStep.model_validate(event), load(Settings)
    return grant_access(
        step,
        region=settings.aws_region,
        at_end=Target(settings.revoke_access_arn, settings.schedule_role_arn, settings.event_dlq_arn),
        context=wiring.central_context(settings),
        lake=wiring.lake(settings),
        locks=wiring.locks(settings),
        schedules=wiring.schedules(),
        topics=wiring.member_topics(settings),
        ontology=governance_layer.ontology(),
    )
