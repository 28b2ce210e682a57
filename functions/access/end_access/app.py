"""Mark an access as ending, and notify the accounts concerned."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.access.end_access import EndStep, end_access


class Settings(RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{order, token, execution}` → Ended."""
    step, settings = EndStep.model_validate(event), load(Settings)
    return end_access(
        step,
        context=wiring.central_context(settings),
        topics=wiring.member_topics(settings),
        answers=wiring.answers(),
    )
