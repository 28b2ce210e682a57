"""Durations of the contract's service levels, and the notice period that it promises its readers.

Source: Open Data Contract Standard, "Service-level agreement": `property`, `value`, `unit`. The standard names no
property for a notice period; `noticePeriod` is the name of the Data Contract Specification's `terms.noticePeriod`.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from mesh.domain.contracts.contract import Contract

LONGEST_NOTICE: Final = timedelta(days=365)
_NOTICE: Final = "noticeperiod"
_UNITS: Final = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), timedelta(seconds=1)),
    **dict.fromkeys(("min", "minute", "minutes"), timedelta(minutes=1)),
    **dict.fromkeys(("h", "hr", "hour", "hours"), timedelta(hours=1)),
    **dict.fromkeys(("d", "day", "days"), timedelta(days=1)),
    **dict.fromkeys(("w", "week", "weeks"), timedelta(weeks=1)),
    **dict.fromkeys(("mo", "month", "months"), timedelta(days=30)),
    **dict.fromkeys(("y", "yr", "year", "years"), timedelta(days=365)),
}
_EVERY: Final = {"hourly": "h", "daily": "d", "weekly": "w", "monthly": "mo", "yearly": "y"}
_ISO: Final = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_ISO_STEPS: Final = tuple(_UNITS[unit] for unit in ("y", "mo", "w", "d", "h", "min", "s"))
_AMOUNT: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")


def duration_of(sla: Mapping[str, Any]) -> timedelta | None:
    """How long this entry says: ISO 8601 (`P30D`), a number with its unit, or `daily` and the like; None for anything
    else, and for what is longer than a `timedelta` can be. A month has 30 days, a year 365."""
    value, unit = str(sla.get("value", "")).strip(), str(sla.get("unit") or "").strip().lower()
    try:
        return _duration(value, unit)
    except (OverflowError, ValueError):  # of thousands of digits
        return None


def _duration(value: str, unit: str) -> timedelta | None:
    if (iso := _ISO.fullmatch(value)) and any(iso.groups()):
        parts = [int(part or 0) * step for part, step in zip(iso.groups(), _ISO_STEPS, strict=True)]
        return sum(parts, timedelta())
    if value.lower() in _EVERY:
        return _UNITS[_EVERY[value.lower()]]
    amount = _AMOUNT.fullmatch(value.lower())
    step = _UNITS.get(unit or (amount[2] if amount else "")) if amount else None
    return float(amount[1]) * step if amount and step and float(amount[1]) > 0 else None


def is_notice_period(sla: Mapping[str, Any]) -> bool:
    """Whether the entry is the notice period."""
    return str(sla.get("property", "")).strip().lower() == _NOTICE


def notice_period(contract: Contract) -> timedelta:
    """How long before a new major version comes into force its readers are told; zero where nothing is stated, and the
    longest where it is stated several times."""
    stated = (duration_of(sla) for _, sla in _notices(contract))
    return max((period for period in stated if period), default=timedelta())


def notice_faults(contract: Contract) -> Iterator[dict[str, str]]:
    """Each notice period that is none, or is too long, as a violation of the contract."""
    for position, sla in _notices(contract):
        period = duration_of(sla)
        if period is None or period > LONGEST_NOTICE:
            said = f"{sla.get('value')} {sla.get('unit') or ''}".strip()[:100]
            message = f"{said!r} is no notice period: up to {LONGEST_NOTICE.days} days, as value: 30 with unit: d"
            yield {"path": f"$.slaProperties[{position}].value", "message": message}


def _notices(contract: Contract) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for position, sla in enumerate(contract.extras.get("slaProperties") or ()):
        if is_notice_period(sla):
            yield position, sla
