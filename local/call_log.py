"""A record of every call to the mesh: for the least-privilege proof, the cost report and the timeline."""

import json
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

RING_SIZE: Final = 50_000


@dataclass(frozen=True)
class Call:
    """`time` is Unix time in seconds, `duration` seconds, `bytes_in`/`bytes_out` the bodies' sizes.

    `principal` is the IAM ARN of the role (not of its session); `role_session` its name. `conditional`: a write that
    says on what condition it is made. `subjects`: the names that the call is about (`local.subjects`). `asked`: the
    actions that the role needs for it.
    """

    time: float
    duration: float
    account: str
    principal: str
    role_session: str
    service: str
    action: str
    resource: str
    status: int
    error: str
    request_id: str
    bytes_in: int
    bytes_out: int
    trace_id: str = ""
    conditional: bool = False
    subjects: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()


class Record:
    """The last calls in memory, all of them as JSON lines in a file, which begins anew with the server.

    `used` is principal → the actions of every call since then: what is done at a deployment alone is among them.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: TextIO = path.open("w", encoding="utf-8", buffering=1)
        self._ring: deque[Call] = deque(maxlen=RING_SIZE)
        self._lock = threading.Lock()
        self.used: dict[str, set[str]] = {}

    def add(self, call: Call) -> None:
        line = json.dumps(vars(call), separators=(",", ":"))
        with self._lock:
            self._ring.append(call)
            self.used.setdefault(call.principal, set()).update(call.asked)
            self._file.write(line + "\n")

    def since(self, time: float, account: str = "") -> Iterator[dict[str, Any]]:
        with self._lock:
            calls = list(self._ring)
        return (dict(vars(call)) for call in calls if call.time >= time and account in ("", call.account))

    def uses(self) -> dict[str, list[str]]:
        """`used`, for JSON."""
        with self._lock:
            return {principal: sorted(actions) for principal, actions in sorted(self.used.items())}

    def close(self) -> None:
        with self._lock:
            self._file.close()


def principal_of(caller_arn: str) -> tuple[str, str]:
    """(role or root ARN, session name) of a caller: an assumed role's ARN names the session, policies the role."""
    prefix, _, rest = caller_arn.partition(":assumed-role/")
    if not rest:
        return caller_arn, ""
    role, _, session = rest.partition("/")
    account = prefix.rsplit(":", 1)[-1]
    return f"arn:aws:iam::{account}:role/{role}", session
