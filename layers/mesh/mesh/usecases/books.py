"""What central's steps of an access look at and write down."""

from dataclasses import dataclass

from mesh.ports import AccessRegistry, Clock, Registry, Trace


@dataclass(frozen=True)
class Books:
    """Central's records (`central` is its account), the story, and the time."""

    central: str
    registry: Registry
    accesses: AccessRegistry
    trace: Trace
    clock: Clock
