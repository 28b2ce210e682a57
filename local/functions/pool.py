"""A bounded number of live function processes, whatever the load."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from local.functions.process import Blueprint, FunctionProcess
from local.functions.template import Templates

EACH: Final = 4
"""Processes of one function at most: to start one takes longer than most calls, so that a burst of calls is served
sooner by a few that are warm than by as many as there are calls."""


class ProcessPool:
    """At most `bound` processes: a call takes an idle one of its function, else starts one, else stops the least
    recently used idle one of another function, else waits for one to come free; it waits as well where its function
    has `EACH` of them."""

    def __init__(self, bound: int, log_folder: Path) -> None:
        self._bound = bound
        self._log_folder = log_folder
        self._templates = Templates(log_folder)
        self._idle: list[FunctionProcess] = []
        self._busy: set[FunctionProcess] = set()
        self._starting: Counter[str] = Counter()
        self._closed = False
        self._changed = threading.Condition()

    @contextmanager
    def lease(self, blueprint: Blueprint) -> Iterator[FunctionProcess]:
        """A process for one call; it goes back to the pool if it still lives."""
        process = self._acquire(blueprint)
        try:
            yield process
        finally:
            self._release(process)

    def live(self) -> list[int]:
        """Process ids, for tests and `mesh doctor`."""
        with self._changed:
            return [process.pid for process in (*self._idle, *self._busy)]

    def close(self) -> None:
        with self._changed:
            self._closed = True
            processes = [*self._idle, *self._busy]
            self._idle.clear()
            self._changed.notify_all()
        for process in processes:
            process.stop()
        self._templates.close()

    def _acquire(self, blueprint: Blueprint) -> FunctionProcess:
        with self._changed:
            while True:
                if self._closed:
                    raise RuntimeError("the function pool is closed")
                idle = self._take_idle(blueprint)
                if idle is not None:
                    self._busy.add(idle)
                    return idle
                victim = self._make_room() if self._count(blueprint) < EACH else None
                if victim is not None or (self._count(blueprint) < EACH and self._size() < self._bound):
                    self._starting[blueprint.digest] += 1
                    break
                self._changed.wait()
        return self._start(blueprint, victim)

    def _take_idle(self, blueprint: Blueprint) -> FunctionProcess | None:
        """The most recently used one, so that surplus ones age and make room."""
        for process in reversed(self._idle):
            if process.blueprint.digest == blueprint.digest:
                self._idle.remove(process)
                if process.alive:
                    return process
                process.stop()
                return self._take_idle(blueprint)
        return None

    def _size(self) -> int:
        return len(self._idle) + len(self._busy) + self._starting.total()

    def _count(self, blueprint: Blueprint) -> int:
        """Processes of that function."""
        live = sum(process.blueprint.digest == blueprint.digest for process in (*self._idle, *self._busy))
        return live + self._starting[blueprint.digest]

    def _make_room(self) -> FunctionProcess | None:
        if self._size() < self._bound or not self._idle:
            return None
        victim = min(self._idle, key=lambda process: process.last_used)
        self._idle.remove(victim)
        return victim

    def _start(self, blueprint: Blueprint, victim: FunctionProcess | None) -> FunctionProcess:
        process = None
        try:
            if victim is not None:
                victim.stop()
            process = FunctionProcess(blueprint, self._log_folder, self._templates)
        finally:
            with self._changed:
                self._starting[blueprint.digest] -= 1
                if process is not None:
                    self._busy.add(process)
                self._changed.notify_all()
        return process

    def _release(self, process: FunctionProcess) -> None:
        with self._changed:
            self._busy.discard(process)
            keep = process.alive and not self._closed
            if keep:
                # An older revision of the same function serves nobody any more.
                stale = [
                    other
                    for other in self._idle
                    if other.blueprint.name == process.blueprint.name
                    and other.blueprint.digest != process.blueprint.digest
                ]
                self._idle = [other for other in self._idle if other not in stale]
                self._idle.append(process)
            else:
                stale = [process]
            self._changed.notify_all()
        for other in stale:
            other.stop()
