"""The mesh's clock: the machine's, plus what was skipped through `POST /_mesh/clock`.

One clock for all: this process, and the processes of functions, have it in the place of the system's. Whoever calls
from outside has the machine's.
"""

from collections import deque
from pathlib import Path
from typing import Final

from local.shared_clock import SharedClock, machine_time

_clock = SharedClock()
_files: list[Path] = []
_ON_THEIR_WAY_SECONDS: Final = 60.0
"""Calls that were begun before a skip arrive within that time."""
_skips: deque[tuple[float, float]] = deque(maxlen=1_000)
"""The machine's time, and how far ahead the clock was before."""

__all__ = ["before_skips", "file", "install", "machine_time", "skip", "skipped"]


def install(at: Path) -> None:
    """From here on this process has the mesh's clock, and whatever maps the file."""
    global _clock  # noqa: PLW0603 - a process has one clock
    at.unlink(missing_ok=True)
    _clock = SharedClock(at)
    _clock.install()
    _files[:] = [at]


def file() -> str:
    """For `shared_clock` in other processes; empty where the clock is this process's alone."""
    return str(_files[0]) if _files else ""


def skip(seconds: float) -> float:
    """Let time pass: days of waiting, tried in a second. Gives the total. Raises `ValueError` for less than none."""
    if not 0 <= seconds < float("inf"):
        raise ValueError("time does not run backwards")
    _skips.append((machine_time(), skipped()))
    _clock.skip(seconds)
    return skipped()


def before_skips() -> list[float]:
    """Unix times that it would be now by the clocks of those who called just before time was skipped."""
    now = machine_time()
    return [now + ahead for at, ahead in tuple(_skips) if now - at < _ON_THEIR_WAY_SECONDS]


def skipped() -> float:
    return _clock.ahead
