"""What was found in a product's columns so far: central's state, which only grows.

Joining is commutative, associative and idempotent: whatever was found, in whatever order and however often it is
reported, gives the same state. It holds what kind of data was found, in which batch and when, and never a value.
See docs/decisions/0032.
"""

from collections.abc import Iterable
from datetime import datetime

from mesh.domain.events import PersonalDataFinding


class KnownFinding(PersonalDataFinding):
    """A finding with its evidence: the proposal (`batch`) that first reported this class of this column, and when."""

    batch: str
    at: datetime


def known_from(findings: Iterable[PersonalDataFinding], batch: str, at: datetime) -> tuple[KnownFinding, ...]:
    """The findings of one batch."""
    return tuple(KnownFinding(**finding.model_dump(), batch=batch, at=at) for finding in findings)


def join(*states: Iterable[KnownFinding]) -> tuple[KnownFinding, ...]:
    """All classes of each column that any of these knows, each with its earliest evidence; by column and class.

    At most one entry for each column and class, so that no sender can make the state grow without end.
    """
    kept: dict[tuple[str, str], KnownFinding] = {}
    for finding in sorted((each for state in states for each in state), key=_evidence):
        kept.setdefault((finding.column, finding.value), finding)
    return tuple(kept[place] for place in sorted(kept))


def _evidence(finding: KnownFinding) -> tuple[datetime, str, str, float]:
    return finding.at, finding.batch, finding.reason, finding.confidence
