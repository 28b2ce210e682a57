"""Central rejected a contract: write its report to the owner's bucket, and stop holding data back for it."""

from typing import Any

from mesh.domain.events import Envelope, Event, ProductQuarantined
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, load
from mesh.usecases.onboarding.contract_revisions import settle_refused
from mesh.usecases.onboarding.refusal_reports import file_report


class Settings(TableSettings):
    """The function's environment."""

    data_bucket: str
    onboard_upload_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> None:  # noqa: ANN401 - Lambda's own types
    """EventBridge's envelope of ProductQuarantined → nothing."""
    detail = Event[ProductQuarantined].model_validate(Envelope.model_validate(event).detail)
    settings = load(Settings)
    file_report(detail, bucket=settings.data_bucket, objects=wiring.objects(), clock=wiring.clock)
    settle_refused(
        detail.data.product,
        detail.metadata.causation_id or "",
        revisions=wiring.revisions(settings),
        uploads=wiring.uploads(settings),
        executions=wiring.machine(settings.onboard_upload_arn),
    )
