"""Tell the receiving account what it may pass on; the run waits until it reads."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import AccountSettings, TableSettings, load
from mesh.usecases.access_steps import WaitingStep
from mesh.usecases.grant_access import announce_grant


class Settings(AccountSettings, TableSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{access, token, execution}` → Granting."""
    step, settings = WaitingStep.model_validate(event), load(Settings)
    return announce_grant(
        step.access,
        step.token,
        step.execution,
        catalog_id=settings.account_id,
        region=settings.aws_region,
        registry=wiring.registry(settings),
        accesses=wiring.accesses(settings),
        topics=wiring.member_topics(settings),
        trace=wiring.trace(settings),
    )
