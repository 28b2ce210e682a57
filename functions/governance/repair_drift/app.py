"""Repair the drift that `find_drift` found, and ask the readers' accounts to look at their side."""

from functools import partial
from typing import Any

from mesh.domain.governance.drift import Drifts
from mesh.entry import governance_layer, wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import EntranceSettings, RegistrySettings, load
from mesh.ports import Target
from mesh.usecases.access_ends import Endings
from mesh.usecases.governance.carry_out_renames import Renaming
from mesh.usecases.governance.repair_drift import Order, Repairing, repair_drift
from mesh.usecases.publishing.tag_tables import restore_tags


class Settings(RegistrySettings, EntranceSettings):
    """The function's environment."""

    revoke_access_arn: str
    schedule_role_arn: str
    event_dlq_arn: str
    location_role_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{found, execution, asked, order}` → Repaired."""
    settings = load(Settings)
    central, lake, locks = wiring.central_context(settings), wiring.lake(settings), wiring.locks(settings)
    policies, entrances = governance_layer.policies(), wiring.entrances(settings)
    named = wiring.named_accesses(settings, settings.revoke_access_arn)
    return repair_drift(
        Drifts.model_validate(event["found"]),
        run=str(event["execution"]),
        order=Order.model_validate(event["order"]),
        asked=bool(event["asked"]),
        using=Repairing(
            context=central,
            lake=lake,
            locks=locks,
            named=named,
            endings=Endings(
                after=policies.ends_after,
                at_end=Target(settings.revoke_access_arn, settings.schedule_role_arn, settings.event_dlq_arn),
                schedules=wiring.schedules(),
            ),
            entrances=entrances,
            principals=wiring.principals(settings),
            restore_tags=partial(restore_tags, tagging=wiring.tagging(settings), named=named),
            location_role=settings.location_role_arn,
            admins=wiring.lake_admins(settings).kept,
            renaming=Renaming(
                context=central,
                policies=policies,
                record=wiring.governance_record(settings),
                catalog=wiring.access_reader(settings),
                lake=lake,
                locks=locks,
                topics=entrances.topics,
            ),
        ),
    )
