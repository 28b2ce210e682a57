"""Handle central's own PinAccepted, VersionsEnded and MembershipEnded, and what ends a pin: a request, its expiry, its
product's end."""

from typing import Any

from mesh.domain.errors import Rejected
from mesh.entry import wiring
from mesh.entry.observability import entry_point, refused
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.publishing.settle_pin import PinKeeper


class Settings(RegistrySettings):
    """The function's environment."""

    role_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """EventBridge's envelope, or `{ending}` → Settled. A refusal is recorded, and not retried."""
    settings = load(Settings)
    keeper = PinKeeper(
        role_arn=settings.role_arn,
        context=wiring.central_context(settings),
        topics=wiring.member_topics(settings),
        schedules=wiring.schedules(),
        tagging=wiring.tagging(settings),
        proposals=wiring.proposals(settings),
        locks=wiring.locks(settings),
    )
    try:
        return keeper.settle(event)
    except Rejected as refusal:
        return refused(refusal)
