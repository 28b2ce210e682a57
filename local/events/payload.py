"""What a rule's target is sent."""

import json
from typing import Any

from ministack.services import eventbridge


def payload_of(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None) -> str:  # noqa: ANN401
    """The event, or what the target's Input, InputPath or InputTransformer makes of it."""
    view = view or eventbridge._pattern_event_view(event)
    if target.get("InputTransformer"):
        return str(eventbridge._apply_input_transformer(target["InputTransformer"], rule, view))
    if target.get("Input"):
        return str(target["Input"])
    envelope = view.event_with_detail()
    return json.dumps(_at(envelope, target.get("InputPath") or "$"))


def _at(value: Any, path: str) -> Any:  # noqa: ANN401
    """A path that leads nowhere leaves the whole event."""
    found = value
    for part in path.removeprefix("$").split("."):
        if part:
            if not isinstance(found, dict) or part not in found:
                return value
            found = found[part]
    return found
