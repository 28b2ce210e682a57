"""What is said at the end: the table of behaviours, and what is left."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from tools.verify_aws.accounts import Accounts
from tools.verify_aws.checks.registry import Outcome
from tools.verify_aws.inventory import keys_that_go
from tools.verify_aws.removal import Left

_WIDTHS: Final = (40, 34, 34, 14)
_HEADS: Final = ("behaviour", "assumed", "observed", "")
AS_ASSUMED: Final = frozenset({"same", "not observable"})


def table(outcomes: Sequence[Outcome], unobservable: dict[str, str]) -> str:
    """A row for each line of docs/aws.md that has something not settled."""
    rows = [_HEADS]
    rows += [(each.check.behaviour, each.check.assumes, each.seen.observed, each.seen.verdict) for each in outcomes]
    rows += [(behaviour, "", why, "not observable") for behaviour, why in unobservable.items()]
    return "\n".join(line for row in rows for line in _lines(row))


def _lines(row: Sequence[str]) -> Iterator[str]:
    cells = [textwrap.wrap(text, width) or [""] for text, width in zip(row, _WIDTHS, strict=True)]
    for number in range(max(map(len, cells))):
        parts = (cell[number] if number < len(cell) else "" for cell in cells)
        yield "  ".join(f"{part:<{width}}" for part, width in zip(parts, _WIDTHS, strict=True)).rstrip()


def what_is_left(accounts: Accounts, found: Left) -> str:
    """A line for each kind of each account; and what goes, or stays, by AWS's own rules."""
    lines = [
        f"left in {name} ({accounts[name].number}): {kind}: {', '.join(names)}"
        for name, kinds in found.items()
        for kind, names in kinds.items()
    ]
    for name, account in accounts.items():
        lines += [f"{name}: {len(keys)} KMS keys wait for their deletion"] if (keys := keys_that_go(account)) else []
    return "\n".join(lines or ["nothing is left"])
