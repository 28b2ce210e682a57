"""The mesh's clock: the machine's time, plus the time skipped through `POST /_mesh/clock`."""

import time

_skips: list[tuple[float, float]] = []
"""(machine's time since 1970, seconds) of each skip."""


def skip(seconds: float) -> float:
    """Let time pass: days of waiting, tried in a second. Gives the total. Raises `ValueError` for less than none."""
    if seconds < 0:
        raise ValueError("time does not run backwards")
    _skips.append((time.time(), seconds))
    return skipped()


def skipped() -> float:
    return sum(seconds for _, seconds in _skips)


def passed_since(moment: float) -> float:
    """Seconds since that time of the machine, with what was skipped since; what was skipped before does not count."""
    return time.time() - moment + sum(seconds for at, seconds in _skips if at > moment)
