"""The head of a text object: at most 1 MiB read, gunzipped, decoded, with clear refusals for what is not UTF-8 text."""

import codecs
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from mesh.domain.onboarding.formats.errors import BinaryContent, EmptyFile, InconsistentCompression, UnsupportedEncoding
from mesh.domain.onboarding.formats.model import MIB, Compression

_MAX_HEAD: Final = MIB
"""A gzip head may unfold a thousandfold: this much of it is looked at."""
_WINDOW: Final = 16 * 1024
"""Compressed bytes at a time: at the end of each member the rest of what was given is copied, and there may be many."""
_BOMS: Final = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class TextHead:
    """Decoded text. `share` is the part of the object it covers, 1.0 when all of it (`complete`)."""

    text: str
    complete: bool
    share: float
    bom: bool


def read_text_head(raw: bytes, size: int, compression: Compression, **where: str) -> TextHead:
    """The decoded head of an object of `size` bytes, of which `raw` are the first.

    Raises `EmptyFile`, `InconsistentCompression`, `UnsupportedEncoding`, `BinaryContent`.
    """
    complete = len(raw) >= size
    content, used = (raw, len(raw)) if compression == "none" else _gunzip(raw, complete, **where)
    complete = complete and used == len(raw)
    text, bom = _decode(content, complete, **where)
    if not text.strip():
        raise EmptyFile("there is nothing but white space", remedy="Upload the object with data.", **where)
    return TextHead(text, complete, 1.0 if complete else used / size, bom)


def inflate(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Members one after another, in pieces of at most a MiB: what is to come is bounded before it is there.

    Raises zlib.error, also where the stream ends too early.
    """
    member, begun = zlib.decompressobj(wbits=31), False
    for window in (piece[at : at + _WINDOW] for piece in pieces for at in range(0, len(piece), _WINDOW)):
        rest = window
        while rest:
            if member.eof:
                rest = rest.lstrip(b"\0")  # some writers pad members with zeros
                member, begun = zlib.decompressobj(wbits=31), False
                continue
            begun = True
            content = member.decompress(rest, MIB)
            rest = member.unused_data if member.eof else member.unconsumed_tail
            yield content
    if begun and not member.eof:
        raise zlib.error("the stream ends too early")


def _gunzip(raw: bytes, complete: bool, **where: str) -> tuple[bytes, int]:
    """Up to `_MAX_HEAD` bytes, and how many raw bytes they took. Files may hold several gzip members."""
    parts: list[bytes] = []
    rest, room = raw, _MAX_HEAD
    try:
        while rest and room > 0:
            member = zlib.decompressobj(wbits=31)
            parts.append(member.decompress(rest, room))
            room -= len(parts[-1])
            if not member.eof:
                if complete and not member.unconsumed_tail and room > 0:
                    raise zlib.error("the stream ends too early")
                return b"".join(parts), len(raw) - len(member.unconsumed_tail)
            rest = member.unused_data.lstrip(b"\0")  # some writers pad members with zeros
    except zlib.error as error:
        raise InconsistentCompression(
            f"the gzip stream is broken: {error}", remedy="Compress and upload it again.", **where
        ) from error
    return b"".join(parts), len(raw) - len(rest)


def _decode(content: bytes, complete: bool, **where: str) -> tuple[str, bool]:
    encoding = next((name for bom, name in _BOMS.items() if content.startswith(bom)), None)
    if encoding:
        raise UnsupportedEncoding(
            f"the text is {encoding}", encoding=encoding, remedy="Save it as UTF-8; Athena reads nothing else.", **where
        )
    bom = content.startswith(codecs.BOM_UTF8)
    content = content[len(codecs.BOM_UTF8) :] if bom else content
    if control := _CONTROL.search(content):
        raise BinaryContent(
            f"byte 0x{control[0][0]:02x} at {control.start()} is not text",
            offset=control.start(),
            remedy="Upload text, or name the object by its real format.",
            **where,
        )
    try:
        decoder = codecs.getincrementaldecoder("utf-8")()
        return decoder.decode(content, final=complete), bom
    except UnicodeDecodeError as error:
        raise UnsupportedEncoding(
            f"byte 0x{content[error.start]:02x} at {error.start} is not UTF-8",
            offset=error.start,
            remedy="Save it as UTF-8 (it may be Latin-1 or Windows-1252 now).",
            **where,
        ) from error
