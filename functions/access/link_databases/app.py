"""Link the databases that an access reads."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, load
from mesh.usecases.access.accept_share import AcceptStep, link_databases


class Settings(TableSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{access}` → Linked."""
    settings = load(Settings)
    return link_databases(
        AcceptStep.model_validate(event).access,
        accesses=wiring.consumer_accesses(settings),
        catalog=wiring.catalog(),
        links=wiring.resource_links(),
        locks=wiring.locks(settings),
    )
