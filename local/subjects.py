"""What a call is about: the names, of a form that whoever injects faults gives, that it or its invocation mentions.

A fault can so be aimed at one product's calls while others are at work. A call that mentions a name is about it. One
that mentions none is about those that other calls of the same trace mentioned before: the items of a trace, locks and
task tokens have names of their own.
"""

import re
import threading
from collections import OrderedDict
from typing import Final

from local.calls import Request

_TRACES: Final = 20_000

_lock = threading.Lock()
_pattern: list[re.Pattern[bytes]] = []
_mentioned: OrderedDict[str, tuple[str, ...]] = OrderedDict()


def look_for(pattern: str) -> None:
    """Names are what this regular expression finds in a call's path, query and body; nothing while it is empty.

    Raises `ValueError` for what is no regular expression.
    """
    try:
        compiled = re.compile(pattern.encode())
    except re.error as error:
        raise ValueError(f"no regular expression: {pattern!r}: {error}") from error
    with _lock:
        _pattern[:] = [compiled] if pattern else []
        _mentioned.clear()


def of(request: Request) -> tuple[str, ...]:
    """The names that the call is about, in alphabetical order."""
    query = " ".join(value for values in request.query.values() for value in values)
    text = f"{request.path}\n{query}\n".encode() + request.body
    return mention(request.headers.get("x-amzn-trace-id", ""), text)


def mention(trace: str, text: bytes) -> tuple[str, ...]:
    """The names in the text; else those mentioned before in that trace, which begins with a function's event."""
    with _lock:
        pattern = _pattern[0] if _pattern else None
    if pattern is None:
        return ()
    found = tuple(sorted({name.decode() for name in pattern.findall(text)}))
    with _lock:
        before = _mentioned.get(trace, ())
        if found and trace:
            _mentioned[trace] = tuple(sorted({*before, *found}))
            if len(_mentioned) > _TRACES:
                _mentioned.popitem(last=False)
    return found or before
