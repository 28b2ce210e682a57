"""Start the query that proves an access, as the reader where that can be."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, load
from mesh.usecases.access.verify_access import ProofStep, start_proof


class Settings(TableSettings):
    """The function's environment."""

    workgroup: str
    own_role_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{access, execution}` → Proof."""
    settings = load(Settings)
    return start_proof(
        ProofStep.model_validate(event),
        own_role=settings.own_role_arn,
        accesses=wiring.consumer_accesses(settings),
        readers=wiring.readers(),
        queries=wiring.queries(settings.workgroup),
    )
