"""The mesh's clock: the machine's, plus what was skipped through `POST /_mesh/clock`.

One clock for all: this process, and the processes of functions, have it in the place of the system's. Whoever calls
from outside has the machine's.
"""

from pathlib import Path

from local.shared_clock import SharedClock, machine_time

_clock = SharedClock()
_files: list[Path] = []

__all__ = ["file", "install", "machine_time", "skip", "skipped"]


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
    _clock.skip(seconds)
    return skipped()


def skipped() -> float:
    return _clock.ahead
