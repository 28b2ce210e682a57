"""Record an access request, and decide it on what it would expose now."""

from typing import Any

from mesh.domain.events import Envelope
from mesh.entry import governance_layer, wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.access.request_access import decide_request


class Settings(RegistrySettings):
    """The function's environment."""

    grant_access_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{envelope, execution}` → Verdict."""
    settings = load(Settings)
    return decide_request(
        Envelope.model_validate(event["envelope"]),
        execution=str(event["execution"]),
        context=wiring.central_context(settings),
        catalog=wiring.access_reader(settings),
        policies=governance_layer.policies(),
        personas=governance_layer.personas(),
        runs=wiring.machine(settings.grant_access_arn),
    )
