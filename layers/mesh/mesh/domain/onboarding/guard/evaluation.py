"""A batch of one table against its accepted history.

Statistics need a history; what is gone, of another type, or a copy, shows from the second batch on, and so does a shift
that chance cannot make. What the contract's own revision changed is not a finding (`under_contract`).
"""

from collections.abc import Sequence
from typing import Final

from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.guard import drift, duplicates, labels, structure, volume
from mesh.domain.onboarding.guard.contract_changes import under_contract
from mesh.domain.onboarding.guard.findings import Case
from mesh.domain.onboarding.guard.history import MIN_PART_ROWS, History
from mesh.domain.onboarding.guard.settings import CHECKS, GuardSettings
from mesh.domain.onboarding.quality.model import Finding, TableProfile
from mesh.domain.schema import TableSchema

_CHECKS: Final = sorted(
    (*structure.CHECKS, *duplicates.CHECKS, *volume.CHECKS, *drift.CHECKS, *labels.CHECKS),
    key=lambda each: CHECKS.index(each.check),
)


def judge(
    profile: TableProfile,
    history: History,
    settings: GuardSettings,
    *,
    sources: Sequence[str] = (),
    refs: Sequence[ObjectRef] = (),
    expected: TableSchema | None = None,
) -> tuple[Finding, ...]:
    """What is unlike the accepted batches, errors first. `sources` are who wrote the batch, `refs` its objects;
    `expected` are the columns that the contract in force promises.

    An empty history only gives `HistoryTooShort`: the first batch is trusted.
    """
    known = under_contract(history, profile, expected)
    case = Case(profile, known, settings, tuple(sources), tuple(refs))
    if not history.batches:
        return (_too_short(case),)
    made = {"always", "rows" if case.enough else "too few"} | ({"history"} if case.enough_history else set())
    checks = [each for each in _CHECKS if each.made in made and settings.on(each.check)]
    found = [finding for each in checks for finding in each.findings(case)]
    order = {"error": 0, "warning": 1, "info": 2}
    found.sort(key=lambda finding: order[finding.severity])
    return (*found, *(() if case.enough else (_too_short(case),)))


def _too_short(case: Case) -> Finding:
    """`HistoryTooShort`, for the report alone."""
    known, settings = case.history, case.settings
    if case.enough_history:
        message = f"{case.profile.rows} rows are too few to compare distributions: it takes {MIN_PART_ROWS}."
    else:
        message = (
            f"Distributions, labels and volume were hardly compared: {len(known.batches)} objects of together "
            f"{known.rows:,} rows were accepted so far; {settings.min_batches} objects with {settings.min_rows:,} rows "
            "are needed."
        )
    return Finding(
        code="HistoryTooShort", severity="info", table=case.profile.table, message=message, dimension="accuracy"
    )
