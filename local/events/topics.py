"""What SNS asks for and MiniStack does not: the key of an encrypted topic, by whoever publishes; what a queue is told;
where messages go that a queue does not take.

https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html
https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
"""

import json
from collections.abc import Callable
from typing import Any, Final

from ministack.core import iam_evaluator
from ministack.core.responses import get_region, request_scope
from ministack.services import kms, sns, sqs

from local import policies
from local.lakeformation import identity

_KEY_ACTIONS: Final = ("kms:GenerateDataKey", "kms:Decrypt")


def install() -> None:
    """Put our checks around MiniStack's. Once per process."""
    sns._enforce_topic_policy = _with_key(sns._enforce_topic_policy)
    sqs.queue_policy_allows = _queue_admits
    sns._deliver_to_sqs = _or_to_its_dead_letters(sns._deliver_to_sqs)


def _queue_admits(queue_arn: str, service: str, source_arn: str, source_account: str) -> bool:
    """Whether the queue's policy admits the service, by the keys that it sends."""
    found = sqs.queue_policy_for_arn(queue_arn)
    return bool(found) and policies.resource_allows_service(found[0], "sqs:SendMessage", queue_arn, service, source_arn)


def _or_to_its_dead_letters(deliver: Callable[..., None]) -> Callable[..., None]:
    """A queue that is gone, or does not admit SNS, is not asked again: that is the client's error."""

    def delivered(endpoint: str, *message: Any, topic_arn: str = "", **more: Any) -> None:  # noqa: ANN401 - a message
        takes = sqs._queue_by_arn(endpoint) and _queue_admits(endpoint, "sns.amazonaws.com", topic_arn, "")
        deliver(endpoint if takes else _dead_letters(topic_arn, endpoint), *message, topic_arn=topic_arn, **more)

    return delivered


def _dead_letters(topic_arn: str, endpoint: str) -> str:
    """The queue that the subscription's redrive policy names; without one, the queue itself, which loses it."""
    topic = sns._topic_by_arn_any_scope(topic_arn) or {}
    here = (each["attributes"] for each in topic.get("subscriptions", ()) if each["endpoint"] == endpoint)
    policy = next((each["RedrivePolicy"] for each in here if each.get("RedrivePolicy")), None)
    return str(json.loads(policy)["deadLetterTargetArn"]) if policy else endpoint


def _with_key(enforce: Callable[..., Any]) -> Callable[..., Any]:
    def enforced(topic: dict[str, Any], action: str) -> Any:  # noqa: ANN401 - MiniStack's answer
        denied = enforce(topic, action)
        key = topic["attributes"].get("KmsMasterKeyId")
        if denied is not None or action != "sns:Publish" or not key:
            return denied
        missing = _missing_right(str(topic["arn"]).split(":")[4], key)
        message = f"User: {iam_evaluator.caller_arn()} is not authorized to perform: {missing} on {key}"
        return sns._error("KMSAccessDenied", message, 400) if missing else None

    return enforced


def _missing_right(owner: str, key_id: str) -> str:
    """What the caller of the present request may not do with the key; the key that AWS manages serves its account."""
    session = iam_evaluator.caller_arn()
    if session.endswith(":root"):
        return ""
    region = get_region()
    with request_scope(owner, region):
        key = kms._resolve_key(key_id)
        if not key:
            return ""
        caller = identity.Identity(identity.principal_arn(session), session.split(":")[4], region, session)
        denied = (each for each in _KEY_ACTIONS if identity.role_decision(caller, each, key["Arn"]) is not None)
        return next(denied, "")
