"""Accept what central granted to this account: accept the RAM share, link its databases, grant to the reader."""

from typing import Any

from mesh.domain.events import Envelope
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import AccountSettings, TableSettings, load
from mesh.usecases.access.accept_share import accept_share


class Settings(AccountSettings, TableSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{envelope}` → Accepted."""
    settings = load(Settings)
    return accept_share(
        Envelope.model_validate(event["envelope"]),
        account=settings.account_id,
        accesses=wiring.consumer_accesses(settings),
        readers=wiring.readers(),
        shares=wiring.shares(),
        catalog=wiring.catalog(),
        links=wiring.resource_links(),
        lake=wiring.lake(settings),
        locks=wiring.locks(settings),
        clock=wiring.clock,
    )
