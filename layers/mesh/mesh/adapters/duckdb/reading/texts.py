"""A text object's file: surveyed once, and rewritten as UTF-8 with plain line ends where it is not so already."""

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mesh.adapters.duckdb.measuring.fetching import Unreadable
from mesh.domain.onboarding.budgets import MAX_LINE
from mesh.domain.onboarding.formats.model import MIB
from mesh.domain.onboarding.reading.encodings import CODECS, WindowsScan, control_byte, marked, stated
from mesh.domain.onboarding.reading.model import Encoding

_PIECE: Final = 4 * MIB
HEAD: Final = MIB


@dataclass(frozen=True, slots=True)
class Text:
    """`head`: the first MiB, decoded, whole lines unless there is only one. `encoding` is the file's now, `written` the
    object's; `guessed`: no mark or contract says it. `plain`: UTF-8 without a mark, and all lines end in LF, or all in
    CR LF. `mixed`: some end in CR alone.
    """

    file: Path
    head: str
    encoding: Encoding
    written: Encoding
    guessed: bool = False
    plain: bool = True
    mixed: bool = False
    blank_lines: bool = False
    quotes: bool = False

    def lines(self) -> io.TextIOWrapper:
        """The text, with line ends as they are."""
        codec = CODECS.get(self.encoding, self.encoding)
        return self.file.open(encoding=codec, newline="", errors="strict")


class _Survey:
    """What one pass over the bytes finds."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self.windows = WindowsScan()
        self.broken: int | None = None
        self.cr = self.lf = self.crlf = 0
        self.quotes = self.blank_lines = self.text = False
        self._line, self._open, self._last = 1, 0, b"\n"

    def feed(self, piece: bytes) -> None:
        """Raises `Unreadable`: BinaryContent, LineTooLong."""
        if (position := piece.find(b"\0")) >= 0:
            line = self._line + piece[:position].count(b"\n")
            raise Unreadable("BinaryContent", f"line {line} has a NUL byte", "Upload text without NUL bytes.")
        self._decode(piece)
        joined = self._last + piece
        crlf = joined.count(b"\r\n")
        self.crlf += crlf
        self.cr += piece.count(b"\r") - crlf + (1 if self._last == b"\r" and joined[1:2] == b"\n" else 0)
        self.lf += piece.count(b"\n") - crlf
        self.quotes = self.quotes or b'"' in piece
        self.text = self.text or bool(piece.strip())
        self.blank_lines = self.blank_lines or b"\n\n" in joined or b"\n\r\n" in joined or b"\r\r" in joined
        self._measure(piece)
        self._line += piece.count(b"\n")
        self._last = piece[-1:]

    def _decode(self, piece: bytes) -> None:
        if self.broken is None:
            try:
                self._utf8.decode(piece)
            except UnicodeDecodeError as error:
                self.broken = self._line + piece[: max(error.start, 0)].count(b"\n")

    def finish(self) -> None:
        """The text may end within a character."""
        if self.broken is None:
            try:
                self._utf8.decode(b"", final=True)
            except UnicodeDecodeError:
                self.broken = self._line

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
        what = f"line {line} is longer than {MAX_LINE:,} bytes"
        return Unreadable("LineTooLong", what, "End rows with a line feed; shorten values.")


def _line_end(piece: bytes, start: int, room: int) -> int:
    """The last line end within `room` bytes from `start`, else the next one; -1 where there is none."""
    stop = start + max(room, 0) + 1
    within = max(piece.rfind(b"\n", start, stop), piece.rfind(b"\r", start, stop))
    if within >= 0:
        return within
    following = [found for mark in (b"\n", b"\r") if (found := piece.find(mark, start)) >= 0]
    return min(following, default=-1)


def read_text(file: Path, encoding: str = "") -> Text:
    """What the file is as text; `encoding` is what its contract says, or "".

    Raises `Unreadable`: EmptyFile, BinaryContent, UnsupportedEncoding, LineTooLong.
    """
    with file.open("rb") as content:
        first = content.read(4)
    by_mark, mark = marked(first)
    if mark and by_mark is None:
        raise _unsupported("the text is UTF-32")
    said = by_mark or stated(encoding)
    if encoding and not mark and said is None:
        raise _unsupported(f"the contract names the encoding {encoding[:40]!r}, which is not read")
    if said == "utf-16":
        return _utf16(file, mark=mark, named=encoding)
    survey = _surveyed(file)
    if survey.broken is None:
        return _described(file, survey, "utf-8-sig" if mark else "utf-8")
    if mark or said == "utf-8":
        raise _unsupported(f"line {survey.broken} is not UTF-8")
    if said is None and not _is_windows(file):
        raise _unsupported(f"line {survey.broken} is not UTF-8")
    return _described(file, survey, "windows-1252", guessed=said is None)


def _surveyed(file: Path) -> _Survey:
    survey = _Survey()
    for position, piece in enumerate(_pieces(file)):
        if position == 0 and (at := control_byte(piece[:HEAD])) >= 0 and piece[at] != 0:
            what = f"byte 0x{piece[at]:02x} at {at} is not text"
            raise Unreadable("BinaryContent", what, "Upload text, or name the object by its real format.")
        survey.feed(piece)
    survey.finish()
    if not survey.text:
        raise Unreadable("EmptyFile", "there is nothing but white space", "Upload the object with data.")
    return survey


def _described(file: Path, survey: _Survey, encoding: Encoding, *, guessed: bool = False) -> Text:
    one_kind = sum(map(bool, (survey.cr, survey.lf, survey.crlf))) <= 1
    return Text(
        file=file, head=_head(file, encoding), encoding=encoding, written=encoding, guessed=guessed,
        plain=encoding == "utf-8" and one_kind and not survey.cr, mixed=bool(survey.cr and (survey.lf or survey.crlf)),
        blank_lines=survey.blank_lines, quotes=survey.quotes,
    )  # fmt: skip


def _utf16(file: Path, *, mark: bool, named: str) -> Text:
    codec = "utf-16" if mark else "utf-16-be" if named.lower().endswith("be") else "utf-16-le"
    target = file.with_suffix(".utf8")
    try:
        with file.open(encoding=codec, newline="") as text, target.open("w", encoding="utf-8", newline="") as written:
            while piece := text.read(_PIECE):
                written.write(piece)
    except UnicodeError as error:
        raise _unsupported(f"the text begins as UTF-16 and is none: {error}"[:200]) from error
    target.replace(file)
    return replace(_described(file, _surveyed(file), "utf-8"), written="utf-16")


def _is_windows(file: Path) -> bool:
    scan = WindowsScan()
    for piece in _pieces(file):
        scan.feed(piece)
    return scan.certain


def _head(file: Path, encoding: Encoding) -> str:
    with file.open("rb") as content:
        head = content.read(HEAD)
        complete = not content.read(1)
    text = head.decode(CODECS.get(encoding, encoding), "ignore" if not complete else "strict")
    if complete:
        return text
    cut = max(text.rfind("\n"), text.rfind("\r")) + 1
    return text[:cut] if cut else text


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as content:
        while piece := content.read(_PIECE):
            yield piece


def rewrite_lines(text: Text) -> None:
    """JSON lines: as UTF-8, every line ends in LF. A carriage return is white space in JSON, never part of a value."""
    target = text.file.with_suffix(".lines")
    codec = CODECS.get(text.encoding, text.encoding)
    with text.file.open(encoding=codec, newline=None) as lines, target.open("w", encoding="utf-8", newline="") as out:
        while piece := lines.read(_PIECE):
            out.write(piece)
    target.replace(text.file)


def rewrite_csv(text: Text, delimiter: str) -> None:
    """The same rows in the form that the engine reads in any case: UTF-8, LF, quotes where needed, no blank line."""
    target = text.file.with_suffix(".rows")
    with text.lines() as lines, target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, delimiter=",", lineterminator="\n")
        for row in csv.reader(lines, delimiter=delimiter, strict=True):
            if row:
                writer.writerow(row)
    target.replace(text.file)


def _unsupported(what: str) -> Unreadable:
    return Unreadable(
        "UnsupportedEncoding", what, "Save it as UTF-8, or name its encoding in the contract (customProperties)."
    )
