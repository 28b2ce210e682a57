"""A contract was uploaded: declare its product to central, or report what is wrong with it."""

from typing import Any

from mesh.adapters.odcs.contracts import read_contract
from mesh.domain.errors import Rejected
from mesh.domain.onboarding.keys import ContractKey, parse_key
from mesh.entry import wiring
from mesh.entry.observability import entry_point, refused
from mesh.entry.s3_events import object_of
from mesh.entry.settings import CentralBusSettings, OwnBusSettings, TableSettings, load
from mesh.usecases.onboarding.contract_revisions import settle_refused
from mesh.usecases.onboarding.declare_product import correlation_of, declare_product
from mesh.usecases.onboarding.refusal_reports import report_refusal


class Settings(TableSettings, CentralBusSettings, OwnBusSettings):
    """The function's environment."""

    onboard_upload_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """S3's `Object Created` → Declared. A contract that does not pass is reported, and not retried."""
    settings, ref = load(Settings), object_of(event)
    try:
        key = parse_key(ref.key)
        if not isinstance(key, ContractKey):
            return None  # a folder within data/ may hold a file of that name
        return declare_product(
            ref,
            key,
            read_contract=read_contract,
            objects=wiring.objects(),
            uploads=wiring.uploads(settings),
            revisions=wiring.revisions(settings),
            bus=wiring.bus(settings.central_bus_arn),
            trace=wiring.trace(settings),
        )
    except Rejected as refusal:
        bus, objects = wiring.bus(settings.own_bus_name), wiring.objects()
        product = ref.key.partition("/")[0]
        report_refusal(ref, refusal.to_dict(), product=product, objects=objects, bus=bus, clock=wiring.clock)
        settle_refused(
            product,
            correlation_of(ref),
            revisions=wiring.revisions(settings),
            uploads=wiring.uploads(settings),
            executions=wiring.machine(settings.onboard_upload_arn),
        )
        return refused(refusal)
