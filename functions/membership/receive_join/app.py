"""Handle MemberJoined."""

from typing import Any

from mesh.domain.errors import Rejected
from mesh.domain.events import Envelope
from mesh.domain.governance.ontology import DOMAIN
from mesh.entry import governance_layer, wiring
from mesh.entry.observability import entry_point, refused
from mesh.entry.settings import MeshBusSettings, RegistrySettings, load
from mesh.usecases.membership.receive_join import receive_join


class Settings(RegistrySettings, MeshBusSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """EventBridge's envelope → Member. A rejection is logged, and not retried."""
    settings = load(Settings)
    try:
        return receive_join(
            Envelope.model_validate(event),
            rules=governance_layer.self_admission(),
            domains=tuple(governance_layer.ontology().keys[DOMAIN].values),
            registry=wiring.registry(settings),
            bus=wiring.bus_permissions(settings),
            topics=wiring.member_topics(settings),
            clock=wiring.clock,
        )
    except Rejected as refusal:
        return refused(refusal)
