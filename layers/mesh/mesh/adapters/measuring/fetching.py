"""Objects into files: downloaded in pieces, inflated within bounds, and looked at on the way for what is no text."""

import codecs
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from mesh.domain.formats.model import MIB, ObjectRef, RangeReader

_PIECE: Final = 8 * MIB
_UNZIPPED_PIECE: Final = MIB
MAX_EXPANSION: Final = 100
MAX_UNZIPPED: Final = 256 * MIB
"""A gzip object is refused when it unfolds more than `MAX_EXPANSION`-fold **and** to more than this."""
MAX_LINE: Final = MIB
"""As for the inspection: a line that is longer is no row of a table."""


class Unreadable(Exception):  # noqa: N818 - the finding's own word
    """An object that cannot be read as what it should be; `code` is the finding's."""

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.code, self.message, self.remedy = code, message, remedy


class Fetched(NamedTuple):
    """`size` in bytes, inflated; `cut` when there was more than the limit."""

    size: int
    cut: bool


def is_gzip(key: str) -> bool:
    """By its name, as Hive, Athena and Glue tell it."""
    return key.lower().endswith((".gz", ".gzip"))


def fetch(reader: RangeReader, ref: ObjectRef, target: Path, *, text: bool, limit: int) -> Fetched:
    """Write the object's content to `target`; of a text at most about `limit` bytes, whole lines.

    Raises `Unreadable` (ExpandsTooFar, InconsistentCompression, BinaryContent, UnsupportedEncoding, LineTooLong), and
    what the reader raises.
    """
    scan = TextScan()
    size = 0
    with target.open("wb") as file:
        for piece in content_of(reader, ref):
            last = text and size + len(piece) > limit
            content = piece[: piece.rfind(b"\n", 0, limit - size) + 1] if last else piece
            if text:
                scan.feed(content)
            file.write(content)
            size += len(content)
            if last:
                return Fetched(size, cut=True)
    if text:
        scan.finish()
    return Fetched(size, cut=False)


def content_of(reader: RangeReader, ref: ObjectRef) -> Iterator[bytes]:
    """The object's content in pieces, inflated. Raises `Unreadable` (ExpandsTooFar, InconsistentCompression)."""
    pieces = _pieces(reader)
    return _inflated(pieces, ref.size) if is_gzip(ref.key) else pieces


def _pieces(reader: RangeReader) -> Iterator[bytes]:
    start = 0
    while start < reader.size and (piece := reader.read(start, _PIECE)):
        yield piece
        start += len(piece)


def _inflated(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Members one after another, in small pieces: what a piece unfolds to is bounded before it is there."""
    member = zlib.decompressobj(wbits=31)
    total, begun = 0, False
    try:
        for piece in pieces:
            rest = piece
            while rest:
                if member.eof:
                    rest = rest.lstrip(b"\0")  # some writers pad members with zeros
                    member, begun = zlib.decompressobj(wbits=31), False
                    continue
                begun = True
                content = member.decompress(rest, _UNZIPPED_PIECE)
                rest = member.unused_data if member.eof else member.unconsumed_tail
                total += len(content)
                _check_expansion(total, size)
                yield content
    except zlib.error as error:
        raise _broken_gzip(str(error)) from error
    if begun and not member.eof:
        raise _broken_gzip("the stream ends too early")


def _check_expansion(total: int, size: int) -> None:
    if total > MAX_UNZIPPED and total > MAX_EXPANSION * size:
        raise Unreadable(
            "ExpandsTooFar",
            f"{size:,} bytes of gzip unfold to more than {total:,}",
            f"Send data that gzip shrinks less than {MAX_EXPANSION}-fold, or in parts below {MAX_UNZIPPED // MIB} MiB.",
        )


def _broken_gzip(what: str) -> Unreadable:
    return Unreadable("InconsistentCompression", f"the gzip stream is broken: {what}", "Compress and upload it again.")


class TextScan:
    """Finds what makes bytes no lines of UTF-8 text; keeps count of the lines."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._line = 1
        self._open = 0

    def feed(self, piece: bytes) -> None:
        """Raises `Unreadable`: BinaryContent, UnsupportedEncoding, LineTooLong."""
        if (position := piece.find(b"\0")) >= 0:
            raise self._wrong("BinaryContent", piece, position, "has a NUL byte", "Upload text without NUL bytes.")
        self._decode(lambda: self._decoder.decode(piece), piece)
        self._measure(piece)
        self._line += piece.count(b"\n")

    def finish(self) -> None:
        """Raises `Unreadable` when the text ends within a character."""
        self._decode(lambda: self._decoder.decode(b"", final=True), b"")

    def _decode(self, decode: Callable[[], str], piece: bytes) -> None:
        try:
            decode()
        except UnicodeDecodeError as error:
            remedy = "Save it as UTF-8 (parts of it may be Latin-1 or Windows-1252 now)."
            raise self._wrong("UnsupportedEncoding", piece, error.start, "is no UTF-8", remedy) from error

    def _measure(self, piece: bytes) -> None:
        """Looks at few line ends: the last one within each stretch that a line may fill shows that none is too long."""
        start = 0
        while (end := _line_end(piece, start, MAX_LINE - self._open)) >= 0:
            if self._open + end - start > MAX_LINE:
                raise self._too_long(piece[:start])
            self._open, start = 0, end + 1
        self._open += len(piece) - start
        if self._open > MAX_LINE:
            raise self._too_long(piece[:start])

    def _too_long(self, before: bytes) -> Unreadable:
        line = self._line + before.count(b"\n")
        return Unreadable(
            "LineTooLong",
            f"line {line} is longer than {MAX_LINE:,} bytes",
            "End rows with a line feed; shorten values.",
        )

    def _wrong(self, code: str, piece: bytes, position: int, what: str, remedy: str) -> Unreadable:
        return Unreadable(code, f"line {self._line + piece[: max(position, 0)].count(b'\n')} {what}", remedy)


def _line_end(piece: bytes, start: int, room: int) -> int:
    """The last line feed within `room` bytes from `start`, else the next one; -1 where there is none."""
    within = piece.rfind(b"\n", start, start + max(room, 0) + 1)
    return within if within >= 0 else piece.find(b"\n", start)
