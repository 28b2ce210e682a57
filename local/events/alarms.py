"""What a CloudWatch alarm asks for and MiniStack does not: the topic's policy, and the key of an encrypted one.

https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html#sns-allow-specified-service-to-publish-to-topic
"""

from collections.abc import Callable
from typing import Any, Final

from ministack.services import cloudwatch, sns

from local import policies

_SERVICE: Final = "cloudwatch.amazonaws.com"
_ACTIONS: Final = ("AlarmActions", "OKActions", "InsufficientDataActions")

type Dispatch = Callable[[dict[str, Any], str, str, str], None]


def install() -> None:
    """Put our check before MiniStack's. Once per process."""
    cloudwatch._dispatch_alarm_actions = _to_topics_that_admit(cloudwatch._dispatch_alarm_actions)


def _to_topics_that_admit(dispatch: Dispatch) -> Dispatch:
    def dispatched(alarm: dict[str, Any], *change: str) -> None:
        actions = {
            kind: [arn for arn in alarm.get(kind) or () if ":sns:" not in arn or _admits(arn, alarm["AlarmArn"])]
            for kind in _ACTIONS
        }
        dispatch({**alarm, **actions}, *change)

    return dispatched


def _admits(topic: str, alarm: str) -> bool:
    found = sns.topic_policy_for_arn(topic)
    if not found or not policies.resource_allows_service(found[0], "sns:Publish", topic, _SERVICE, alarm):
        return False
    key = sns._topic_by_arn_any_scope(topic)["attributes"].get("KmsMasterKeyId")
    return not key or policies.topic_key_allows_service(key, _SERVICE, alarm)
