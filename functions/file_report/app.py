"""Central rejected a contract: write its report beside it, where its owner looks."""

from typing import Any

from mesh.domain.events import Envelope, Event, ProductQuarantined
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import Settings as Base
from mesh.entry.settings import load
from mesh.usecases.refusal_reports import file_report


class Settings(Base):
    """The function's environment."""

    data_bucket: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> None:  # noqa: ANN401 - Lambda's own types
    """EventBridge's envelope of ProductQuarantined → nothing."""
    detail = Event[ProductQuarantined].model_validate(Envelope.model_validate(event).detail)
    file_report(detail, bucket=load(Settings).data_bucket, objects=wiring.objects(), clock=wiring.clock)
