"""The columns of a table and their types: from the contract, the published table, and what the batch's rows have."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from mesh.domain.onboarding.reading.types import join, joined, published
from mesh.domain.schema import Column, TableSchema, TypeChange


class Decision(NamedTuple):
    """`columns` in the table's order, partition keys last; `widened`: what the published table had otherwise."""

    columns: tuple[Column, ...]
    widened: tuple[TypeChange, ...]


def declared_types(expected: TableSchema | None) -> dict[str, str]:
    """Column → type that the contract states, as the table has it."""
    columns = (*expected.columns, *expected.partition_keys) if expected else ()
    return {column.name: published(column.type) for column in columns if column.type}


def decide(
    found: Iterable[Mapping[str, str]],
    expected: TableSchema | None,
    present: TableSchema | None,
    partition_keys: Sequence[str] = (),
) -> Decision:
    """`found`: of each object its columns in order, with their types ("" where all is NULL).

    The contract's type is the table's. Without one, the type holds what is published and what the batch has: it widens,
    and never narrows. Columns keep the table's order; new ones follow as they are found.
    """
    types: dict[str, list[str]] = {}
    for columns in found:
        for name, type_ in columns.items():
            types.setdefault(name, []).append(type_)
    before = {column.name: column.type for column in _all(present)}
    declared = declared_types(expected)
    names = [name for name in dict.fromkeys((*before, *types)) if name not in partition_keys]
    final = {name: declared.get(name) or _wide(before.get(name, ""), types.get(name, ())) for name in names}
    final |= {name: declared.get(name, "string") for name in partition_keys}
    comments = {column.name: column.comment for schema in (present, expected) for column in _all(schema)}
    return Decision(
        columns=tuple(Column(name=name, type=type_, comment=comments.get(name, "")) for name, type_ in final.items()),
        widened=tuple(
            TypeChange(name=name, before=before[name], after=type_)
            for name, type_ in final.items()
            if before.get(name) and before[name] != type_
        ),
    )


def _wide(before: str, types: Iterable[str]) -> str:
    """A published type that nothing in the batch contradicts stays as it is."""
    batch = joined(types)
    return published(join(before, batch)) if batch else published(before)


def _all(schema: TableSchema | None) -> tuple[Column, ...]:
    return (*schema.columns, *schema.partition_keys) if schema else ()
