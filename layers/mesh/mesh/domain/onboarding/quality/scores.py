"""Scores of a table, each from 0 to 1; None where nothing says what it should be, or there are no rows.

completeness = values that are there / (rows * columns), over the required columns, or over all if none is required
validity     = 1 - values that break their type, enumeration, range, length, step, pattern or format / values that
               are there, over the columns that promise any of these; a value that breaks several counts once
uniqueness   = 1 - rows beyond the first of their key / rows; the least over primary key and unique columns
timeliness   = 1 while the newest data is young enough, else allowed age / age; the least over the service levels
skew         = H / ln k, Shannon's entropy of the shares of k values: 1 when all are equally frequent, towards 0
               the more one prevails (1 - imbalance, with imbalance = 1 - H / ln k); of the label column if there
               is one, else the mean over the columns of 2 to 50 values that are not numbers
"""

import math
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from mesh.domain.onboarding.quality.freshness import Freshness
from mesh.domain.onboarding.quality.model import ColumnProfile, Scores, TableProfile


class Checked(NamedTuple):
    """Of one column's values: how many were compared with what it promises, and how many break it."""

    values: int
    invalid: int


def scores(
    profile: TableProfile,
    *,
    required: Collection[str],
    checked: Mapping[str, Checked],
    repeated: Iterable[float],
    freshness: Iterable[Freshness],
    label: str = "",
) -> Scores:
    """All of a table. `repeated`: for each key, the rows beyond the first of their key."""
    return Scores(
        completeness=_completeness(profile, required),
        validity=_validity(checked),
        uniqueness=_uniqueness(profile, repeated),
        timeliness=min((found.score for found in freshness if found.score is not None), default=None),
        skew=_skew(profile, label),
    )


def _completeness(profile: TableProfile, required: Collection[str]) -> float | None:
    columns = [column for column in profile.columns if not required or column.name in required]
    missing = len(set(required) - {column.name for column in columns})
    cells = profile.rows * (len(columns) + missing)
    if not cells:
        return None
    return 1 - (sum(column.nulls for column in columns) + missing * profile.rows) / cells


def _validity(checked: Mapping[str, Checked]) -> float | None:
    values = sum(found.values for found in checked.values())
    return 1 - sum(found.invalid for found in checked.values()) / values if values else None


def _uniqueness(profile: TableProfile, repeated: Iterable[float]) -> float | None:
    return min((1 - rows / profile.rows for rows in repeated), default=None) if profile.rows else None


def _skew(profile: TableProfile, label: str) -> float | None:
    judged = profile.column(label) if label else None
    columns = [judged] if judged else [column for column in profile.columns if column.kind == "category"]
    found = [even for even in map(evenness, columns) if even is not None]
    return sum(found) / len(found) if found else None


def evenness(column: ColumnProfile) -> float | None:
    """H ÷ ln k of a column that is counted value by value; None below two values."""
    counts = [value.count for value in column.top if value.count]
    total = sum(counts)
    if len(counts) < 2 or len(counts) < column.distinct:
        return None
    entropy = -sum(count / total * math.log(count / total) for count in counts)
    return min(entropy / math.log(len(counts)), 1.0)
