"""A batch of one table against its accepted history.

Statistics need a history; what is gone, of another type, or a copy, shows from the second batch on.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from mesh.domain.formats.model import ObjectRef
from mesh.domain.guard.amounts import unusual_outliers, unusual_volume
from mesh.domain.guard.found import MIN_BATCH_ROWS, Case
from mesh.domain.guard.history import History
from mesh.domain.guard.labels import contradicting_labels
from mesh.domain.guard.repeats import repeated_earlier, repeated_rows, same_objects
from mesh.domain.guard.settings import Check, GuardSettings
from mesh.domain.guard.shifts import shifted_columns, shifted_labels
from mesh.domain.guard.structure import empty_columns, gone_columns, numbers_as_text, unknown_sources
from mesh.domain.quality.model import Finding, TableProfile

type Judge = Callable[[Case], Iterator[Finding]]

_ALWAYS: Final[dict[Check, Judge]] = {
    "ColumnGone": gone_columns,
    "ColumnAllNull": empty_columns,
    "TypeBecameText": numbers_as_text,
    "SameObjectAgain": same_objects,
    "RepeatsEarlierData": repeated_earlier,
    "UnknownSource": unknown_sources,
}
_WITH_HISTORY: Final[dict[Check, Judge]] = {"VolumeUnusual": unusual_volume}
_WITH_ROWS: Final[dict[Check, Judge]] = {
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
) -> tuple[Finding, ...]:
    """What is unlike the accepted batches, errors first. `sources` are who wrote the batch, `refs` its objects.

    An empty history gives nothing but the word that there is none: the first batch is taken on trust.
    """
    case = Case(profile, history, settings, tuple(sources), tuple(refs))
    if not history.batches:
        return (_too_short(case),)
    checks = dict(_ALWAYS)
    if case.enough_history:
        checks |= _WITH_HISTORY
    if case.enough:
        checks |= _WITH_ROWS
    found = [finding for check, made in checks.items() if settings.on(check) for finding in made(case)]
    order = {"error": 0, "warning": 1, "info": 2}
    found.sort(key=lambda finding: order[finding.severity])
    return (*found, *(() if case.enough else (_too_short(case),)))


def _too_short(case: Case) -> Finding:
    """`HistoryTooShort`, for the report alone."""
    known, settings = case.history, case.settings
    if case.enough_history:
        message = f"{case.profile.rows} rows are too few to compare distributions: it takes {MIN_BATCH_ROWS}."
    else:
        message = (
            f"Distributions, labels and volume were not compared: {len(known.batches)} batches of together "
            f"{known.rows:,} rows were accepted so far; {settings.min_batches} batches with {settings.min_rows:,} rows "
            "are needed."
        )
    return Finding(
        code="HistoryTooShort", severity="info", table=case.profile.table, message=message, dimension="accuracy"
    )
