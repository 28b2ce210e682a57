"""Objects in pieces, inflated within bounds."""

import zlib
from collections.abc import Callable, Iterator
from typing import Final

from mesh.domain.onboarding.budgets import MAX_EXPANSION, MAX_UNZIPPED
from mesh.domain.onboarding.formats.model import MIB, ObjectRef, RangeReader
from mesh.domain.onboarding.formats.text import inflate

_PIECE: Final = 8 * MIB


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
    total = 0
    try:
        for content in inflate(pieces):
            total += len(content)
            _check_expansion(total, size)
            yield content
    except zlib.error as error:
        raise _broken_gzip(str(error)) from error


def _check_expansion(total: int, size: int) -> None:
    if total > MAX_UNZIPPED and total > MAX_EXPANSION * size:
        raise Unreadable(
            "ExpandsTooFar",
            f"{size:,} bytes of gzip unfold to more than {total:,}",
            f"Send data that gzip shrinks less than {MAX_EXPANSION}-fold, or in parts below {MAX_UNZIPPED // MIB} MiB.",
        )


def _broken_gzip(what: str) -> Unreadable:
    return Unreadable("InconsistentCompression", f"the gzip stream is broken: {what}", "Compress and upload it again.")
