"""Central's verdict on a product: its contract is rejected, or has to wait; or the product is another account's now."""

from typing import Any

from mesh.domain.events import Envelope
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, load
from mesh.usecases.onboarding.receive_verdict import Receiving, receive_verdict


class Settings(TableSettings):
    """The function's environment."""

    data_bucket: str
    onboard_upload_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> None:  # noqa: ANN401 - Lambda's own types
    """EventBridge's envelope of ProductQuarantined, ContractChangeAnnounced or ProductHandedOver → nothing."""
    settings = load(Settings)
    receive_verdict(
        Envelope.model_validate(event),
        using=Receiving(
            bucket=settings.data_bucket,
            objects=wiring.objects(),
            uploads=wiring.uploads(settings),
            revisions=wiring.revisions(settings),
            executions=wiring.machine(settings.onboard_upload_arn),
            clock=wiring.clock,
        ),
    )
