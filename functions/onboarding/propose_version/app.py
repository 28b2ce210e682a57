"""Stage the next version of each table of a batch and propose it to central; the run waits for the answer."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import CentralBusSettings, TableSettings, WorkSettings, load
from mesh.usecases.onboarding.propose_version import Propose, propose_version


class Settings(TableSettings, WorkSettings, CentralBusSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Propose → the event that was sent."""
    settings = load(Settings)
    return propose_version(
        Propose.model_validate(event),
        catalog=wiring.catalog(),
        staging=wiring.staging_tools(settings),
        uploads=wiring.uploads(settings),
        bus=wiring.bus(settings.central_bus_arn),
    )
