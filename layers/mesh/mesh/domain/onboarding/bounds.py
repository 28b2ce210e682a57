"""Statistics of written files, as a manifest keeps them: counts of every column, bounds of those that may be shown."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from mesh.domain.onboarding.reading.model import Bound, WrittenFile
from mesh.domain.publishing.fields import Field
from mesh.domain.publishing.staging import ColumnStatistics


def statistics_of(written: WrittenFile, fields: Sequence[Field], secret: Iterable[str]) -> dict[int, ColumnStatistics]:
    """By field id. A bound is a value: of columns that people may not see by name, none is kept, since a manifest is
    read by whoever may read its table at all. A text that the writer has cut is not a bound either."""
    hidden = {each.id for field in fields if field.name in set(secret) for each in field.every()}
    found = {}
    for id_, column in written.columns.items():
        bounded = id_ not in hidden and column.exact and not column.nans
        found[id_] = ColumnStatistics(
            values=column.values,
            nulls=column.nulls,
            nans=column.nans,
            low=_text(column.low) if bounded else None,
            high=_text(column.high) if bounded else None,
            bytes=column.size,
        )
    return found


def _text(bound: Bound) -> str | None:
    match bound:
        case None:
            return None
        case bool():
            return str(bound).lower()
        case datetime():
            return bound.isoformat(" ")
        case date():
            return bound.isoformat()
    return str(bound)
