"""Which process makes a call: each call of a function carries the trace header of the invocation that it works on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from local.functions.process import FunctionProcess

_lock = threading.Lock()
_at_work: dict[str, FunctionProcess] = {}


@contextmanager
def at_work(trace_id: str, process: FunctionProcess) -> Iterator[None]:
    """The process works on the invocation with that trace header meanwhile."""
    with _lock:
        _at_work[trace_id] = process
    try:
        yield
    finally:
        with _lock:
            if _at_work.get(trace_id) is process:
                del _at_work[trace_id]


def of(trace_id: str) -> FunctionProcess | None:
    """Who works on it; None where no function does: a person, or a service, calls."""
    with _lock:
        return _at_work.get(trace_id)
