"""Log streams of functions that share a log group: they name their function, as AWS's do.

MiniStack names every stream as in a function's own group, and makes one for each call.
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html
"""

import time
import uuid
from datetime import UTC, datetime
from functools import cache, wraps
from typing import Any


def install() -> None:
    """Logs of functions with a log group of somebody else's choice go to a stream that names the function."""
    from ministack.services import lambda_svc  # noqa: PLC0415 - after ServerOptions.apply

    emit = lambda_svc._emit_lambda_logs

    @wraps(emit)
    def named(func: dict[str, Any], request_id: str, log_text: str, *outcome: object, **source: object) -> None:
        config = func.get("config") or func
        group = (config.get("LoggingConfig") or {}).get("LogGroup")
        if group in (None, f"/aws/lambda/{config['FunctionName']}"):
            emit(func, request_id, log_text, *outcome, **source)
            return
        _, duration_ms = outcome
        version = config.get("Version", "$LATEST")
        memory = config.get("MemorySize", 128)
        lines = [
            f"START RequestId: {request_id} Version: {version}",
            *log_text.splitlines(),
            f"END RequestId: {request_id}",
            f"REPORT RequestId: {request_id}\tDuration: {duration_ms} ms\tBilled Duration: {duration_ms} ms\t"
            f"Memory Size: {memory} MB",
        ]
        _write(group, stream_of(config["FunctionName"], version, datetime.now(UTC)), lines)

    lambda_svc._emit_lambda_logs = named


def stream_of(function: str, version: str, now: datetime) -> str:
    """`2026/11/27/tag-product[$LATEST][…]`, as if one environment served all of a function's calls on a day."""
    return f"{now:%Y/%m/%d}/{function}[{version}][{_environment(function, version)}]"


@cache
def _environment(function: str, version: str) -> str:
    return uuid.uuid4().hex


def _write(group: str, stream: str, lines: list[str]) -> None:
    from ministack.services import cloudwatch_logs  # noqa: PLC0415 - after ServerOptions.apply

    # Lambda makes what is not there; what is there, MiniStack leaves alone.
    cloudwatch_logs._create_log_group({"logGroupName": group})
    cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": line, "ingestionTime": now} for line in lines]
    cloudwatch_logs._append_log_events(cloudwatch_logs._log_groups[group]["streams"][stream], events)
    cloudwatch_logs._fanout_to_subscription_filters(group, stream, events)
