"""Arrange an access's warning and end."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.ports import Target
from mesh.usecases.access.access_steps import AccessStep
from mesh.usecases.access.grant_access import schedule_end


class Settings(RegistrySettings):
    """The function's environment."""

    revoke_access_arn: str
    warn_expiry_arn: str
    schedule_role_arn: str
    event_dlq_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{access}` → nothing."""
    step, settings = AccessStep.model_validate(event), load(Settings)
    schedule_end(
        step.access,
        end=Target(settings.revoke_access_arn, settings.schedule_role_arn, settings.event_dlq_arn),
        warn=Target(settings.warn_expiry_arn, settings.schedule_role_arn, settings.event_dlq_arn),
        context=wiring.central_context(settings),
        schedules=wiring.schedules(),
    )
