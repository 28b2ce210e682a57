"""Details of S3's events on EventBridge as AWS documents them.

MiniStack's lack the object's version id; those of deletions have a size, and no ETag.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
"""

import contextvars
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from ministack.services import eventbridge, s3

from local.values import Json

_EMPTY_ETAG: Final = "d41d8cd98f00b204e9800998ecf8427e"
"""Of nothing: what deletions have."""
_version: contextvars.ContextVar[str | None] = contextvars.ContextVar("version", default=None)
_expiring: contextvars.ContextVar[bool] = contextvars.ContextVar("expiring", default=False)


def install() -> None:
    """Put our details in the place of MiniStack's."""
    s3._fire_s3_event = _with_version(s3._fire_s3_event)
    eventbridge._dispatch_event = _as_documented(eventbridge._dispatch_event)


@contextmanager
def expiry() -> Iterator[None]:
    """What is deleted within is deleted by a lifecycle rule. MiniStack's event threads inherit it."""
    token = _expiring.set(True)
    try:
        yield
    finally:
        _expiring.reset(token)


def _with_version(fire: Any) -> Any:  # noqa: ANN401 - MiniStack's function
    def fire_with_version(*arguments: Any, **named: Any) -> None:  # noqa: ANN401
        token = _version.set(named.get("version_id"))
        try:
            fire(*arguments, **named)
        finally:
            _version.reset(token)

    return fire_with_version


def _as_documented(dispatch: Any) -> Any:  # noqa: ANN401 - MiniStack's function
    def dispatch_as_documented(event: dict[str, Any], view: Any = None) -> None:  # noqa: ANN401
        if event.get("Source") == "aws.s3":
            detail = _detail(event["DetailType"], json.loads(event["Detail"]))
            event, view = {**event, "Detail": json.dumps(detail)}, None
        dispatch(event, view)

    return dispatch_as_documented


def _detail(kind: str, detail: Json) -> Json:
    if version := _version.get():
        detail["object"]["version-id"] = version
    if kind == "Object Deleted":
        # A rule that forwards the event to another bus brings it here once more.
        detail["object"].pop("size", None)
        detail["object"]["etag"] = detail["object"]["etag"] or _EMPTY_ETAG
        if _expiring.get():
            detail |= {"reason": "Lifecycle Expiration", "requester": "s3.amazonaws.com"}
            detail.pop("source-ip-address", None)
    return detail
