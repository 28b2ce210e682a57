"""What central's use cases share: its records, the trace, the clock."""

from dataclasses import dataclass
from typing import Protocol

from mesh.ports import AccessRegistry, Clock, Registry, Trace


class Records(Protocol):
    """The records that whoever takes an event reads and writes."""

    @property
    def registry(self) -> Registry: ...
    @property
    def trace(self) -> Trace: ...
    @property
    def clock(self) -> Clock: ...


@dataclass(frozen=True)
class CentralContext:
    """Central's account, its records, the trace, and the clock."""

    account: str
    registry: Registry
    accesses: AccessRegistry
    trace: Trace
    clock: Clock
