"""Faults on demand: transient AWS failures, by service, action and count.

Set through the gateway's control endpoint (`/_mesh/faults`); nothing in the product knows.
"""

import contextvars
import fnmatch
import random
import threading
import zlib
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, NamedTuple, get_args

Kind = Literal[
    "throttle",
    "error_after_effect",
    "lost_answer",
    "delay",
    "duplicate_event",
    "reorder",
    "function_crash",
    "crash_before",
    "crash_after",
    "batch_failure",
    "job_failure",
]


class Where(NamedTuple):
    """The call, or the delivery, that may meet a fault."""

    service: str
    action: str
    account: str = ""
    resource: str = ""
    principal: str = ""
    conditional: bool = False
    subjects: tuple[str, ...] = ()


_NOWHERE: Final = Where("", "")
current: contextvars.ContextVar[Where] = contextvars.ContextVar("current_call", default=_NOWHERE)
"""The call that the gateway is passing on: what a batch's entries are asked about has its principal and subjects."""


@dataclass
class Fault:
    """`count` calls to `service:action` meet it, then it is spent. `resource` is a pattern over the ARN or name,
    `subject` one or several names, separated by spaces, of which the call must be about one (`local.subjects`).

    throttle: refused with `code`, no effect · error_after_effect: done, but answered with `code` · lost_answer: done,
    and the connection breaks · delay: `seconds` before it is done · duplicate_event, reorder: a delivered event comes
    `copies` times more, or after the next one · function_crash: the process is killed as it takes the call ·
    crash_before, crash_after: the process of the function that makes the call is killed, and the call is not done, or
    done; others' calls do not meet it · batch_failure: the call is answered with HTTP 200, one entry of the batch is
    not done and stands in `Failures[]` with `code`; each entry of a Lake Formation batch (grants, revokes, LF-Tags of
    a resource) is asked about on its own, of other batches (`local.partial_answers`) the last one fails · job_failure:
    a run of a DataBrew job (`databrew`, `JobRun`; `resource` is the job's name) ends as FAILED with `message`; `delay`
    there makes it last longer.

    With a `probability` below 1 a call (or entry) meets the fault at random, and `count` counts those that did. The
    generator is the fault's own and starts from `seed`: the same calls in the same order meet it in the same places.
    Of events, each kind about one subject has a sequence of its own: what other events do meanwhile changes nothing.
    Lake Formation under many grants at once, for example: `{"kind": "throttle", "service": "lakeformation",
    "code": "ConcurrentModificationException", "probability": 0.2, "seed": 7, "count": 1000}` and the same as a
    `batch_failure`.
    """

    kind: Kind
    service: str
    action: str = "*"
    account: str = "*"
    resource: str = "*"
    principal: str = "*"
    subject: str = ""
    conditional: bool = False
    after: int = 0
    count: int = 1
    code: str = ""
    message: str = "injected fault"
    seconds: float = 0.0
    copies: int = 1
    status: int = 0
    probability: float = 1.0
    seed: int = 0
    _random: random.Random = field(init=False, repr=False, compare=False)
    _places: Counter[str] = field(default_factory=Counter, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"unknown fault kind {self.kind!r}; known: {', '.join(get_args(Kind))}")
        if self.count < 1:
            raise ValueError("count must be at least 1")
        if self.after < 0:
            raise ValueError("after must not be negative")
        if not 0 < self.probability <= 1:
            raise ValueError("probability must be above 0 and at most 1")
        self._random = random.Random(self.seed)  # noqa: S311 - to be repeatable, not secret

    def strikes(self, sequence: str = "") -> bool:
        """Whether the call that it matches meets it."""
        if self.after:
            self.after -= 1
            return False
        if self.probability >= 1:
            return True
        if not sequence:
            return self._random.random() < self.probability
        self._places[sequence] += 1
        drawn = zlib.crc32(f"{self.kind} {self.seed} {sequence} {self._places[sequence]}".encode())
        return drawn < self.probability * 2**32

    def rendered(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if not name.startswith("_")}

    def matches(self, met: Where) -> bool:
        patterns = (self.service, self.action, self.account, self.resource, self.principal)
        values = (met.service, met.action, met.account, met.resource, met.principal)
        return (
            self.count > 0
            and (met.conditional or not self.conditional)
            and (not self.subject or not set(self.subject.split()).isdisjoint(met.subjects))
            and all(fnmatch.fnmatchcase(value, pattern) for value, pattern in zip(values, patterns, strict=True))
        )


_lock = threading.Lock()
_faults: list[Fault] = []
_late: list[object] = []


def add(rule: dict[str, Any]) -> Fault:
    """Raises `TypeError` for an unknown field, `ValueError` for a bad value."""
    fault = Fault(**rule)
    with _lock:
        _faults.append(fault)
    return fault


def pending() -> list[dict[str, Any]]:
    with _lock:
        return [fault.rendered() for fault in _faults if fault.count > 0]


def clear() -> None:
    with _lock:
        _faults.clear()


def hold_back(event: object) -> None:
    """It is late until `let_go`."""
    with _lock:
        _late.append(event)


def let_go(event: object) -> None:
    with _lock:
        _late.remove(event)


def late() -> int:
    """How many events are still to be delivered because of `reorder`."""
    with _lock:
        return len(_late)


def take(kind: Kind, where: Where, *, sequence: str = "") -> Fault | None:
    """The first fault of this kind that the call meets, used up by one; None on a good day. Those that are certain
    come first."""
    with _lock:
        for fault in sorted(_faults, key=lambda fault: fault.probability < 1):
            if fault.kind == kind and fault.matches(where) and fault.strikes(sequence):
                fault.count -= 1
                return fault
    return None
