"""Which cases are played: all, a part of them, or several faults at once drawn from a seed."""

import random
from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
from typing import Final

from tests.sweep.runner import Case, Schedule

FAULTS: Final = (2, 4)
"""Of one schedule: at least, and at most."""


def chosen(
    cases: Sequence[Case], kinds: Collection[str] | None, call: str, part: str, played: Collection[str] = ()
) -> list[Case]:
    """Of these kinds (all for None), at calls that match, but those that were played; of these each n-th: `2/10`."""
    number, _, parts = part.partition("/")
    found = [case for case in cases if (not kinds or case.kind.name in kinds) and fnmatchcase(str(case.call), call)]
    found = [case for case in found if str(case) not in played]
    # Cases of one kind take about as long: together they wait least for each other.
    found.sort(key=lambda case: case.kind.name)
    return found[int(number) - 1 :: int(parts)]


def schedules(flow: str, cases: Sequence[Case], count: int, seed: int) -> list[Schedule]:
    """So many, each from a seed of its own: `seed`, `seed + 1`, …"""
    return [_schedule(flow, cases, each) for each in range(seed, seed + count)]


def _schedule(flow: str, cases: Sequence[Case], seed: int) -> Schedule:
    drawn = random.Random(f"{flow} {seed}")
    return Schedule(flow, seed, tuple(drawn.sample(cases, min(len(cases), drawn.randint(*FAULTS)))))
