"""Objects in pieces, inflated within bounds."""

import zlib
from collections.abc import Callable, Iterator
from typing import Final

from mesh.domain.onboarding.formats.model import MIB, ObjectRef, RangeReader

_PIECE: Final = 8 * MIB
_UNZIPPED_PIECE: Final = MIB
MAX_EXPANSION: Final = 100
MAX_UNZIPPED: Final = 256 * MIB
"""A gzip object is refused when it unfolds more than `MAX_EXPANSION`-fold **and** to more than this."""
MAX_LINE: Final = MIB
"""A line that is longer is not a row of a table."""


class Unreadable(Exception):  # noqa: N818 - a finding, not an error
    """An object that cannot be read as what it should be; `code` is the finding's."""

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.code, self.message, self.remedy = code, message, remedy


def is_gzip(key: str) -> bool:
    """By its name, as in Hive, Athena and Glue."""
    return key.lower().endswith((".gz", ".gzip"))


def content_of(reader: RangeReader, ref: ObjectRef, check: Callable[[bytes], None]) -> Iterator[bytes]:
    """The object's content in pieces, inflated; `check` gets the first as it is, and may stop it.

    Raises `Unreadable` (ExpandsTooFar, InconsistentCompression), and what `check` raises.
    """
    pieces = _pieces(reader, check)
    return _inflated(pieces, ref.size) if is_gzip(ref.key) else pieces


def _pieces(reader: RangeReader, check: Callable[[bytes], None]) -> Iterator[bytes]:
    start = 0
    while start < reader.size and (piece := reader.read(start, _PIECE)):
        if start == 0:
            check(piece)
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
