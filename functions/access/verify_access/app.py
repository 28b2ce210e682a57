"""Verify that an access works, with one query through its resource link."""

from typing import Any

from mesh.entry import receiver_wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, load
from mesh.usecases.access.verify_access import ProofStep, verify_access


class Settings(TableSettings):
    """The function's environment."""

    workgroup: str
    own_role_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{access, execution, attempt}` → Proved."""
    settings = load(Settings)
    return verify_access(
        ProofStep.model_validate(event),
        own_role=settings.own_role_arn,
        accesses=receiver_wiring.consumer_accesses(settings),
        readers=receiver_wiring.readers(),
        queries=receiver_wiring.queries(settings.workgroup),
    )
