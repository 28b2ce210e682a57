"""Are all usual columns there, of the same type, from the usual writers?"""

from collections.abc import Iterator
from typing import Final

from mesh.domain.onboarding.guard.findings import Case, GuardCheck
from mesh.domain.onboarding.guard.history import PastColumn
from mesh.domain.onboarding.guard.probability_tails import beta_binomial_tail
from mesh.domain.onboarding.quality.model import Finding

_ADD: Final = "Upload the data with the column. If it is to go, raise the contract's major version without it."
_CERTAIN: Final = 0.001
_ALWAYS: Final = 3
"""A column that the last three accepted batches have is one that a batch has."""


def gone_columns(case: Case) -> Iterator[Finding]:
    """`ColumnGone`: a column with values in each of the latest accepted batches is not in this one. Of a column that
    the contract no longer has, nothing is said."""
    present = {column.name for column in case.profile.columns}
    for name in _usual_columns(case):
        if name not in present and (not case.settings.columns or name in case.settings.columns):
            yield case.finding(
                "ColumnGone", f"The column {name} is missing; each of the latest accepted batches has it.", column=name,
                dimension="completeness", remedy=_ADD,
            )  # fmt: skip


def empty_columns(case: Case) -> Iterator[Finding]:
    """`ColumnAllNull`: a column that accepted batches fill has no value at all."""
    for column in case.columns:
        past = case.history.column(column.name)
        if not past or not column.rows or column.nulls < column.rows or any(item.nulls == item.rows for item in past):
            continue
        nulls, rows = sum(item.nulls for item in past), sum(item.rows for item in past)
        if beta_binomial_tail(column.rows, column.rows, nulls, rows) <= _CERTAIN:
            yield case.finding(
                "ColumnAllNull",
                f"The column {column.name} has no value in any of {column.rows:,} rows; of the accepted rows "
                f"{rows - nulls:,} of {rows:,} have one.",
                column=column.name, observed=1.0, threshold=round(nulls / rows, 4), dimension="completeness",
                remedy=_ADD,
            )  # fmt: skip


def numbers_as_text(case: Case) -> Iterator[Finding]:
    """`TypeBecameText`: a column of numbers arrives as text, and readers that compute with it fail."""
    for column in case.columns:
        past = [item for item in case.history.column(column.name) if item.nulls < item.rows]
        if past and column.kind in {"category", "text"} and column.nulls < column.rows and _were_numbers(past):
            yield case.finding(
                "TypeBecameText",
                f"The column {column.name} held numbers ({past[-1].type}) and now holds text ({column.type}).",
                column=column.name, dimension="validity",
                remedy="Write numbers without units, thousands separators or words for missing values.",
            )  # fmt: skip


def unknown_sources(case: Case) -> Iterator[Finding]:
    """`UnknownSource`: the writer wrote none of the remembered accepted batches."""
    known = {source for batch in case.history.batches for source in batch.sources}
    new = sorted(set(case.sources) - known)
    if known and new:
        yield case.finding(
            "UnknownSource",
            f"Written by {', '.join(new[:5])}{' and others' if len(new) > 5 else ''}, who wrote none of the "
            f"{len(case.history.batches)} accepted batches.",
            observed=float(len(new)), dimension="consistency",
            remedy="Ask the product's owner whether this account or role is meant to write here.",
        )  # fmt: skip


def _usual_columns(case: Case) -> list[str]:
    latest = case.history.batches[-_ALWAYS:]
    if not latest:
        return []
    return [
        name
        for name in latest[-1].columns
        if name not in case.settings.ignore and all(_filled(batch.columns.get(name)) for batch in latest)
    ]


def _filled(column: PastColumn | None) -> bool:
    return column is not None and column.nulls < column.rows


def _were_numbers(past: list[PastColumn]) -> bool:
    return all(item.kind == "number" for item in past[-_ALWAYS:])


CHECKS: Final = (
    GuardCheck("ColumnGone", "always", gone_columns),
    GuardCheck("ColumnAllNull", "always", empty_columns),
    GuardCheck("TypeBecameText", "always", numbers_as_text),
    GuardCheck("UnknownSource", "always", unknown_sources),
)
