"""Which accesses a breaking change of a contract concerns."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from mesh.domain.access.record import HOLDING, Access, Decided
from mesh.domain.contracts.evolution import Change
from mesh.domain.events import AffectedAccess
from mesh.domain.governance.expressions import Expression

MAX_LISTED: Final = 50
"""Of the columns of an access."""

type TagsOfTables = Mapping[str, Mapping[str, Mapping[str, str]]]
"""Table → column → its LF-Tags, own and inherited."""


def affected_accesses(
    accesses: Iterable[Access], product: str, changes: Iterable[Change], tags: TagsOfTables
) -> Iterator[tuple[str, AffectedAccess]]:
    """Who receives each access that exposes a changed column, and the access. One by LF-Tags exposes what has come
    since it was decided as well: `tags` are those of the product's columns now."""
    changed = tuple(changes)
    for access in accesses:
        if access.status not in HOLDING or access.decided is None:
            continue
        exposed = {
            name.removeprefix(f"{product}.") for name in access.decided.columns if name.startswith(f"{product}.")
        }
        if not access.by_name():
            exposed |= set(_exposed_by_tags(access.decided, tags))
        columns = sorted(name for name in exposed if any(_concerns(change, name) for change in changed))
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


def _exposed_by_tags(decided: Decided, tags: TagsOfTables) -> Iterator[str]:
    """`table.column` of each that one of the granted expressions matches."""
    policies = (entry.resource.get("LFTagPolicy") for entry in decided.entries if "SELECT" in entry.permissions)
    granted = [Expression.of_tags(policy["Expression"]) for policy in policies if policy]
    for table, columns in tags.items():
        for column, own in columns.items():
            if any(expression.matches(own) for expression in granted):
                yield f"{table}.{column}"


def _concerns(change: Change, exposed: str) -> bool:
    """Whether a change concerns an exposed column, `table.column`. A change of a table as a whole, or of the contract,
    concerns all columns of it; a column that gets another name is known by its former one."""
    table, column = exposed.split(".", 1)
    if change.table and change.table != table:
        return False
    path = str(change.before) if change.kind == "column_renamed" else change.column
    return not path or path.partition(".")[0] == column
