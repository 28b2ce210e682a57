"""Retry and Catch as the States Language has them, where MiniStack's differ."""

import random
from typing import Any, Final

# "States.ALL cannot catch" these two: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
_TERMINAL: Final = {"States.DataLimitExceeded", "States.Runtime"}


def error_matches(names: list[str], error: str) -> bool:
    """Whether a retrier or catcher is for this error: exact names, and the two wildcards."""
    if error in _TERMINAL:
        return False
    if "States.ALL" in names or error in names:
        return True
    return "States.TaskFailed" in names and error != "States.Timeout"


def find_retrier(
    retriers: list[dict[str, Any]], error: str, counts: dict[int, int]
) -> tuple[dict[str, Any] | None, int]:
    """The first that matches decides. Its delay is worked out here, with MaxDelaySeconds and jitter."""
    for index, retrier in enumerate(retriers):
        if error_matches(retrier.get("ErrorEquals", []), error):
            if counts.get(index, 0) >= retrier.get("MaxAttempts", 3):
                return None, -1
            return {**retrier, "IntervalSeconds": _delay(retrier, counts.get(index, 0)), "BackoffRate": 1}, index
    return None, -1


def _delay(retrier: dict[str, Any], attempt: int) -> float:
    seconds: float = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** attempt
    if "MaxDelaySeconds" in retrier:
        seconds = min(seconds, retrier["MaxDelaySeconds"])
    if retrier.get("JitterStrategy") == "FULL":
        return random.uniform(0, seconds)  # noqa: S311 - spreads retries, keeps no secret
    return seconds
