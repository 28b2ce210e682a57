"""Batching windows of event source mappings on SQS, which MiniStack ignores: messages are gathered from the first one
on, until the window is over or a batch is full.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html#invocation-eventsourcemapping-batching
"""

import threading
import time
from typing import Any

from ministack.services import lambda_svc

from local.options import ServerOptions
from local.values import Json


def install(options: ServerOptions) -> None:
    """Once per process."""
    windows = _Windows(options.wait_scale)
    lambda_svc._sqs_esm_concurrency = windows.before(lambda_svc._sqs_esm_concurrency)


class _Windows:
    """`scale` multiplies a window's seconds. Used by the one thread that polls."""

    def __init__(self, scale: float) -> None:
        self._scale = scale
        self._waking: dict[str, float] = {}
        """By mapping: when the poller is woken next."""

    def before(self, concurrency: Any) -> Any:  # noqa: ANN401 - MiniStack's function
        """A mapping whose window is open takes nothing: as many batches are in flight as it may have."""

        def allowed(mapping: Json, function: Json, config: Json, queue: Json | None = None) -> int:
            limit: int = concurrency(mapping, function, config, queue)
            return 0 if queue and self._is_open(mapping, queue) else limit

        return allowed

    def _is_open(self, mapping: Json, queue: Json) -> bool:
        window = mapping.get("MaximumBatchingWindowInSeconds", 0) * self._scale
        if not window:
            return False
        now = time.time()
        arrived = [message["visible_at"] for message in queue["messages"] if message["visible_at"] <= now]
        if not arrived or len(arrived) >= mapping["BatchSize"] or min(arrived) + window <= now:
            return False
        self._wake_at(mapping["UUID"], min(arrived) + window, now)
        return True

    def _wake_at(self, mapping: str, when: float, now: float) -> None:
        if self._waking.get(mapping, 0) <= now:
            self._waking[mapping] = when
            timer = threading.Timer(when - now, lambda_svc._esm_wake.set)
            timer.daemon = True
            timer.start()
