"""Queues as time is skipped: what is invisible, or delayed, becomes visible that much earlier."""

from ministack.services import lambda_svc, sqs


def pass_time(seconds: float) -> None:
    """For every message of every queue."""
    for _, queue in list(sqs._queues.all_items()):
        for message in queue["messages"]:
            if "visible_at" in message:
                message["visible_at"] -= seconds
    lambda_svc._esm_wake.set()
