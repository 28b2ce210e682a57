"""A process's clock, ahead of the machine's by what several processes read in one file.

`install` puts it in the place of the system's, so that whatever asks for the time gets this one: `time.time`, and what
counts from it, and `datetime.now`, whose class stays what it is. What is written in C and asks the system itself
keeps the machine's time. Standard library imports only: `bootstrap.py` runs it in the functions' environment.
"""

import ctypes
import datetime
import gc
import mmap
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

machine_time: Final = time.time
"""Seconds since 1970 as the machine has them, whatever was skipped."""
_machine_time_ns: Final = time.time_ns
_SECONDS: Final = struct.Struct("d")
_OF_NOW: Final = {"gmtime": 1, "localtime": 1, "ctime": 1, "asctime": 1, "strftime": 2}
"""Functions of `time` that take the present for a time that is not given, and how many arguments they have with it."""
_OF_PARTS: Final = ("asctime", "strftime")
"""Those whose time is a `struct_time`."""


class SharedClock:
    """How far ahead it is, in seconds: in a file, or for this process alone."""

    def __init__(self, file: Path | None = None) -> None:
        if file is None:
            self._memory = mmap.mmap(-1, _SECONDS.size)
            return
        with file.open("r+b" if file.exists() else "w+b") as opened:
            opened.truncate(_SECONDS.size)
            self._memory = mmap.mmap(opened.fileno(), _SECONDS.size)

    @property
    def ahead(self) -> float:
        found: float = _SECONDS.unpack_from(self._memory)[0]
        return found

    def skip(self, seconds: float) -> None:
        """Seen by all processes at once: one aligned word."""
        _SECONDS.pack_into(self._memory, 0, self.ahead + seconds)

    def time(self) -> float:
        """Seconds since 1970."""
        return machine_time() + self.ahead

    def time_ns(self) -> int:
        return _machine_time_ns() + int(self.ahead * 1e9)

    def install(self) -> None:
        """For the rest of this process, and for its forks. Modules that hold `time.time` itself were imported too
        early."""
        time.time, time.time_ns = self.time, self.time_ns
        for name, left_out in _OF_NOW.items():
            setattr(time, name, _OfNow(getattr(time, name), left_out))
        _replace(datetime.datetime, now=_now, utcnow=_utcnow)


class _OfNow:
    """A function of `time` that takes the present where its last argument is left out. No Python function, which would
    become a method where a class keeps it: `logging.Formatter.converter`."""

    def __init__(self, function: Callable[..., Any], arguments: int) -> None:
        self._function, self._arguments = function, arguments

    def __call__(self, *given: Any) -> Any:  # noqa: ANN401 - the function's own
        if len(given) < self._arguments or given[-1] is None:
            now = time.time()
            of_text = self._function.__name__ in _OF_PARTS
            given = (*given[: self._arguments - 1], time.localtime(now) if of_text else now)
        return self._function(*given)


def _now(cls: type[datetime.datetime], tz: datetime.tzinfo | None = None) -> datetime.datetime:
    return cls.fromtimestamp(time.time(), tz)


def _utcnow(cls: type[datetime.datetime]) -> datetime.datetime:
    return cls.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)


def _replace(built_in: type, **methods: Callable[..., Any]) -> None:
    """Class methods of a class that Python guards against changes: a class of our own in its place would not be the one
    that pydantic, pyarrow and pickles know."""
    found = [each for each in gc.get_referents(built_in.__dict__) if isinstance(each, dict) and "__doc__" in each]
    if len(found) != 1:
        raise RuntimeError(
            f"this Python keeps the methods of {built_in.__name__} elsewhere: the clock cannot be skipped"
        )
    found[0].update({name: classmethod(method) for name, method in methods.items()})
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(built_in))
