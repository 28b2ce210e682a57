"""Accept what central granted to this account, or look whether its reader reads and repair this account's side: accept
the RAM share, link its databases, grant to the reader."""

from functools import partial
from typing import Any

from mesh.domain.events import AccessCheckRequested, Envelope
from mesh.entry import receiver_wiring, wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import AccountSettings, TableSettings, load
from mesh.usecases.access.accept_share import accept_share
from mesh.usecases.access.check_share import check_share


class Settings(AccountSettings, TableSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{envelope}` → Accepted."""
    settings, envelope = load(Settings), Envelope.model_validate(event["envelope"])
    asked = envelope.detail_type == AccessCheckRequested.detail_type()
    handle = check_share if asked else partial(accept_share, clock=wiring.clock)
    return handle(
        envelope,
        account=settings.account_id,
        accesses=receiver_wiring.consumer_accesses(settings),
        readers=receiver_wiring.readers(),
        shares=receiver_wiring.shares(),
        catalog=wiring.catalog(),
        links=receiver_wiring.resource_links(),
        lake=wiring.lake(settings),
        locks=wiring.locks(settings),
    )
