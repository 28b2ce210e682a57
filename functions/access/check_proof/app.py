"""Look how the proving query stands; once it has succeeded the access is ready."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, load
from mesh.usecases.access.verify_access import Proof, check_proof


class Settings(TableSettings):
    """The function's environment."""

    workgroup: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Proof → Checked."""
    settings = load(Settings)
    return check_proof(
        Proof.model_validate(event),
        accesses=wiring.consumer_accesses(settings),
        queries=wiring.queries(settings.workgroup),
    )
