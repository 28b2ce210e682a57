"""Revoke the local grants of an access, except those that another access needs."""

from typing import Any

from mesh.domain.events import Envelope
from mesh.entry import receiver_wiring, wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import AccountSettings, TableSettings, load
from mesh.usecases.access.release_share import release_access


class Settings(AccountSettings, TableSettings):
    """The function's environment."""

    own_role_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{envelope, execution}` → Released."""
    settings = load(Settings)
    return release_access(
        Envelope.model_validate(event["envelope"]),
        execution=event["execution"],
        account=settings.account_id,
        own_role=settings.own_role_arn,
        accesses=receiver_wiring.consumer_accesses(settings),
        lake=wiring.lake(settings),
        readers=receiver_wiring.readers(),
        links=receiver_wiring.resource_links(),
        locks=wiring.locks(settings),
        clock=wiring.clock,
    )
