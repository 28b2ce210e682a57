"""Parquet footers: columns in Hive's types and the exact row count, from the last bytes of the file.

The footer is a Thrift compact struct `FileMetaData` (parquet-format, parquet.thrift): field 2 is the schema, flattened
depth first, field 3 the number of rows, field 4 the row groups, by far the longest. Writers emit fields in order, so
nothing after field 3 is looked at. The reader (`thrift.py`) checks each length against what is left: corrupt input
ends in `CorruptParquet`, never in a hang or an allocation.
"""

from typing import Final, NamedTuple

from mesh.domain.formats.detection import MAGIC_LENGTH
from mesh.domain.formats.model import MAX_FOOTER_BYTES, RangeReader
from mesh.domain.formats.parquet_types import SchemaElement, hive_columns
from mesh.domain.formats.thrift import ThriftError, ThriftReader
from mesh.domain.rejections import CorruptParquet, FormatDeclined
from mesh.domain.schema import Column, column_names

MAGIC: Final = b"PAR1"
_ENCRYPTED: Final = b"PARE"
_TAIL: Final = 8
_STEP: Final = MAX_FOOTER_BYTES // 2 - MAGIC_LENGTH
"""Two reads of this size stay within the promise: the file's end, then, if the footer is longer, its beginning."""
_VERSION, _SCHEMA, _NUM_ROWS = 1, 2, 3
_REMEDY: Final = "Write the file again; it may have been cut while uploading."


class ParquetContent(NamedTuple):
    """What a footer says."""

    columns: tuple[Column, ...]
    rows: int


def inspect_parquet(reader: RangeReader, *, bucket: str, key: str) -> ParquetContent:
    """Columns and rows. Raises `CorruptParquet`, `DuplicateColumns`, `EmptyColumnName`; encrypted: `FormatDeclined`."""
    try:
        schema, rows = _read_metadata(reader)
        return ParquetContent(_columns(schema, bucket, key), rows)
    except ThriftError as error:
        raise CorruptParquet(f"the footer is corrupt: {error}", bucket=bucket, key=key, remedy=_REMEDY) from error
    except _EncryptedError as error:
        raise FormatDeclined("an encrypted footer", bucket=bucket, key=key, remedy="The Glue crawler may.") from error


class _EncryptedError(Exception):
    """The footer is there, and unreadable without its key."""


def _read_metadata(reader: RangeReader) -> tuple[bytes, int]:
    """The schema's bytes, as they stand in the footer, and the number of rows."""
    tail = reader.read(max(reader.size - _STEP, 0), _STEP)
    if len(tail) < _TAIL + len(MAGIC):
        raise ThriftError(f"{reader.size} bytes are no Parquet file")
    if tail.endswith(_ENCRYPTED):
        raise _EncryptedError
    if not tail.endswith(MAGIC):
        raise ThriftError("the file does not end in PAR1")
    length = int.from_bytes(tail[-_TAIL:-4], "little")
    start = reader.size - _TAIL - length
    if length == 0 or start < len(MAGIC):
        raise ThriftError(f"a footer of {length} bytes in a file of {reader.size}")
    if length <= len(tail) - _TAIL:
        return _parse(tail[-_TAIL - length : -_TAIL])
    return _parse_long(reader, start, length)


def _parse_long(reader: RangeReader, start: int, length: int) -> tuple[bytes, int]:
    """A footer longer than the first read: what is asked for stands at its beginning, so read on only as needed."""
    footer = b""
    while len(footer) < length:
        wanted = min(max(len(footer), _STEP), length - len(footer))
        part = reader.read(start + len(footer), wanted)
        if len(part) < wanted:
            raise ThriftError("the file ended while its footer was read")
        footer += part
        try:
            return _parse(footer)
        except ThriftError:
            if len(footer) == length:
                raise
    raise ThriftError("no schema in the footer")


def _parse(footer: bytes) -> tuple[bytes, int]:
    for known in tuple(_known):
        if footer.startswith(known):
            return known, _number_of_rows(ThriftReader(footer, len(known)), _SCHEMA)
    reader, field = ThriftReader(footer), 0
    while True:
        kind, field = reader.field(field)
        if field == _SCHEMA:
            reader.skip(kind)
            return footer[: reader.position], _number_of_rows(reader, field)
        if kind == 0:
            raise ThriftError("no schema in the footer")
        reader.skip(kind)


def _number_of_rows(reader: ThriftReader, field: int) -> int:
    while True:
        kind, field = reader.field(field)
        if kind == 0:
            raise ThriftError("no number of rows in the footer")
        if field == _NUM_ROWS:
            rows = reader.integer(kind)
            if rows < 0:
                raise ThriftError(f"{rows} rows")
            return rows
        reader.skip(kind)


# Files of one table nearly always have one schema, byte for byte: what was parsed last is recognised by comparing.
_MAX_KNOWN: Final = 8
_known: dict[bytes, tuple[Column, ...]] = {}


def _columns(schema: bytes, bucket: str, key: str) -> tuple[Column, ...]:
    columns = _known.get(schema)
    if columns is None:
        found = hive_columns(_elements(schema))
        names = column_names((column.name for column in found), bucket=bucket, key=key)
        columns = tuple(Column(name=name, type=column.type) for name, column in zip(names, found, strict=True))
        if len(_known) >= _MAX_KNOWN:
            _known.pop(next(iter(tuple(_known))), None)
        _known[schema] = columns
    return columns


def _elements(prefix: bytes) -> list[SchemaElement]:
    reader, field = ThriftReader(prefix), 0
    while True:
        kind, field = reader.field(field)
        if field == _SCHEMA:
            size = reader.list_of_structs(kind)
            return [SchemaElement.read(reader) for _ in range(size)]
        reader.skip(kind)
