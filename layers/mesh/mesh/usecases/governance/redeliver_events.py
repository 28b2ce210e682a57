"""Events that could not be delivered to a target, or that a function failed at for a reason that passes, are delivered
again, for an hour.

EventBridge repeats what is throttled, or not answered, and gives up at once where its role has no permission: one that
was just made may not be known everywhere yet. Lambda invokes a function three times. What fails for longer, or for
another reason, is for people (`mesh dlq`).
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from datetime import timedelta
from typing import Final

from mesh.domain.governance.failures import failure_of
from mesh.domain.model import Model
from mesh.ports import Clock, FailedMessages, Redeliveries, Trace
from mesh.usecases.governance.settle_failure import note_settled

REPEATED_FOR: Final = timedelta(hours=1)
"""Every five minutes."""


class Redelivered(Model):
    """How many were delivered, and how many still could not be."""

    delivered: int = 0
    failed: int = 0


def redeliver_events(
    queue: str, *, messages: FailedMessages, redeliveries: Redeliveries, trace: Trace, clock: Clock
) -> Redelivered:
    """Idempotent: what is delivered twice is processed as once. One that fails keeps no other from it, and stays."""
    found, delivered, left = 0, 0, list[str]()
    try:
        for message, receipt in messages.all(queue):
            failure, began = failure_of(message), clock.now() - REPEATED_FOR
            if failure.redelivery is None or failure.since is None or failure.since < began:
                left.append(receipt)
                continue
            found += 1
            try:
                redeliveries.deliver(failure.redelivery)
            except Exception:
                left.append(receipt)
                continue
            note_settled(
                message, failure, trace, action="replay", reason="it had not reached its target", by="Meshwork"
            )
            messages.delete(queue, receipt)
            delivered += 1
    finally:
        for receipt in left:  # when all was looked at: it would come again and again
            messages.give_back(queue, receipt)
    return Redelivered(delivered=delivered, failed=found - delivered)
