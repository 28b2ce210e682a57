"""What happens, as it happens: each step with its seconds."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

_POLL_SECONDS: Final = 2.0
_FIRST_SECONDS: Final = 0.25


class TookTooLong(RuntimeError):  # noqa: N818 - the name is the outcome
    """What was waited for did not come."""


@dataclass
class Progress:
    """Seconds are since the start."""

    started: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self.started:7.1f} s  {text}", flush=True)

    @contextlib.contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Says how long it took, or that it failed."""
        began = time.monotonic()
        try:
            yield
        except BaseException as error:
            self.say(f"{text}: failed after {time.monotonic() - began:.1f} s ({type(error).__name__})")
            raise
        self.say(f"{text}: {time.monotonic() - began:.1f} s")


def until[T](look: Callable[[], T], what: str, seconds: float) -> T:
    """The first answer that is not empty, asked for less and less often. Raises `TookTooLong`."""
    deadline, pause = time.monotonic() + seconds, _FIRST_SECONDS
    while True:
        if found := look():
            return found
        if time.monotonic() > deadline:
            raise TookTooLong(f"{what}: not within {seconds:.0f} s")
        time.sleep(pause)
        pause = min(pause * 1.5, _POLL_SECONDS)
