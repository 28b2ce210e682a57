"""Whether the readers of live accesses read: what their own accounts answered when they were asked to look."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from mesh.domain.access.record import Access, Decided
from mesh.domain.events import ReadableTable
from mesh.domain.governance.drift import Drift, Kind, Look

MAX_LOOKS: Final = 100
"""At most so many are asked in a run, those that were asked longest ago first."""
_COLUMNS: Final = 10
"""As many of a table's columns are read to verify an access."""
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


def looks(accesses: Iterable[Access], today: Callable[[Access], Decided], run: str) -> list[Look]:
    """The live accesses to look at, each with what its reader can read by now: those that this run has asked, and has
    its answer of, before others. What the policy would not grant any more is reported as that."""

    def place(access: Access) -> tuple[bool, datetime, str]:
        check = access.checked
        answered = bool(run) and check is not None and check.run == run
        return not answered, check.asked if check else _NEVER, access.id

    live = sorted((each for each in accesses if each.status == "live" and each.decided is not None), key=place)
    return [look for access in live[:MAX_LOOKS] if (look := _look(access, today)) is not None]


def _look(access: Access, today: Callable[[Access], Decided]) -> Look | None:
    """None where it is not known what should be read: then that is told, as `not-allowed` or `not-compared`."""
    try:
        return Look(access=access.id, table=_readable(access, today(access)))
    except Exception:
        return None


def _readable(access: Access, now: Decided) -> ReadableTable | None:
    """The first table that the reader can read now, with some of its columns; what was granted by name, as long as the
    policy allows it."""
    for table in now.tables:
        columns = table.columns
        if access.by_name() and access.decided is not None:
            names = set(access.decided.columns)
            columns = tuple(name for name in columns if f"{table.database}.{table.table}.{name}" in names)
        if columns:
            return table.evolve(columns=columns[:_COLUMNS])
    return None


def unread(accesses: Sequence[Access], looked_at: Sequence[Look], run: str) -> Iterator[Drift]:
    """Those whose account says that the reader cannot read, or does not answer this run; before it has asked (`run` is
    empty), only what is suspended."""
    asked = {look.access for look in looked_at} if run else set[str]()
    for access in accesses:
        check = access.checked
        if access.status == "live" and check is not None and check.suspended:
            yield _drift("suspended", access, check.reason.message if check.reason else "", waiting=_due(access, run))
        elif access.id in asked and (check is None or check.run != run):
            yield unanswered(access)
        elif access.id in asked and check is not None and check.reason is not None:
            yield _drift("reader", access, f"it cannot read: {check.reason.code}: {check.reason.message}")


def unanswered(access: Access) -> Drift:
    """An access whose account was asked to look, and has not answered."""
    return _drift("reader", access, "its account has not answered whether it reads", waiting=True)


def _due(access: Access, run: str) -> bool:
    return bool(run) and access.checked is not None and access.checked.run != run


def _drift(kind: Kind, access: Access, what: str, *, waiting: bool = False) -> Drift:
    same = f"mesh reconcile --same-role {access.id} if a role of that name is the same; else mesh revoke {access.id}"
    shown = "its account repairs links and grants of its own; mesh explain shows what is missing"
    return Drift(
        kind=kind,
        principal=access.receiver,
        access=access.id,
        what=what[:500],
        remedy=same if kind == "suspended" else shown,
        waiting=waiting,
    )
