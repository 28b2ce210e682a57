"""`renamed_from` in the files of `governance/`: names that an entry had before, and the last day on which people may
still write them. See docs/decisions/0042."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Final, NamedTuple

from pydantic import BeforeValidator

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_FORM: Final = "write OLD NAME: LAST DAY, as in {internal: 2027-06-30}; people may write the old name through that day"


def _old_names(value: object) -> object:
    """YAML's dates come as text."""
    if not isinstance(value, Mapping):
        raise ValueError(_FORM)
    for name, day in value.items():
        valid = isinstance(day, date) or (isinstance(day, str) and _DAY.fullmatch(day))
        if not isinstance(name, str) or not name or not valid:
            raise ValueError(f"{name!r}: {day!r}: {_FORM}")
    return value


RenamedFrom = Annotated[dict[str, date], BeforeValidator(_old_names)]
"""Old name → the last day (UTC)."""


class NewName(NamedTuple):
    """What an old name stands for, and the last day on which people may write it."""

    name: str
    until: date

    def note(self, old: str) -> str:
        """For people who wrote the old name, while they may."""
        return f"{old} is called {self.name} by now, and is read as that through {self.until}: write {self.name}"


def new_names(entries: Mapping[str, Mapping[str, date]]) -> dict[str, NewName]:
    """Old name → what it stands for; `entries`: name → its `renamed_from`."""
    return {old: NewName(name, until) for name, olds in entries.items() for old, until in olds.items()}


def rename_faults(entries: Mapping[str, Mapping[str, date]]) -> Iterator[tuple[str, str]]:
    """Names with what is wrong with their `renamed_from`."""
    taken: dict[str, str] = {}
    for name, olds in entries.items():
        for old in olds:
            if old in entries:
                yield (
                    name,
                    f"is renamed_from {old}, which is still there: take {old} out; to swap two names, rename one of "
                    f"them to a third name first, and carry that out (mesh reconcile)",
                )
            elif old in taken:
                yield name, f"is renamed_from {old}, and so is {taken[old]}: only one of them can be what it was"
            taken.setdefault(old, name)
