"""A table's columns in Hive's type names, and what changed between two versions of them."""

from collections.abc import Iterable

from mesh.domain.errors import Rejected
from mesh.domain.model import Model

UNDECLARED = ""


class DuplicateColumns(Rejected):
    """Two columns of one name, once lower-cased as Glue does."""


class EmptyColumnName(Rejected):
    """A header with an empty name between its delimiters."""


class Column(Model):
    """`name` lower-case as Glue keeps it; `type` in Hive's words (`bigint`, `struct<a:int>`), "" where not declared."""

    name: str
    type: str = UNDECLARED
    comment: str = ""


class TableSchema(Model):
    """Columns in order, then the partition keys (which are not columns of the files)."""

    columns: tuple[Column, ...] = ()
    partition_keys: tuple[Column, ...] = ()

    def types(self) -> dict[str, str]:
        """Column name → type, partition keys left out."""
        return {column.name: column.type for column in self.columns}


class TypeChange(Model):
    """A column whose type changed. Closed: it travels in events."""

    name: str
    before: str
    after: str


class SchemaDiff(Model):
    """What `new` has that `old` had not, and the reverse. Order alone is not a difference."""

    added: tuple[Column, ...] = ()
    removed: tuple[Column, ...] = ()
    type_changed: tuple[TypeChange, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing changed."""
        return not (self.added or self.removed or self.type_changed)


def diff_schema(old: TableSchema | None, new: TableSchema) -> SchemaDiff:
    """Added, removed and changed columns; without `old` (a new table) every column is added."""
    before = {column.name: column for column in old.columns} if old else {}
    after = {column.name: column for column in new.columns}
    return SchemaDiff(
        added=tuple(column for name, column in after.items() if name not in before),
        removed=tuple(column for name, column in before.items() if name not in after),
        type_changed=tuple(
            TypeChange(name=name, before=before[name].type, after=column.type)
            for name, column in after.items()
            if name in before and before[name].type != column.type
        ),
    )


def column_names(names: Iterable[str], *, key: str, bucket: str = "", line: int | None = None) -> list[str]:
    """Names as Glue keeps them: stripped, lower-case. Raises `EmptyColumnName` and `DuplicateColumns`."""
    result: dict[str, int] = {}
    where = {"bucket": bucket or None, "key": key, "line": line}
    for position, name in enumerate(names, start=1):
        clean = name.strip().lower()
        if not clean:
            raise EmptyColumnName(
                f"column {position} has no name", column=position, remedy="Name every column in the header.", **where
            )
        if clean in result:
            raise DuplicateColumns(
                f"column {clean!r} occurs twice",
                column=clean,
                positions=[result[clean], position],
                remedy="Rename one of them; Glue lower-cases names, so names that differ only in case are the same.",
                **where,
            )
        result[clean] = position
    return list(result)
