"""A contract was uploaded: declare its product to central, or report what is wrong with it. Scheduled: those whose
events never came."""

from collections.abc import Iterable
from typing import Any

from mesh.adapters.duckdb.measuring.rule_trial import try_rules
from mesh.adapters.odcs.contracts import read_contract
from mesh.domain.errors import Rejected
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.keys import ContractKey, parse_key
from mesh.entry import wiring
from mesh.entry.observability import entry_point, refused
from mesh.entry.s3_events import object_of
from mesh.entry.settings import CentralBusSettings, OwnBusSettings, TableSettings, load
from mesh.usecases.onboarding.contract_revisions import missed_contracts
from mesh.usecases.onboarding.declare_product import declare_product, refuse_contract


class Settings(TableSettings, CentralBusSettings, OwnBusSettings):
    """The function's environment."""

    onboard_upload_arn: str
    data_bucket: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """S3's `Object Created`, or the schedule's call → Declared for each contract. One that does not pass is reported,
    and not retried."""
    settings = load(Settings)
    return [_declare(ref, settings) for ref in _arrived(event, settings)]


def _arrived(event: dict[str, Any], settings: Settings) -> Iterable[ObjectRef]:
    if event["source"] == "aws.s3":
        return [object_of(event)]
    return missed_contracts(
        settings.data_bucket,
        landing=wiring.landing_objects(),
        revisions=wiring.revisions(settings),
        clock=wiring.clock,
    )


def _declare(ref: ObjectRef, settings: Settings) -> Any:  # noqa: ANN401 - Lambda's own types
    objects, uploads, revisions = wiring.objects(), wiring.uploads(settings), wiring.revisions(settings)
    try:
        key = parse_key(ref.key)
        if not isinstance(key, ContractKey):
            return None  # a folder within data/ may hold a file of that name
        return declare_product(
            ref,
            key,
            read_contract=read_contract,
            try_rules=try_rules,
            objects=objects,
            uploads=uploads,
            revisions=revisions,
            bus=wiring.bus(settings.central_bus_arn),
            trace=wiring.trace(settings),
        )
    except Rejected as refusal:
        refuse_contract(
            ref,
            refusal,
            objects=objects,
            uploads=uploads,
            revisions=revisions,
            executions=wiring.machine(settings.onboard_upload_arn),
            bus=wiring.bus(settings.own_bus_name),
            clock=wiring.clock,
        )
        return refused(refusal)
