"""Asynchronous invocations: two further attempts of a function that failed, and none counted of one that is throttled.

"For throttling errors (429) and system errors (500-series), Lambda returns the event to the queue and attempts to run
the function again for up to 6 hours by default. The retry interval increases exponentially from 1 second after the
first attempt to a maximum of 5 minutes."
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

import contextvars
import itertools
import time
from collections.abc import Callable
from typing import Any, Final

from ministack.services import lambda_svc

from local.options import ServerOptions

_FIRST_SECONDS: Final = 1.0
_LONGEST_SECONDS: Final = 300.0
_OLDEST_SECONDS: Final = 21_600.0

type Execute = Callable[..., dict[str, Any]]

_is_asynchronous: contextvars.ContextVar[bool] = contextvars.ContextVar("is_asynchronous", default=False)


def install(options: ServerOptions) -> None:
    """In the place of MiniStack's, which takes a throttled attempt for one of the three."""
    lambda_svc._LAMBDA_ASYNC_RETRY_BASE_SECONDS = 60 * options.wait_scale
    lambda_svc._LAMBDA_ASYNC_RETRY_MAX_SECONDS = 120 * options.wait_scale
    lambda_svc.invoke_async_with_retry = _asynchronous(lambda_svc.invoke_async_with_retry)
    lambda_svc._execute_function = _patient(lambda_svc._execute_function, options.wait_scale)


def _asynchronous(invoke: Callable[..., None]) -> Callable[..., None]:
    """Its thread runs in a copy of this context."""

    def invoked(*arguments: Any) -> None:  # noqa: ANN401 - passed on
        token = _is_asynchronous.set(True)
        try:
            invoke(*arguments)
        finally:
            _is_asynchronous.reset(token)

    return invoked


def _patient(execute: Execute, scale: float) -> Execute:
    def executed(*arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - passed on
        result, began = execute(*arguments), time.monotonic()
        for attempt in itertools.count():
            late = time.monotonic() - began > _OLDEST_SECONDS * scale
            if late or not (_is_asynchronous.get() and result.get("throttle")):
                break
            time.sleep(min(_FIRST_SECONDS * 2 ** min(attempt, 20), _LONGEST_SECONDS) * scale)
            result = execute(*arguments)
        return result

    return executed
