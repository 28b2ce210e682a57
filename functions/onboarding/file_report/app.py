"""Central does not register a contract, or not yet: file the report on a rejected one, and hold no data back for it."""

from typing import Any

from mesh.domain.events import ContractChangeAnnounced, Envelope, Event, ProductQuarantined, read_event
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, load
from mesh.usecases.onboarding.contract_revisions import settle_unregistered
from mesh.usecases.onboarding.refusal_reports import file_report


class Settings(TableSettings):
    """The function's environment."""

    data_bucket: str
    onboard_upload_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> None:  # noqa: ANN401 - Lambda's own types
    """EventBridge's envelope of ProductQuarantined, or of ContractChangeAnnounced → nothing."""
    envelope, settings = Envelope.model_validate(event), load(Settings)
    if envelope.detail_type == ContractChangeAnnounced.detail_type():
        answer: Event[Any] = read_event(ContractChangeAnnounced, envelope)
    else:
        answer = read_event(ProductQuarantined, envelope)
        file_report(answer, bucket=settings.data_bucket, objects=wiring.objects(), clock=wiring.clock)
    settle_unregistered(
        answer.data.product,
        answer.metadata.causation_id or "",
        revisions=wiring.revisions(settings),
        uploads=wiring.uploads(settings),
        executions=wiring.machine(settings.onboard_upload_arn),
    )
