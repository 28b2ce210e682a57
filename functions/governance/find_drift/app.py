"""Compare AWS with the registry."""

from typing import Any

from mesh.domain.governance.drift import Repaired
from mesh.domain.governance.renewal import ProductRoles
from mesh.entry import governance_layer, wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import EntranceSettings, RegistrySettings, load
from mesh.usecases.governance.compare_products import Foundation
from mesh.usecases.governance.compare_rights import RightsThere
from mesh.usecases.governance.find_drift import find_drift


class Settings(RegistrySettings, EntranceSettings):
    """The function's environment."""

    location_role_arn: str
    queues_and_topics: str
    registrar_role_arn: str
    commit_role_arn: str
    pin_role_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{before, run}` after a repair, or `{}` → Drifts."""
    settings = load(Settings)
    lake, catalog = wiring.lake(settings), wiring.access_reader(settings)
    return find_drift(
        Repaired.model_validate(event.get("before", {})),
        run=str(event.get("run", ""))[-36:],
        context=wiring.central_context(settings),
        catalog=catalog,
        policies=governance_layer.policies(),
        foundation=lambda: Foundation(
            ontology=governance_layer.ontology(),
            locations=lake.locations(),
            settings=lake.settings(),
            admins=wiring.lake_admins(settings).kept(),
            location_role=settings.location_role_arn,
            rights=RightsThere(beside=catalog.rights_beside(), roles=_roles(settings)),
            values=catalog.tag_values(),
        ),
        entrances=wiring.entrances(settings),
        stack=wiring.stack_policies(settings.queues_and_topics),
        record=wiring.governance_record(settings),
    )


def _roles(settings: Settings) -> ProductRoles:
    return ProductRoles(
        registrar=settings.registrar_role_arn, committers=(settings.commit_role_arn, settings.pin_role_arn)
    )
