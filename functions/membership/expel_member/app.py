"""Expel an account on behalf of the data mesh owner (`mesh expel`)."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import MeshBusSettings, RegistrySettings, load
from mesh.usecases.membership.admit_member import ExpelMember, expel_member


class Settings(RegistrySettings, MeshBusSettings):
    """The function's environment."""

    revoke_access_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{account, reason}` → MemberLeft."""
    settings = load(Settings)
    return expel_member(
        ExpelMember.model_validate(event),
        context=wiring.central_context(settings),
        bus=wiring.bus_permissions(settings),
        topics=wiring.member_topics(settings),
        endings=wiring.machine(settings.revoke_access_arn),
    )
