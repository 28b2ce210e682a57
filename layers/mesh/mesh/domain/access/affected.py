"""Which accesses a breaking change of a contract concerns."""

from collections.abc import Iterable, Iterator
from typing import Final

from mesh.domain.access.record import HOLDING, Access
from mesh.domain.contracts.evolution import Change
from mesh.domain.events import AffectedAccess

MAX_LISTED: Final = 50
"""Of the columns of an access."""


def affected_accesses(
    accesses: Iterable[Access], product: str, changes: Iterable[Change]
) -> Iterator[tuple[str, AffectedAccess]]:
    """Who receives each access that exposes a changed column, and the access."""
    changed = tuple(changes)
    for access in accesses:
        if access.status not in HOLDING or access.decided is None:
            continue
        columns = [
            column.removeprefix(f"{product}.")
            for column in access.decided.columns
            if column.startswith(f"{product}.") and any(_concerns(change, column) for change in changed)
        ]
        if columns:
            yield (
                access.receiver,
                AffectedAccess(
                    access=access.id,
                    reader=access.request.reader,
                    columns=tuple(columns[:MAX_LISTED]),
                    columns_count=len(columns),
                ),
            )


def _concerns(change: Change, exposed: str) -> bool:
    """Whether a change concerns an exposed column, `database.table.column`. A change of a table as a whole, or of the
    contract, concerns all columns of it; a column that gets another name is known by its former one."""
    _, table, column = exposed.split(".", 2)
    if change.table and change.table != table:
        return False
    path = str(change.before) if change.kind == "column_renamed" else change.column
    return not path or path.partition(".")[0] == column
