"""Deliveries run beside the request that caused them, are retried, and end in the target or its dead letter queue."""

import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from ministack.core import iam_evaluator
from ministack.core.arn import parse_arn
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import eventbridge, sqs

from local import faults, policies
from local.events.payload import payload_of
from local.events.targets import SERVICE, Delivery, DeliveryError, Targets
from local.options import ServerOptions

logger = logging.getLogger("mesh.events")

# EventBridge's defaults: "for 24 hours and up to 185 times with an exponential back off".
_MAX_AGE_SECONDS: Final = 86_400
_MAX_RETRIES: Final = 185
_FIRST_BACKOFF_SECONDS: Final = 1.0
_LONGEST_BACKOFF_SECONDS: Final = 60.0
_THREADS: Final = 16


class Deliveries:
    """In the place of MiniStack's `_invoke_target`, which asks for no permission and drops what fails."""

    def __init__(self, options: ServerOptions) -> None:
        self._scale = options.wait_scale
        self._targets = Targets(options)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="delivery", initializer=_over_tls)
        self._held: dict[str, list[Delivery]] = {}
        self._lock = threading.Lock()

    def invoke_target(
        self,
        target: dict[str, Any],
        event: dict[str, Any],
        rule: dict[str, Any],
        view: Any = None,  # noqa: ANN401
    ) -> None:
        """Called by MiniStack for each target of a rule that matched, in the rule's account."""
        source_rule = eventbridge._rule_key(rule.get("Name"), rule.get("EventBusName", "default"))
        delivery = Delivery(
            rule=rule,
            target=target,
            event={key: value for key, value in event.items() if key != "_DispatchPath"},
            payload=payload_of(target, event, rule, view),
            account=get_account_id(),
            region=get_region(),
            path=(*event.get("_DispatchPath", ()), source_rule),
        )
        self._submit(delivery)

    def _submit(self, delivery: Delivery) -> None:
        kind = str(delivery.event.get("DetailType", ""))
        where = faults.Where("events", kind, delivery.account, delivery.target_arn)
        sequence = f"events {kind} {delivery.account} {_subject(delivery.event)}"
        again = faults.take("duplicate_event", where, sequence=sequence)
        now = 1 + again.copies if again else 1
        fault = faults.take("reorder", where, sequence=sequence)
        for _ in range(now - 1 if fault else now):
            self._threads.submit(self._run, delivery)
        self._release(delivery.target_arn)
        if fault:
            faults.hold_back(delivery)
            with self._lock:
                self._held.setdefault(delivery.target_arn, []).append(delivery)
            threading.Timer(fault.seconds or 2.0, self._release, [delivery.target_arn]).start()

    def _release(self, target_arn: str) -> None:
        """Let go of what was held back to come after the next event."""
        with self._lock:
            held = self._held.pop(target_arn, [])
        for delivery in held:
            threading.Timer(0.2, self._threads.submit, [self._run_late, delivery]).start()

    def _run_late(self, delivery: Delivery) -> None:
        try:
            self._run(delivery)
        finally:
            faults.let_go(delivery)

    def _run(self, delivery: Delivery) -> None:
        try:
            self._try(delivery)
        except Exception:
            logger.exception("delivery to %s failed", delivery.target_arn)
            raise

    def _try(self, delivery: Delivery) -> None:
        policy = delivery.target.get("RetryPolicy") or {}
        retries = policy.get("MaximumRetryAttempts", _MAX_RETRIES)
        deadline = time.monotonic() + policy.get("MaximumEventAgeInSeconds", _MAX_AGE_SECONDS) * self._scale
        attempt = 0
        while True:
            try:
                self._deliver(delivery)
                return
            except DeliveryError as error:
                spent = attempt >= retries or time.monotonic() >= deadline
                if spent or not error.retryable:
                    self._give_up(delivery, error, attempt)
                    return
            time.sleep(min(_FIRST_BACKOFF_SECONDS * 2**attempt, _LONGEST_BACKOFF_SECONDS) * self._scale)
            attempt += 1

    def _deliver(self, delivery: Delivery) -> None:
        if faults.take("throttle", faults.Where("events", "Deliver", delivery.account, delivery.target_arn)):
            raise DeliveryError("THROTTLING", "Rate exceeded", retryable=True)
        self._targets.deliver(delivery)

    def _give_up(self, delivery: Delivery, error: DeliveryError, attempts: int) -> None:
        queue_arn = (delivery.target.get("DeadLetterConfig") or {}).get("Arn")
        if not queue_arn:
            logger.error("%s: %s; no dead letter queue, the event is lost", delivery.target_arn, error)
            return
        found = sqs.queue_policy_for_arn(queue_arn)
        if found is None or not policies.resource_allows_service(
            found[0], "sqs:SendMessage", queue_arn, SERVICE, delivery.rule_arn
        ):
            logger.error("%s: %s; its queue %s does not let events in", delivery.target_arn, error, queue_arn)
            return
        _send_dead_letter(queue_arn, delivery, error, attempts)


def _over_tls() -> None:
    """AWS's services deliver over TLS: queues refuse what comes without."""
    iam_evaluator.pin_request_origin("", secure_transport=True)


def _send_dead_letter(queue_arn: str, delivery: Delivery, error: DeliveryError, attempts: int) -> None:
    attributes = {
        "RULE_ARN": delivery.rule_arn,
        "TARGET_ARN": delivery.target_arn,
        "ERROR_CODE": error.code,
        "ERROR_MESSAGE": str(error),
        "RETRY_ATTEMPTS": str(attempts),
    }
    if error.retryable:
        attributes["EXHAUSTED_RETRY_CONDITION"] = "MaximumRetryAttempts"
    with request_scope(queue_arn.split(":")[4], delivery.region):
        queue = sqs._queue_by_arn(queue_arn)
        message = {
            "MessageBody": payload_of({}, delivery.event, delivery.rule),
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
        }
        sqs._act_send_message(message, sqs._queue_url_for_account(parse_arn(queue_arn).account_id, queue["name"]))


def _subject(event: dict[str, Any]) -> str:
    """What an event is about, as far as its name lasts: an object of S3, or a product."""
    try:
        detail = json.loads(event["Detail"])
        return str((detail.get("object") or {}).get("key") or (detail.get("data") or {}).get("product") or "")
    except (AttributeError, KeyError, TypeError, ValueError):
        return ""
