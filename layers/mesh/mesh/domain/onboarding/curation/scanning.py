"""A raw object looked at without being kept: its head, and as much of its text as time allows, line by line.

What is too large for a function is refused for the same faults, in the same words, as what is not. What DataBrew makes
of a row that is too short, or of a broken line, its guide does not say; engines like it pad the one and drop the other.
"""

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final, NamedTuple

from mesh.domain.onboarding.curation.text import (
    RawFormat,
    Where,
    broken_gzip,
    csv_delimiter,
    csv_header,
    csv_records,
    detect,
    json_columns,
    json_objects,
    ragged,
    text_lines,
)
from mesh.domain.onboarding.formats.errors import BinaryContent, UnclosedQuote
from mesh.domain.onboarding.formats.model import MIB, Compression
from mesh.domain.onboarding.formats.text import read_text_head

MAX_SCANNED: Final = 2048 * MIB
"""So much text is gone through, which takes some minutes. What comes after is taken on trust."""


class RawShape(NamedTuple):
    """What the head of a raw object says. `delimiter` is that of CSV; `complete`: the head is all of it."""

    format: RawFormat
    compression: Compression
    delimiter: str
    columns: tuple[str, ...]
    complete: bool


def read_raw_head(raw: bytes, size: int, *, bucket: str, key: str) -> RawShape:
    """What the first bytes of an object say, in the words in which `read_raw` refuses the whole of it.

    The columns of JSON lines are those of the head's lines.
    """
    where = {"bucket": bucket, "key": key}
    detected = detect(raw, where)
    head = read_text_head(raw, size, detected.compression, **where)
    if detected.format == "json":
        text = head.text if head.complete else head.text[: head.text.rfind("\n") + 1]
        columns = json_columns(json_objects(text.split("\n"), where), where)
        return RawShape("json", detected.compression, "", columns, head.complete)
    delimiter = csv_delimiter(head, where)
    lines = text_lines(io.BytesIO(head.text.encode()), where)
    names, _ = csv_header(csv_records(lines, delimiter, where), where)
    return RawShape("csv", detected.compression, delimiter, tuple(names), head.complete)


def scan(
    chunks: Iterable[bytes], shape: RawShape, *, bucket: str, key: str, limit: int = MAX_SCANNED
) -> tuple[str, ...]:
    """The columns, after a look at every record of the first `limit` bytes of text.

    Raises what `read_raw` raises while its rows are gone through.
    """
    where = {"bucket": bucket, "key": key}
    stream: BinaryIO = io.BufferedReader(_Chunks(chunks), MIB)
    if shape.compression == "gzip":
        stream = gzip.GzipFile(fileobj=stream)  # type: ignore[assignment]  # it reads as one does
    text = _Text(stream, limit, where)
    try:
        if shape.format == "json":
            return json_columns(json_objects(text, where), where)
        return _scan_csv(text, shape.delimiter, where)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise broken_gzip(str(error), where) from error


def _scan_csv(text: "_Text", delimiter: str, where: Where) -> tuple[str, ...]:
    names, records = csv_header(csv_records(text, delimiter, where), where)
    width = len(names)
    try:
        for line, record in records:
            if len(record) != width:
                raise ragged(line, len(record), width, where)
    except UnclosedQuote:
        if not text.cut:  # else the record goes on beyond what was read
            raise
    return tuple(names)


class _Text:
    """Lines up to a limit; `cut` once it was reached."""

    def __init__(self, stream: BinaryIO, limit: int, where: Where) -> None:
        self._lines, self._left, self._where, self.cut = text_lines(stream, where), limit, where, False

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            if "\0" in line:
                raise BinaryContent("the text holds NUL bytes", remedy="Upload it as UTF-8 text.", **self._where)
            yield line
            self._left -= len(line)
            if self._left < 0:
                self.cut = True
                return


class _Chunks(io.RawIOBase):
    """Chunks as a stream."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks, self._rest = iter(chunks), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            found = next(self._chunks, None)
            if found is None:
                return 0
            self._rest = found
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
