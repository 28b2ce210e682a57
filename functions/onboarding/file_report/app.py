"""Central does not register a contract, not yet, or another account's for the product: file the report on a rejected
one, and hold no data back for it; hold what comes for a product that was handed over."""

from typing import Any

from mesh.domain.events import (
    ContractChangeAnnounced,
    Envelope,
    Event,
    ProductHandedOver,
    ProductQuarantined,
    read_event,
)
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, load
from mesh.usecases.onboarding.contract_revisions import leave_product, settle_unregistered
from mesh.usecases.onboarding.refusal_reports import file_report


class Settings(TableSettings):
    """The function's environment."""

    data_bucket: str
    onboard_upload_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> None:  # noqa: ANN401 - Lambda's own types
    """EventBridge's envelope of ProductQuarantined, ContractChangeAnnounced or ProductHandedOver → nothing."""
    envelope, settings = Envelope.model_validate(event), load(Settings)
    uploads, executions = wiring.uploads(settings), wiring.machine(settings.onboard_upload_arn)
    if envelope.detail_type == ProductHandedOver.detail_type():
        leave_product(read_event(ProductHandedOver, envelope), uploads=uploads, executions=executions)
        return
    if envelope.detail_type == ContractChangeAnnounced.detail_type():
        answer: Event[Any] = read_event(ContractChangeAnnounced, envelope)
    else:
        answer = read_event(ProductQuarantined, envelope)
        file_report(answer, bucket=settings.data_bucket, objects=wiring.objects(), clock=wiring.clock)
    settle_unregistered(
        answer.data.product,
        answer.metadata.causation_id or "",
        revisions=wiring.revisions(settings),
        uploads=uploads,
        executions=executions,
    )
