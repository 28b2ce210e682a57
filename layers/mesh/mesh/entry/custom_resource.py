"""CloudFormation custom resources: do, then answer, whatever happens; an unanswered one blocks a stack for an hour."""

import json
import random
import time
import urllib.request
from collections.abc import Callable
from typing import Any, Final

from mesh.domain.errors import Transient
from mesh.entry.observability import logger

Work = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]
LONGEST_PAUSE: Final = 10.0
TO_ANSWER: Final = 30.0
"""Seconds that are left for the answer when no attempt is made any more."""
_NO_RIGHT_YET: Final = "because no identity-based policy allows"
"""IAM: a policy that the stack just made is not everywhere yet. What a policy denies, or another account, stays denied.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""


def answer_cloudformation(
    event: dict[str, Any],
    context: Any,  # noqa: ANN401 - Lambda's context
    work: Work,
    delete: Callable[[dict[str, Any]], None] | None = None,
    *,
    name: str = "",
) -> None:
    """Call `work(properties, old_properties)` for Create and Update, `delete(properties)` for Delete, and send
    CloudFormation the outcome. `name` is what `Ref` gives: CloudFormation deletes the resource of the name before.

    Without `delete` there is nothing to do: what Meshwork governs outlives its stack (data, tags, subscriptions).
    A role that the stack just made, its rights, and an administrator that was just set are not known everywhere at
    once: such errors are retried while the function has time. CloudFormation itself does not repeat a request.
    """
    status, reason, data = "SUCCESS", "", {}
    try:
        if event["RequestType"] != "Delete":
            properties, old = event["ResourceProperties"], event.get("OldResourceProperties", {})
            data = _patiently(lambda: work(properties, old), context)
        elif delete is not None:
            _patiently(lambda: delete(event["ResourceProperties"]), context)
    except Exception as error:
        logger.exception("custom resource failed")
        status, reason = "FAILED", f"{type(error).__name__}: {error}"[:1000]
    body = {
        "Status": status,
        "Reason": reason or f"see log stream {getattr(context, 'log_stream_name', '')}",
        "PhysicalResourceId": _physical_id(event, name),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": data,
    }
    request = urllib.request.Request(  # noqa: S310 - the pre-signed URL that CloudFormation gave
        event["ResponseURL"], data=json.dumps(body).encode(), headers={"Content-Type": ""}, method="PUT"
    )
    with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310
        logger.info("answered CloudFormation", extra={"status": status, "http": response.status})


def _patiently[T](attempt: Callable[[], T], context: Any) -> T:  # noqa: ANN401 - Lambda's context
    """What it gives, once no error comes that may pass; the last one when there is no time for another attempt."""
    longest = 1.0
    while True:
        try:
            return attempt()
        except Exception as error:
            pause = random.uniform(longest / 2, longest)  # noqa: S311 - to spread attempts
            may_pass = isinstance(error, Transient) or _NO_RIGHT_YET in str(error)
            if not may_pass or context.get_remaining_time_in_millis() / 1000 < pause + TO_ANSWER:
                raise
            logger.warning("not yet", extra={"error": str(error), "pause": pause})
            time.sleep(pause)
            longest = min(2 * longest, LONGEST_PAUSE)


def _physical_id(event: dict[str, Any], name: str) -> str:
    """A deletion must answer with the id that it was given."""
    given = event.get("PhysicalResourceId")
    kept = given if event["RequestType"] == "Delete" else name or given
    return str(kept or event["LogicalResourceId"])
