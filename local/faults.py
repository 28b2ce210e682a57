"""Faults on demand: what AWS does to its callers on a bad day, by service, action and count.

Set through the gateway's control endpoint (`/_mesh/faults`); nothing in the product knows.
"""

import fnmatch
import threading
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

Kind = Literal["throttle", "error_after_effect", "lost_answer", "delay", "duplicate_event", "reorder", "function_crash"]


@dataclass
class Fault:
    """`count` calls to `service:action` meet it, then it is spent. `resource` is a pattern over the ARN or name.

    throttle: refused with `code`, no effect · error_after_effect: done, but answered with `code` · lost_answer: done,
    and the connection breaks · delay: `seconds` before it is done · duplicate_event, reorder: a delivered event comes
    twice, or after the next one · function_crash: the process is killed as it takes the call.
    """

    kind: Kind
    service: str
    action: str = "*"
    account: str = "*"
    resource: str = "*"
    count: int = 1
    code: str = ""
    message: str = "injected fault"
    seconds: float = 0.0
    status: int = 0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"unknown fault kind {self.kind!r}; known: {', '.join(get_args(Kind))}")
        if self.count < 1:
            raise ValueError("count must be at least 1")

    def matches(self, service: str, action: str, account: str, resource: str) -> bool:
        return (
            self.count > 0
            and fnmatch.fnmatchcase(service, self.service)
            and fnmatch.fnmatchcase(action, self.action)
            and fnmatch.fnmatchcase(account, self.account)
            and fnmatch.fnmatchcase(resource, self.resource)
        )


_lock = threading.Lock()
_faults: list[Fault] = []


def add(rule: dict[str, Any]) -> Fault:
    """Raises `TypeError` for an unknown field, `ValueError` for a bad value."""
    fault = Fault(**rule)
    with _lock:
        _faults.append(fault)
    return fault


def pending() -> list[dict[str, Any]]:
    with _lock:
        return [asdict(fault) for fault in _faults if fault.count > 0]


def clear() -> None:
    with _lock:
        _faults.clear()


def take(kind: Kind, service: str, action: str, account: str = "", resource: str = "") -> Fault | None:
    """The first fault of this kind that the call meets, used up by one; None on a good day."""
    with _lock:
        for fault in _faults:
            if fault.kind == kind and fault.matches(service, action, account, resource):
                fault.count -= 1
                return fault
    return None
