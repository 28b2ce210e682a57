"""Handle RollbackRequested, and RollbackRefused from the owner's account."""

from typing import Any

from mesh.domain.errors import Rejected
from mesh.domain.events import Envelope, RollbackRefused
from mesh.entry import wiring
from mesh.entry.observability import entry_point, refused
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.roll_back import refuse_rollback, request_rollback


class Settings(RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """EventBridge's envelope → RolledBack. A refusal is recorded, and not retried."""
    settings, envelope = load(Settings), Envelope.model_validate(event)
    handle = refuse_rollback if envelope.detail_type == RollbackRefused.detail_type() else request_rollback
    try:
        return handle(envelope, books=wiring.books(settings), topics=wiring.member_topics(settings))
    except Rejected as refusal:
        return refused(refusal)
