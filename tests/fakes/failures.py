"""Ports that fail when a test says so."""

from collections.abc import Callable
from typing import Any


def dying_at(number: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Wraps calls: the one of that number, counted over all that are wrapped, raises ConnectionError."""
    calls = 0

    def dying(call: Callable[..., Any]) -> Callable[..., Any]:
        def made(*arguments: Any, **more: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == number:
                raise ConnectionError("the function died")
            return call(*arguments, **more)

        return made

    return dying
