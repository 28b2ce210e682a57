"""Infer a draft contract for data that came without one."""

from typing import Any

from mesh.adapters.duckdb.reading.reading import DuckReadings
from mesh.adapters.odcs.contracts import draft_contract
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import CentralBusSettings, TableSettings, WorkSettings, load
from mesh.usecases.onboarding.draft_product import Draft, draft_product


class Settings(TableSettings, CentralBusSettings, WorkSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Draft → Drafted."""
    settings = load(Settings)
    return draft_product(
        Draft.model_validate(event),
        draft_contract=draft_contract,
        readings=DuckReadings(wiring.objects()),
        uploads=wiring.uploads(settings),
        bus=wiring.bus(settings.central_bus_arn),
        work=wiring.work(settings.work_bucket),
        trace=wiring.trace(settings),
    )
