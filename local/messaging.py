"""SNS's own condition keys, which MiniStack does not give to a topic's policy: `sns:Protocol` and `sns:Endpoint`."""

import functools
from typing import Any

from ministack.core import iam_actions


def install() -> None:
    """Give them to each Subscribe. The gateway's dispatcher looks the function up at every request."""
    given = iam_actions.request_tag_context
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

    with_sns_keys.gives_sns_keys = True  # type: ignore[attr-defined]
    iam_actions.request_tag_context = with_sns_keys
