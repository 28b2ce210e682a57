"""Structured logs, and the one frame around every handler."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools import Logger
from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from mesh.domain.errors import Rejected
from mesh.domain.events import MalformedEvent

logger = Logger()

Handler = Callable[[dict[str, Any], Any], Any]


def entry_point(handler: Handler) -> Handler:
    """Write models out, log refusals with their reason (a metric filter counts them), name malformed input as such."""

    @functools.wraps(handler)
    def framed(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
        logger.append_keys(correlation_id=correlation_of(event))
        try:
            result = handler(event, context)
        except ValidationError as invalid:
            malformed = MalformedEvent.of(invalid)
            _log_refusal(malformed)
            raise malformed from invalid
        except Rejected as refusal:
            _log_refusal(refusal)
            raise
        return to_jsonable_python(result, by_alias=False)

    return framed


def refused(refusal: Rejected) -> dict[str, Any]:
    """The answer of an asynchronous function that refuses: logged and final, since a retry would change nothing."""
    _log_refusal(refusal)
    return {"outcome": "refused", "reason": refusal.to_dict()}


def correlation_of(event: Mapping[str, Any]) -> str | None:
    """The trace that a call belongs to, wherever this kind of event carries it."""
    for part in (event, event.get("detail"), event.get("envelope"), event.get("sender")):
        if isinstance(part, Mapping):
            found = part.get("correlation_id") or _in_metadata(part) or _in_metadata(part.get("detail"))
            if found:
                return str(found)
    return None


def _in_metadata(part: object) -> object:
    metadata = part.get("metadata") if isinstance(part, Mapping) else None
    return metadata.get("correlation_id") if isinstance(metadata, Mapping) else None


def _log_refusal(refusal: Rejected) -> None:
    logger.warning("refused", extra={"outcome": "refused", "reason": refusal.to_dict()})
