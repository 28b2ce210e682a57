"""Changes that the contract announces: the guard ignores columns that its revision removed, renamed or retyped."""

from mesh.domain.hive_types import is_number
from mesh.domain.onboarding.guard.history import History
from mesh.domain.onboarding.quality.model import TableProfile
from mesh.domain.schema import TableSchema


def under_contract(history: History, profile: TableProfile, expected: TableSchema | None) -> History:
    """The history without columns that the contract no longer has and the batch has no value of (removed, or renamed),
    and without those that are numbers on one side alone where the contract says their type (retyped).

    Without a contract that lists columns, or of columns beyond it that still have values, nothing is forgotten.
    """
    types = {column.name: column.type for column in (*expected.columns, *expected.partition_keys)} if expected else {}
    if not types:
        return history
    known = {name for batch in history.batches for name in batch.columns}
    forgotten = {name for name in known if _removed(name, profile, types) or _retyped(name, profile, history, types)}
    if not forgotten:
        return history
    batches = tuple(
        batch.evolve(columns={name: one for name, one in batch.columns.items() if name not in forgotten})
        for batch in history.batches
    )
    edges = {name: bins for name, bins in history.edges.items() if name not in forgotten}
    return history.evolve(batches=batches, edges=edges)


def _removed(name: str, profile: TableProfile, types: dict[str, str]) -> bool:
    column = profile.column(name)
    return name not in types and (column is None or column.nulls == column.rows)


def _retyped(name: str, profile: TableProfile, history: History, types: dict[str, str]) -> bool:
    declared, column = types.get(name, ""), profile.column(name)
    if not declared or column is None:
        return False
    return any((past.kind == "number") != is_number(declared) for past in history.column(name))
