"""Ends of an access as people write them: a date, a moment, or how long from now."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Final

from cli.output import CommandFailed

_DURATION: Final = re.compile(r"([1-9]\d{0,5})([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
FORMS: Final = "2027-01-31 (all of that day, UTC), 2027-01-31T12:00Z, or from now: 90d, 12h, 30m, 90s"


def parse_until(text: str, now: datetime) -> datetime:
    """The moment meant, in UTC; a moment without a zone is UTC. Raises `CommandFailed`."""
    given = text.strip()
    try:
        if found := _DURATION.fullmatch(given):
            return (now + timedelta(**{_UNITS[found[2]]: int(found[1])})).astimezone(UTC)
        moment = datetime.fromisoformat(given)
    except (ValueError, OverflowError):
        raise CommandFailed(f"{text!r} is no end", code="InvalidUntil", remedy=f"give one of: {FORMS}") from None
    if "T" not in given and " " not in given:
        moment = datetime.combine(moment.date(), time(23, 59, 59))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def remaining(until: datetime, now: datetime) -> str:
    """`89 days`, `3 hours`, `12 min`, `40 s`, or `over`: the largest unit, rounded."""
    seconds = round((until - now).total_seconds())
    if seconds <= 0:
        return "over"
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{round(seconds / _MINUTE)} min"
    unit, noun = (_HOUR, "hour") if seconds < 2 * _DAY else (_DAY, "day")
    number = round(seconds / unit)
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
