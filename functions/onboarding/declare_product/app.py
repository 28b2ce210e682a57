"""A contract was uploaded: declare its product to central, or report what is wrong with it."""

from typing import Any

from mesh.adapters.duckdb.measuring.rule_trial import try_rules
from mesh.adapters.odcs.contracts import read_contract
from mesh.domain.errors import Rejected
from mesh.domain.onboarding.keys import ContractKey, parse_key
from mesh.entry import wiring
from mesh.entry.observability import entry_point, refused
from mesh.entry.s3_events import object_of
from mesh.entry.settings import CentralBusSettings, OwnBusSettings, TableSettings, load
from mesh.usecases.onboarding.declare_product import declare_product, refuse_contract


class Settings(TableSettings, CentralBusSettings, OwnBusSettings):
    """The function's environment."""

    onboard_upload_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """S3's `Object Created` → Declared. A contract that does not pass is reported, and not retried."""
    settings, ref = load(Settings), object_of(event)
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
