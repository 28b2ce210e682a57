"""Handle RollbackRequested, and a rollback that could not be committed."""

from typing import Any

from mesh.domain.errors import Rejected
from mesh.domain.events import Envelope
from mesh.entry import wiring
from mesh.entry.observability import entry_point, refused
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.publishing.request_rollback import NotCommitted, request_rollback, settle_refusal


class Settings(RegistrySettings):
    """The function's environment."""

    roll_back_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """EventBridge's envelope, or `{refused}` → RolledBack. A refusal is recorded, and not retried."""
    settings = load(Settings)
    context, topics = wiring.central_context(settings), wiring.member_topics(settings)
    if (lost := event.get("refused")) is not None:
        found = NotCommitted.model_validate(lost)
        return settle_refusal(found, context=context, proposals=wiring.proposals(settings), topics=topics)
    try:
        return request_rollback(
            Envelope(**event), context=context, topics=topics, commits=wiring.machine(settings.roll_back_arn)
        )
    except Rejected as refusal:
        return refused(refusal)
