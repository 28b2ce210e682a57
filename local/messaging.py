"""SNS's own condition keys, `sns:Protocol` and `sns:Endpoint`, which MiniStack does not give to a topic's policy.

It asks the policy twice for a Subscribe: once before the call, as for every service, and once within SNS. The first
asks with our keys; the second repeats it without them, so it is answered by what the first found.
"""

import functools
from typing import Any

from ministack.core import iam_actions
from ministack.services import sns


def install() -> None:
    """Give the keys to the first check, and leave out the second. Idempotent."""
    given, enforce = iam_actions.request_tag_context, sns._enforce_topic_policy
    if getattr(given, "gives_sns_keys", False):
        return

    @functools.wraps(given)
    def with_sns_keys(service: str, iam_action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        context: dict[str, Any] = dict(given(service, iam_action, body, params))
        if iam_action == "sns:Subscribe":
            for name in ("Protocol", "Endpoint"):
                value = params.get(name)
                context[f"sns:{name}"] = value[0] if isinstance(value, list) else value or ""
        return context

    @functools.wraps(enforce)
    def once(topic: dict[str, Any], iam_action: str) -> Any:  # noqa: ANN401 - MiniStack's response tuple
        return None if iam_action == "sns:Subscribe" else enforce(topic, iam_action)

    with_sns_keys.gives_sns_keys = True  # type: ignore[attr-defined]
    iam_actions.request_tag_context = with_sns_keys
    sns._enforce_topic_policy = once
