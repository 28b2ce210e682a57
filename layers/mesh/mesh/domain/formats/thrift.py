"""A bounded reader of Thrift's compact protocol, as much of it as Parquet's footers need.

Source: apache/thrift, doc/specs/thrift-compact-protocol.md. Time and memory are linear in the input: each element of a
list takes at least a byte, lengths are checked before they are used, nesting is limited.
"""

from typing import Final

STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT, UUID = range(14)
MAX_DEPTH: Final = 40
_MAX_VARINT: Final = 63


class ThriftError(ValueError):
    """The bytes are not what the protocol allows."""


class ThriftReader:
    """Reads forward through one buffer. Every method raises `ThriftError` at its end, or at what cannot be."""

    __slots__ = ("_data", "position")

    def __init__(self, data: bytes, position: int = 0) -> None:
        self._data = data
        self.position = position

    def byte(self) -> int:
        """One byte, unsigned."""
        try:
            byte = self._data[self.position]
        except IndexError:
            raise ThriftError("the metadata ends too early") from None
        self.position += 1
        return byte

    def varint(self) -> int:
        """An unsigned number of 64 bits."""
        byte = self.byte()
        if byte < 0x80:
            return byte
        value, shift = byte & 0x7F, 7
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > _MAX_VARINT:
                raise ThriftError("a number of more than 64 bits")

    def zigzag(self) -> int:
        """A signed number."""
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def field(self, last: int) -> tuple[int, int]:
        """The next field's type and id; type 0 ends the struct."""
        byte = self.byte()
        kind, delta = byte & 0x0F, byte >> 4
        if kind == STOP:
            return STOP, last
        return kind, last + delta if delta else self.zigzag()

    def integer(self, kind: int) -> int:
        """An integer field's value."""
        if kind not in {I16, I32, I64}:
            raise ThriftError(f"type {kind} where an integer should be")
        return self.zigzag()

    def text(self, kind: int) -> str:
        """A binary field as UTF-8."""
        if kind != BINARY:
            raise ThriftError(f"type {kind} where a text should be")
        start = self._advance(self.varint())
        try:
            return self._data[start : self.position].decode()
        except UnicodeDecodeError as error:
            raise ThriftError("a name is not UTF-8") from error

    def list_of_structs(self, kind: int) -> int:
        """The number of structs that follow."""
        if kind != LIST:
            raise ThriftError(f"type {kind} where a list should be")
        size, element = self._list_header()
        if element != STRUCT:
            raise ThriftError(f"a list of type {element} where structs should be")
        return size

    def skip(self, kind: int, depth: int = 0) -> None:
        """Pass over a field's value."""
        if depth > MAX_DEPTH:
            raise ThriftError(f"nested deeper than {MAX_DEPTH}")
        if kind in {TRUE, FALSE}:
            return
        if kind in {I16, I32, I64}:
            self.varint()
        elif kind == BINARY:
            self._advance(self.varint())
        elif kind == STRUCT:
            self._skip_struct(depth)
        elif kind in {LIST, SET}:
            size, element = self._list_header()
            self._skip_elements(element, size, depth)
        elif kind == MAP:
            self._skip_map(depth)
        elif kind in {BYTE, DOUBLE, UUID}:
            self._advance({BYTE: 1, DOUBLE: 8, UUID: 16}[kind])
        else:
            raise ThriftError(f"there is no type {kind}")

    def _skip_struct(self, depth: int) -> None:
        field = 0
        while True:
            kind, field = self.field(field)
            if kind == STOP:
                return
            self.skip(kind, depth + 1)

    def _skip_elements(self, kind: int, size: int, depth: int) -> None:
        if kind in {TRUE, FALSE}:
            self._advance(size)  # in a list, a boolean is a byte
            return
        for _ in range(size):
            self.skip(kind, depth + 1)

    def _skip_map(self, depth: int) -> None:
        size = self._checked(self.varint())
        if not size:
            return
        kinds = self.byte()
        for _ in range(size):
            self._skip_elements(kinds >> 4, 1, depth)
            self._skip_elements(kinds & 0x0F, 1, depth)

    def _list_header(self) -> tuple[int, int]:
        byte = self.byte()
        size = byte >> 4
        return self._checked(self.varint() if size == 0x0F else size), byte & 0x0F

    def _advance(self, length: int) -> int:
        start = self.position
        self.position += self._checked(length)
        return start

    def _checked(self, size: int) -> int:
        if size > len(self._data) - self.position:
            raise ThriftError("a length beyond the metadata's end")
        return size
