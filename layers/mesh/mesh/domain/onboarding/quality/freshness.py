"""Service levels of time: how old the newest data may be, and how old it is.

Source: Open Data Contract Standard, "Service-level agreement": `latency` (`ly`), which it prefers to `freshness`, and
`frequency` (`fy`), of an `element`. A date stands for its whole day: it ages from its end, in UTC.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from mesh.domain.contracts.contract import Contract
from mesh.domain.contracts.service_levels import duration_of
from mesh.domain.onboarding.keys import UnknownPrefix, UnsafeKey, table_key
from mesh.domain.onboarding.partitions import InvalidPartition
from mesh.domain.onboarding.quality.model import Finding, RuleResult, TableData, TableProfile

_MEASURED: Final = frozenset({"latency", "ly", "freshness", "fr", "frequency", "fy"})
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}").fullmatch


class ServiceLevel(NamedTuple):
    """`where` in the contract; `column` by its name in the catalog, "" where the level names no element."""

    where: str
    property: str
    allowed: timedelta
    column: str


class Freshness(NamedTuple):
    """A level and what was measured; `age` is None if the age of the data is unknown."""

    level: ServiceLevel
    age: timedelta | None

    @property
    def score(self) -> float | None:
        """1 while it is kept, then the allowed age's share of the age."""
        if self.age is None:
            return None
        return 1.0 if self.age <= self.level.allowed else self.level.allowed / self.age


def allowed_age(sla: Mapping[str, Any]) -> timedelta | None:
    """How old the newest data may be under this entry; None for an entry that is not measured."""
    if str(sla.get("property", "")).strip().lower() not in _MEASURED:
        return None
    return duration_of(sla)


def service_levels(contract: Contract, table: str) -> tuple[ServiceLevel, ...]:
    """Those of one table, by its name in the catalog. Levels without an element are every table's."""
    return tuple(_levels(contract, table))


def _levels(contract: Contract, table: str) -> Iterator[ServiceLevel]:
    fallback = str(contract.extras.get("slaDefaultElement") or "")
    for position, sla in enumerate(contract.extras.get("slaProperties") or ()):
        if (allowed := allowed_age(sla)) is None:
            continue
        where, name = f"$.slaProperties[{position}]", str(sla.get("property"))
        elements = [part.strip() for part in str(sla.get("element") or fallback).split(",") if part.strip()]
        for column in _columns_of(contract, table, elements):
            yield ServiceLevel(where, name, allowed, column)


def _columns_of(contract: Contract, table: str, elements: Sequence[str]) -> Iterator[str]:
    if not elements:
        yield ""
    for element in elements:
        owner, _, name = element.rpartition(".")
        for candidate in contract.tables:
            named = {candidate.name.lower(), candidate.physical_name.lower(), candidate.catalog_name}
            if candidate.catalog_name != table or (owner and owner.lower() not in named):
                continue
            if not owner and len(contract.tables) > 1 and name.lower() in named:
                yield ""
                continue
            yield next((c.catalog_name for c in candidate.columns if name in {c.name, c.physical_name}), name.lower())


def measured(
    levels: Iterable[ServiceLevel], data: TableData, profile: TableProfile, now: datetime
) -> tuple[Freshness, ...]:
    """The age of the newest data under each level; data from the future is of age 0."""
    return tuple(Freshness(level, _age(newest(level.column, data, profile), now)) for level in levels)


def newest(column: str, data: TableData, profile: TableProfile) -> datetime | None:
    """The newest moment in the column. Without one: by a partition key with dates, else the only timestamp column."""
    partitions = _partition_values(data)
    if column:
        found = profile.column(column)
        return max(
            filter(None, map(_moment, partitions.get(column, ()))), default=_moment(found.high) if found else None
        )
    for values in partitions.values():
        moments = [moment for moment in map(_moment, values) if moment]
        if moments:
            return max(moments)
    stamps = [found for found in profile.columns if found.type == "timestamp"]
    return _moment(stamps[0].high) if len(stamps) == 1 else None


def _age(moment: datetime | None, now: datetime) -> timedelta | None:
    return None if moment is None else max(now - moment, timedelta())


def _partition_values(data: TableData) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for ref in data.refs:
        try:
            key = table_key(ref.key)
        except (UnsafeKey, UnknownPrefix, InvalidPartition):
            continue
        for name, value in key.partitions if key else ():
            found.setdefault(name, set()).add(value)
    return found


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.strip()) if text else None
    except ValueError:
        return None
    if moment is None or text is None:
        return None
    if _DAY(text.strip()):
        moment += timedelta(days=1)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def verdicts(found: Iterable[Freshness], table: str) -> Iterator[tuple[RuleResult, Finding | None]]:
    """A result for each level, and a warning `StaleData` for each that is not kept."""
    for level, age in found:
        rule = f"{level.property} {_shown(level.allowed)}" + (f" by {level.column}" if level.column else "")
        late = age is not None and age > level.allowed
        yield (
            RuleResult(
                where=level.where, column=level.column, rule=rule, severity="warning", dimension="timeliness",
                outcome="skipped" if age is None else "failed" if late else "passed",
                observed="" if age is None else _shown(age),
                reason="no column or partition shows how old the data is" if age is None else "",
            ),
            _stale(level, age, table) if late and age is not None else None,
        )  # fmt: skip


def _stale(level: ServiceLevel, age: timedelta, table: str) -> Finding:
    return Finding(
        code="StaleData", severity="warning", table=table, column=level.column, dimension="timeliness",
        where=level.where, observed=round(age / timedelta(hours=1), 2),
        threshold=round(level.allowed / timedelta(hours=1), 2),
        message=f"the newest data is {_shown(age)} old; {level.property} allows {_shown(level.allowed)}",
        remedy="Upload newer data, or change the service level.",
    )  # fmt: skip


def _shown(age: timedelta) -> str:
    hours = age / timedelta(hours=1)
    if hours >= 48:
        return f"{hours / 24:.1f} d"
    return f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.0f} min"
