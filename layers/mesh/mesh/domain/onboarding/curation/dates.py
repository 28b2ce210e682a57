"""Dates as text: what is read as one, and DataBrew's format words.

Source: AWS Glue DataBrew Developer Guide, DATE_FORMAT and FORMAT_DATE: `mm` is the month, `MM` the minute. The guide
does not list what it reads; read here are ISO 8601 and the guide's own output formats (month before day), and
`dd.mm.yyyy`.
A time zone is kept out: the fields are taken as they are written.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_ISO: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}.*)?").fullmatch
_CLOCK: Final = r"(?: (?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}))?)?"
_OTHERS: Final = tuple(
    re.compile(pattern + _CLOCK, re.IGNORECASE).fullmatch
    for pattern in (
        r"(?P<month>[0-9]{1,2})/(?P<day>[0-9]{1,2})/(?P<year>[0-9]{4})",
        r"(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})-(?P<year>[0-9]{4})",
        r"(?P<day>[0-9]{1,2})\.(?P<month>[0-9]{1,2})\.(?P<year>[0-9]{4})",
        r"(?P<day>[0-9]{1,2}) (?P<name>[a-z]+) (?P<year>[0-9]{4})",
        r"(?P<name>[a-z]+) (?P<day>[0-9]{1,2}), (?P<year>[0-9]{4})",
    )
)
_WORDS: Final = re.compile(r"month|yyyy|yy|mm|dd|HH|MM|SS")


def read_moment(written: str) -> datetime | None:
    """The timestamp in a text; None where there is none."""
    written = written.strip()
    if _ISO(written):
        try:
            return datetime.fromisoformat(written).replace(tzinfo=None)
        except ValueError:
            return None
    for matches in _OTHERS:
        if found := matches(written):
            return _moment({name: value for name, value in found.groupdict().items() if value})
    return None


def date_writer(pattern: str) -> Callable[[datetime], str]:
    """A function that writes timestamps in this format. Raises ValueError for letters that are not a format word."""
    pieces = [(word, True) for word in _WORDS.findall(pattern)]
    between = _WORDS.split(pattern)
    wrong = [letter for piece in between for letter in piece if letter.isalpha()]
    if wrong or not pieces:
        raise ValueError(
            f"a date format has yyyy, yy, mm, month, dd, HH, MM, SS and signs between them, not {pattern!r}"
        )
    template = "".join(
        literal.replace("{", "{{").replace("}", "}}") + (f"{{{word}}}" if word else "")
        for literal, word in zip(between, [word for word, _ in pieces] + [""], strict=True)
    )
    return lambda moment: template.format_map(_fields(moment))


def _fields(moment: datetime) -> dict[str, str]:
    return {
        "yyyy": f"{moment.year:04}",
        "yy": f"{moment.year % 100:02}",
        "mm": f"{moment.month:02}",
        "month": MONTHS[moment.month - 1],
        "dd": f"{moment.day:02}",
        "HH": f"{moment.hour:02}",
        "MM": f"{moment.minute:02}",
        "SS": f"{moment.second:02}",
    }


def _moment(fields: dict[str, str]) -> datetime | None:
    name = fields.pop("name", "").capitalize()
    if name:
        months = [index for index, month in enumerate(MONTHS, start=1) if name in {month, month[:3]}]
        if not months:
            return None
        fields["month"] = str(months[0])
    try:
        parts = [int(fields.get(part, "0")) for part in ("year", "month", "day", "hour", "minute", "second")]
        return datetime(parts[0], parts[1], parts[2], parts[3], parts[4], parts[5])
    except ValueError:
        return None
