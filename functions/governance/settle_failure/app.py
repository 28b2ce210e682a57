"""Process a message again that could not be processed, or discard it, as somebody decided; every few minutes, deliver
again what EventBridge could not, and what an earlier release could not read."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import FailureSettings, RegistrySettings, load
from mesh.usecases.governance.redeliver_events import (
    INBOX,
    Places,
    Redelivered,
    Refusals,
    redeliver_events,
    redeliver_unread,
)
from mesh.usecases.governance.settle_failure import Decision, Settled, settle_failure


class Settings(FailureSettings, RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Decision → Settled. A scheduled event → Redelivered."""
    settings = load(Settings)
    return _redeliver(settings) if "detail-type" in event else _settle(event, settings)


def _redeliver(settings: Settings) -> Redelivered:
    using = Places(wiring.failed_messages(settings), wiring.redeliveries(settings), wiring.trace(settings))
    if f"{INBOX}=" not in settings.failure_queues:
        refusals = Refusals(wiring.central_context(settings), wiring.member_topics(settings))
        return redeliver_events("EventDlq", using=using, clock=wiring.clock, refusals=refusals)
    done = redeliver_events("EventDlq", using=using, clock=wiring.clock)
    unread = redeliver_unread(using=using, clock=wiring.clock)
    return Redelivered(delivered=done.delivered + unread.delivered, failed=done.failed + unread.failed)


def _settle(event: dict[str, Any], settings: Settings) -> Settled:
    return settle_failure(
        Decision.model_validate(event),
        messages=wiring.failed_messages(settings),
        redeliveries=wiring.redeliveries(settings),
        trace=wiring.trace(settings),
    )
