"""A batch of one table against its accepted history.

Statistics need a history; what is gone, of another type, or a copy, shows from the second batch on, and so does a shift
that chance cannot make. What the contract's own revision changed is not a finding (`under_contract`).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.guard.contract_changes import under_contract
from mesh.domain.onboarding.guard.drift import obvious_shifts, shifted_columns, shifted_labels
from mesh.domain.onboarding.guard.duplicates import repeated_earlier, repeated_rows, same_objects
from mesh.domain.onboarding.guard.findings import Case
from mesh.domain.onboarding.guard.history import MIN_PART_ROWS, History
from mesh.domain.onboarding.guard.labels import contradicting_labels
from mesh.domain.onboarding.guard.settings import Check, GuardSettings
from mesh.domain.onboarding.guard.structure import empty_columns, gone_columns, numbers_as_text, unknown_sources
from mesh.domain.onboarding.guard.volume import unusual_outliers, unusual_volume
from mesh.domain.onboarding.quality.model import Finding, TableProfile
from mesh.domain.schema import TableSchema

type PolicyEvaluator = Callable[[Case], Iterator[Finding]]

_ALWAYS: Final[dict[Check, PolicyEvaluator]] = {
    "ColumnGone": gone_columns,
    "ColumnAllNull": empty_columns,
    "TypeBecameText": numbers_as_text,
    "SameObjectAgain": same_objects,
    "RepeatsEarlierData": repeated_earlier,
    "UnknownSource": unknown_sources,
}
_WITHOUT_HISTORY: Final[dict[Check, PolicyEvaluator]] = {"DistributionShifted": obvious_shifts}
_WITH_HISTORY: Final[dict[Check, PolicyEvaluator]] = {"VolumeUnusual": unusual_volume}
_WITH_ROWS: Final[dict[Check, PolicyEvaluator]] = {
    "RowsRepeated": repeated_rows,
    "DistributionShifted": shifted_columns,
    "LabelRateShifted": shifted_labels,
    "LabelsContradictData": contradicting_labels,
    "OutliersUnusual": unusual_outliers,
}


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
    checks = dict(_ALWAYS)
    if case.enough_history:
        checks |= _WITH_HISTORY
    checks |= _WITH_ROWS if case.enough else _WITHOUT_HISTORY
    found = [finding for check, made in checks.items() if settings.on(check) for finding in made(case)]
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
