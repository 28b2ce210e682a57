"""What central's use cases share: its records, the trace, the clock."""

from dataclasses import dataclass

from mesh.ports import AccessRegistry, Clock, Registry, Trace


@dataclass(frozen=True)
class CentralContext:
    """Central's account, its records, the trace, and the clock."""

    account: str
    registry: Registry
    accesses: AccessRegistry
    trace: Trace
    clock: Clock
