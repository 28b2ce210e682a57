"""Columns of an Iceberg table with their field ids: given once, never to another column.

A reader finds a value in a data file by its field id alone (Apache Iceberg specification, "Column projection"). So an
id that was ever given stays with its column and its type for good: new ids start above the highest
that the registry has recorded, not above those of the present schema.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from mesh.domain.hive_types import map_types, struct_fields
from mesh.domain.model import Model
from mesh.domain.schema import Column

ELEMENT: Final = "element"
KEY: Final = "key"
VALUE: Final = "value"


class Field(Model):
    """A column, or a part of a nested one. `type` is a Hive type name for a leaf (`bigint`), else `struct`, `array`
    (one child, `element`) or `map` (`key` and `value`)."""

    id: int
    name: str
    type: str
    children: tuple["Field", ...] = ()

    @property
    def hive_type(self) -> str:
        """The whole type in Hive's words: `struct<a:bigint,b:array<string>>`."""
        match self.type:
            case "struct":
                return f"struct<{','.join(f'{child.name}:{child.hive_type}' for child in self.children)}>"
            case "array":
                return f"array<{self.children[0].hive_type}>"
            case "map":
                return f"map<{self.children[0].hive_type},{self.children[1].hive_type}>"
        return self.type

    def every(self) -> Iterator["Field"]:
        """This field and all below it."""
        yield self
        for child in self.children:
            yield from child.every()


class FieldIds:
    """Gives unused ids: `highest` is the highest id ever given in this table."""

    def __init__(self, highest: int) -> None:
        self.highest = highest

    def next(self) -> int:
        """The next id."""
        self.highest += 1
        return self.highest


def assign_fields(columns: Sequence[Column], base: Sequence[Field], ids: FieldIds) -> tuple[Field, ...]:
    """The columns with their ids: those of `base` where name and type agree, else new ones.

    A struct that gained fields keeps its id, since files that lack a field read it as null. Any other change of type is
    a new column under the old name: the table's files are rewritten for it (`rewritten_columns`).
    """
    known = {field.name: field for field in base}
    return tuple(_field(column.name, column.type, known.get(column.name), ids) for column in columns)


def rewritten_columns(base: Sequence[Field], fields: Sequence[Field]) -> tuple[str, ...]:
    """Columns of which data files of `base` hold values under another id, so that they have to be written anew."""
    before = {field.name: field for field in base}
    return tuple(field.name for field in fields if field.name in before and not _same_ids(before[field.name], field))


def _field(name: str, type_: str, base: Field | None, ids: FieldIds) -> Field:
    if base is not None and base.hive_type == type_:
        return base.evolve(name=name)
    kind = type_.partition("<")[0]
    kept = base if base is not None and _extends(base, type_) else None
    own = kept.id if kept else ids.next()
    below = {child.name: child for child in kept.children} if kept else {}
    children = tuple(_field(child, inner, below.get(child), ids) for child, inner in _children(type_))
    return Field(id=own, name=name, type=kind if children else type_, children=children)


def _extends(base: Field, type_: str) -> bool:
    """Whether every leaf of `base` is there with the same type: structs may have gained fields, nothing else."""
    inner = dict(_children(type_))
    if base.type != type_.partition("<")[0]:
        return False
    if not base.children:
        return base.type == type_
    return all(child.name in inner and _extends(child, inner[child.name]) for child in base.children)


def _children(type_: str) -> list[tuple[str, str]]:
    if type_.startswith("struct<"):
        return struct_fields(type_)
    if type_.startswith("array<"):
        return [(ELEMENT, type_[6:-1])]
    if type_.startswith("map<"):
        key, value = map_types(type_)
        return [(KEY, key), (VALUE, value)]
    return []


def _same_ids(before: Field, after: Field) -> bool:
    """Whether what was written as `before` can be read as `after`: the ids are the same, or were added."""
    if before.id != after.id:
        return False
    below = {child.name: child for child in after.children}
    return all(child.name in below and _same_ids(child, below[child.name]) for child in before.children)
