"""Validate a declared contract and claim its product's name."""

from typing import Any

from mesh.adapters.odcs.contracts import read_contract
from mesh.domain.events import Envelope
from mesh.entry import governance_layer, wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.ports import Target
from mesh.usecases.contracts.announce_change import Announcing
from mesh.usecases.contracts.check_contract import receive_contract


class Settings(RegistrySettings):
    """The function's environment."""

    register_product_arn: str
    schedule_role_arn: str
    event_dlq_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{envelope, execution}` → CheckedContract."""
    settings = load(Settings)
    return receive_contract(
        Envelope.model_validate(event["envelope"]),
        execution=str(event["execution"]),
        announcing=Announcing(
            context=wiring.central_context(settings),
            announcements=wiring.announcements(settings),
            ontology=governance_layer.ontology(),
            topics=wiring.member_topics(settings),
            schedules=wiring.schedules(),
            again=Target(settings.register_product_arn, settings.schedule_role_arn, settings.event_dlq_arn),
        ),
        catalog_id=settings.account_id,
        region=settings.aws_region,
        read_contract=read_contract,
    )
