"""CloudFormation custom resources: do, then answer, whatever happens; an unanswered one blocks a stack for an hour."""

import json
import urllib.request
from collections.abc import Callable
from typing import Any

from mesh.entry.observability import logger

Work = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]


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
    """
    status, reason, data = "SUCCESS", "", {}
    try:
        if event["RequestType"] != "Delete":
            data = work(event["ResourceProperties"], event.get("OldResourceProperties", {}))
        elif delete is not None:
            delete(event["ResourceProperties"])
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


def _physical_id(event: dict[str, Any], name: str) -> str:
    """A deletion must answer with the id that it was given."""
    given = event.get("PhysicalResourceId")
    kept = given if event["RequestType"] == "Delete" else name or given
    return str(kept or event["LogicalResourceId"])
