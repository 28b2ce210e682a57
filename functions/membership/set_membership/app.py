"""Bring an account's membership to what the data mesh owner says (`mesh admit`, `mesh expel`); let members onto a bus
that was made again."""

from typing import Any

from mesh.domain.governance.ontology import DOMAIN
from mesh.entry import governance_layer, wiring
from mesh.entry.custom_resource import answer_cloudformation
from mesh.entry.observability import entry_point
from mesh.entry.settings import MeshBusSettings, RegistrySettings, load
from mesh.usecases.membership.set_membership import SetMembership, restore_members, set_membership


class Settings(RegistrySettings, MeshBusSettings):
    """The function's environment."""

    revoke_access_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """SetMembership → MembershipSet. CloudFormation's request → members let in again."""
    settings = load(Settings)
    if "RequestType" in event:
        return answer_cloudformation(event, context, lambda _new, _old: {"Members": _restore(settings)})
    return set_membership(
        SetMembership.model_validate(event, extra="forbid"),
        domains=tuple(governance_layer.ontology().keys[DOMAIN].values),
        context=wiring.central_context(settings),
        bus=wiring.bus_permissions(settings),
        topics=wiring.member_topics(settings),
        endings=wiring.machine(settings.revoke_access_arn),
        own_bus=wiring.bus(settings.mesh_bus),
    )


def _restore(settings: Settings) -> str:
    registry, bus = wiring.registry(settings), wiring.bus_permissions(settings)
    return ",".join(restore_members(registry=registry, bus=bus))
