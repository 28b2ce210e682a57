"""Parquet's flattened schema → Hive types, as a Glue crawler writes them.

Sources: parquet-format, parquet.thrift (SchemaElement) and LogicalTypes.md ("Nested Types", backward-compatibility
rules for lists and maps).
"""

from typing import Final, NamedTuple, Self

from mesh.domain.formats.thrift import BYTE, STOP, STRUCT, TRUE, ThriftError, ThriftReader
from mesh.domain.schema import UNDECLARED, Column

MAX_DEPTH: Final = 40
_REPEATED: Final = 2
_INT32, _INT64 = 1, 2
_PHYSICAL: Final = ("boolean", "int", "bigint", "timestamp", "float", "double", "binary", "binary")
# ConvertedType → the name of the LogicalType it became.
_CONVERTED: Final = {
    0: "string", 1: "map", 2: "map", 3: "list", 4: "string", 5: "decimal", 6: "date", 7: "time", 8: "time",
    9: "timestamp", 10: "timestamp", 11: "uint8", 12: "uint16", 13: "uint32", 14: "uint64", 15: "int8", 16: "int16",
    17: "int32", 18: "int64", 19: "string",
}  # fmt: skip
_LOGICAL: Final = {
    1: "string", 2: "map", 3: "list", 4: "string", 5: "decimal", 6: "date", 7: "time", 8: "timestamp", 10: "integer",
    11: "null", 12: "string",
}  # fmt: skip
_HIVE: Final = {
    "string": "string", "date": "date", "timestamp": "timestamp", "null": UNDECLARED,
    "int8": "tinyint", "int16": "smallint", "int32": "int", "int64": "bigint",
    # Hive has no unsigned integers: the next wider type holds the values.
    "uint8": "smallint", "uint16": "int", "uint32": "bigint", "uint64": "decimal(20,0)",
}  # fmt: skip


class SchemaElement(NamedTuple):
    """One node of the schema. `annotation` is the logical type's name, or ""."""

    name: str
    physical: int | None
    repeated: bool
    children: int
    annotation: str
    precision: int
    scale: int

    @classmethod
    def read(cls, reader: ThriftReader) -> Self:
        """A SchemaElement struct. Raises `ThriftError`."""
        name, annotation, logical = "", "", ""
        numbers: dict[int, int] = {}
        field = 0
        while True:
            kind, field = reader.field(field)
            if kind == STOP:
                break
            if field == 4:
                name = reader.text(kind)
            elif field in {1, 3, 5, 6, 7, 8}:
                numbers[field] = reader.integer(kind)
            elif field == 10 and kind == STRUCT:
                logical = _read_logical(reader, numbers)
            else:
                reader.skip(kind)
        annotation = logical or _CONVERTED.get(numbers.get(6, -1), "")
        return cls(
            name, numbers.get(1), numbers.get(3) == _REPEATED, numbers.get(5, 0), annotation,
            numbers.get(8, 0), numbers.get(7, 0),
        )  # fmt: skip


def _read_logical(reader: ThriftReader, numbers: dict[int, int]) -> str:
    """The union LogicalType; a DECIMAL's scale and precision go where the older fields keep them."""
    name, field = "", 0
    while True:
        kind, field = reader.field(field)
        if kind == STOP:
            return name
        found = _LOGICAL.get(field, "")
        if found == "decimal" and kind == STRUCT:
            numbers[7], numbers[8] = _read_decimal(reader)
        elif found == "integer" and kind == STRUCT:
            found = _read_integer(reader)
        else:
            reader.skip(kind)
        name = found or name


def _read_decimal(reader: ThriftReader) -> tuple[int, int]:
    values, field = {1: 0, 2: 0}, 0
    while True:
        kind, field = reader.field(field)
        if kind == STOP:
            return values[1], values[2]
        values[field] = reader.integer(kind)


def _read_integer(reader: ThriftReader) -> str:
    width, signed, field = 0, True, 0
    while True:
        kind, field = reader.field(field)
        if kind == STOP:
            return f"{'int' if signed else 'uint'}{width}"
        if kind == BYTE:
            width = reader.byte()
        else:
            signed = kind == TRUE
            reader.skip(kind)


def hive_columns(elements: list[SchemaElement]) -> tuple[Column, ...]:
    """The root's children as columns. Raises `ThriftError` when the tree does not add up."""
    if not elements:
        raise ThriftError("an empty schema")
    tree = _Tree(elements)
    columns = tuple(Column(name=elements[index].name, type=tree.hive(index)) for index in tree.children(0))
    if not columns:
        raise ThriftError("a schema without columns")
    if tree.next != len(elements):
        raise ThriftError(f"{len(elements) - tree.next} schema elements belong to nobody")
    return columns


class _Tree:
    """The flattened tree, its nodes by their index; children are found by walking once."""

    def __init__(self, elements: list[SchemaElement]) -> None:
        self._elements = elements
        self._children: dict[int, list[int]] = {}
        self.next = 0
        self._walk(0)

    def _walk(self, depth: int) -> int:
        index = self.next
        if index >= len(self._elements) or depth > MAX_DEPTH:
            raise ThriftError("the schema's tree does not add up")
        self.next += 1
        children = self._elements[index].children
        if children < 0 or (children == 0 and self._elements[index].physical is None and index > 0):
            raise ThriftError(f"the group {self._elements[index].name!r} has no fields")
        self._children[index] = [self._walk(depth + 1) for _ in range(children)]
        return index

    def children(self, index: int) -> list[int]:
        """Indices of a node's children."""
        return self._children[index]

    def hive(self, index: int) -> str:
        """The type of a node; a repeated field outside LIST and MAP is an array of required elements."""
        element = self._elements[index]
        type_ = self._unrepeated(index)
        return f"array<{type_ or 'string'}>" if element.repeated else type_

    def _unrepeated(self, index: int) -> str:
        element, children = self._elements[index], self._children[index]
        if not children:
            return _primitive(element)
        if element.annotation == "list" and len(children) == 1 and self._elements[children[0]].repeated:
            return f"array<{self._list_element(children[0], element.name) or 'string'}>"
        if element.annotation == "map" and len(children) == 1 and len(pair := self._children[children[0]]) == 2:
            return f"map<{self.hive(pair[0]) or 'string'},{self.hive(pair[1]) or 'string'}>"
        return self._struct(index)

    def _list_element(self, repeated: int, list_name: str) -> str:
        """Three levels, unless the repeated group is the element itself (older writers)."""
        element, children = self._elements[repeated], self._children[repeated]
        if len(children) == 1 and element.name not in {"array", f"{list_name}_tuple"}:
            return self.hive(children[0])
        return self._unrepeated(repeated)

    def _struct(self, index: int) -> str:
        fields = (f"{self._elements[i].name.lower()}:{self.hive(i) or 'string'}" for i in self._children[index])
        return f"struct<{','.join(fields)}>"


def _primitive(element: SchemaElement) -> str:
    physical, annotation = element.physical, element.annotation
    if physical is None or not 0 <= physical < len(_PHYSICAL):
        raise ThriftError(f"the column {element.name!r} has no type there is: {physical}")
    if annotation == "decimal":
        if not 0 < element.precision <= 38 or not 0 <= element.scale <= element.precision:
            raise ThriftError(f"decimal({element.precision},{element.scale}) in {element.name!r}")
        return f"decimal({element.precision},{element.scale})"
    if annotation == "timestamp" and physical != _INT64:
        return _PHYSICAL[physical]
    return _HIVE.get(annotation, _PHYSICAL[physical])
