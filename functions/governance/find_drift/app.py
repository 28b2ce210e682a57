"""Compare AWS with the registry."""

from typing import Any

from mesh.domain.governance.drift import Repaired
from mesh.entry import governance_layer, wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import EntranceSettings, RegistrySettings, load
from mesh.usecases.governance.compare_products import Foundation
from mesh.usecases.governance.find_drift import find_drift


class Settings(RegistrySettings, EntranceSettings):
    """The function's environment."""

    location_role_arn: str
    queues_and_topics: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{before, run}` after a repair, or `{}` → Drifts."""
    settings = load(Settings)
    lake = wiring.lake(settings)
    return find_drift(
        Repaired.model_validate(event.get("before", {})),
        run=str(event.get("run", ""))[-36:],
        context=wiring.central_context(settings),
        catalog=wiring.access_reader(settings),
        policies=governance_layer.policies(),
        ontology=governance_layer.ontology(),
        foundation=lambda: Foundation(
            ontology=governance_layer.ontology(),
            locations=lake.locations(),
            settings=lake.settings(),
            admins=wiring.lake_admins(settings).kept(),
            location_role=settings.location_role_arn,
        ),
        entrances=wiring.entrances(settings),
        stack=wiring.stack_policies(settings.queues_and_topics),
    )
