"""The input of every check of the guard, and the form of its findings."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.guard.fingerprints import Sketch
from mesh.domain.onboarding.guard.history import MIN_PART_ROWS, History
from mesh.domain.onboarding.guard.settings import Check, GuardSettings
from mesh.domain.onboarding.quality.model import ColumnProfile, Dimension, Evidence, Finding, TableProfile

_RELEASE = "Look at the source of the data. If it is right, release the batch with a reason: it then is an example."


@dataclass(frozen=True)
class Case:
    """A batch, and what it is compared with."""

    profile: TableProfile
    history: History
    settings: GuardSettings
    sources: tuple[str, ...] = ()
    refs: tuple[ObjectRef, ...] = ()

    @property
    def enough(self) -> bool:
        """Whether statistics can be judged: batches and rows enough on both sides."""
        return self.enough_history and self.profile.rows >= MIN_PART_ROWS

    @property
    def enough_history(self) -> bool:
        """Whether there are as many accepted objects (parts of batches) and rows as the settings ask."""
        known = self.history
        return len(known.batches) >= self.settings.min_batches and known.rows >= self.settings.min_rows

    @cached_property
    def columns(self) -> tuple[ColumnProfile, ...]:
        """The batch's columns, without those that the settings ignore."""
        return tuple(column for column in self.profile.columns if column.name not in self.settings.ignore)

    @cached_property
    def label(self) -> ColumnProfile | None:
        """The label's profile."""
        return self.profile.column(self.settings.label) if self.settings.label else None

    @cached_property
    def sketches(self) -> tuple[Sketch, ...]:
        """The accepted batches' fingerprints."""
        return tuple(Sketch.of(batch.hashes(), cut=batch.fingerprints_cut) for batch in self.history.batches)

    def finding(
        self,
        check: Check,
        message: str,
        *,
        near: bool = False,
        column: str = "",
        observed: float | None = None,
        threshold: float | None = None,
        evidence: Evidence | None = None,
        dimension: Dimension = "accuracy",
        remedy: str = _RELEASE,
        keys: tuple[str, ...] = (),
    ) -> Finding:
        """A finding with the severity that the settings give it; `near`: below the threshold."""
        return Finding(
            code=check, severity=self.settings.severity_of(check, near=near), table=self.profile.table, column=column,
            message=message, remedy=remedy, dimension=dimension, keys=keys, evidence=evidence, threshold=threshold,
            observed=None if observed is None else round(observed, 4),
        )  # fmt: skip


class GuardCheck(NamedTuple):
    """A check of the guard. It is made `always`, with a `history` of enough batches, with enough `rows` on both sides
    as well, or in place of that as long as there are `too few`."""

    check: Check
    made: Literal["always", "history", "rows", "too few"]
    findings: Callable[[Case], Iterator[Finding]]


def percent(share: float) -> str:
    """A share for people: `0.4%`, `12%`."""
    return f"{share * 100:.0f}%" if share >= 0.1 or share == 0 else f"{share * 100:.2g}%"
