"""The time of a signature: who calls from outside has the machine's clock, a function the mesh's, which may be ahead,
and was less so when the call was begun, if time was skipped meanwhile.

Each is near enough to the present; MiniStack judges how near.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
"""

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ministack.core import sigv4

from local import clock

type Failure = tuple[str, str] | None


def install() -> None:
    """In the place of MiniStack's judgement by one clock."""
    sigv4.request_time_failure = _by_each_clock(sigv4.request_time_failure)


def _by_each_clock(judge: Callable[..., Failure]) -> Callable[..., Failure]:
    @functools.wraps(judge)
    def judged(signature: Any, **given: Any) -> Failure:  # noqa: ANN401 - MiniStack's
        failure = judge(signature, **given)
        if failure is None or not clock.skipped():
            return failure
        clocks = (clock.machine_time(), *clock.before_skips())
        if any(judge(signature, now=datetime.fromtimestamp(now, UTC)) is None for now in clocks):
            return None
        return failure

    return judged
