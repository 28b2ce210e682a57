"""End times as people write them: a date, a timestamp, or a duration from now."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Final

from cli.output import CommandFailed

_DURATION: Final = re.compile(r"([1-9]\d{0,5})([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
FORMS: Final = "2027-01-31 (to the end of that day, UTC), 2027-01-31T12:00Z, or a duration: 90d, 12h, 30m, 90s"


def parse_until(text: str, now: datetime) -> datetime:
    """The time in UTC; a timestamp without a zone is in UTC. Raises `CommandFailed`."""
    given = text.strip()
    try:
        if found := _DURATION.fullmatch(given):
            return (now + timedelta(**{_UNITS[found[2]]: int(found[1])})).astimezone(UTC)
        moment = datetime.fromisoformat(given)
    except (ValueError, OverflowError):
        raise CommandFailed(
            f"invalid --until: {text!r} is not a date, a timestamp or a duration such as 90d",
            code="InvalidUntil",
            remedy=f"use one of: {FORMS}",
        ) from None
    if "T" not in given and " " not in given:
        moment = datetime.combine(moment.date(), time(23, 59, 59))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def parse_duration(text: str) -> timedelta:
    """Raises `CommandFailed`."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise CommandFailed(
            f"{text!r} is not a duration", code="InvalidDuration", remedy="use one such as 30d, 12h, 30m, 90s or 2w"
        )
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def remaining(until: datetime, now: datetime) -> str:
    """`89 days`, `3 hours`, `12 min`, `40 s`, or `expired`: the largest unit, rounded."""
    seconds = round((until - now).total_seconds())
    if seconds <= 0:
        return "expired"
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{round(seconds / _MINUTE)} min"
    unit, noun = (_HOUR, "hour") if seconds < 2 * _DAY else (_DAY, "day")
    number = round(seconds / unit)
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
