"""In which encoding a text is: by its mark, else UTF-8, else Windows-1252 where its bytes leave no doubt."""

import codecs
import re
from typing import Final

from mesh.domain.onboarding.reading.model import Encoding

_BOMS: Final[tuple[tuple[bytes, Encoding | None], ...]] = (
    (codecs.BOM_UTF32_LE, None), (codecs.BOM_UTF32_BE, None), (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_STATED: Final[dict[str, Encoding]] = {
    **dict.fromkeys(("utf8", "utf-8", "utf_8", "ascii", "us-ascii"), "utf-8"),
    **dict.fromkeys(("utf-16", "utf16", "utf-16le", "utf-16be"), "utf-16"),
    **dict.fromkeys(("windows-1252", "cp1252", "latin-1", "latin1", "iso-8859-1", "ansi"), "windows-1252"),
}
CODECS: Final[dict[str, str]] = {"windows-1252": "cp1252"}
"""Python's names, where they are others."""
_UNDEFINED: Final = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1e\x7f]")
_USUAL: Final = re.compile(rb"[\x80\x82\x84\x85\x8a\x8c\x8e\x91-\x97\x99\x9a\x9c\x9e\x9f\xa0-\xff]")
_SEQUENCE: Final = re.compile(rb"[\xc2-\xf4][\x80-\xbf]")
"""How a character of UTF-8 begins: text with one of these is rather damaged UTF-8."""
_HIGH: Final = re.compile(rb"[\x80-\xff]")
_MAX_SHARE: Final = 0.3


def marked(first: bytes) -> tuple[Encoding | None, bool]:
    """(encoding by the byte order mark, whether there is a mark); (None, True) for one that is not read: UTF-32."""
    for bom, encoding in _BOMS:
        if first.startswith(bom):
            return encoding, True
    return None, False


def stated(name: str) -> Encoding | None:
    """The encoding that a contract names; None for one that is not read, or for none."""
    return _STATED.get(name.strip().lower())


def control_byte(content: bytes) -> int:
    """Where the first byte is that no text has; -1 for none."""
    found = _CONTROL.search(content)
    return found.start() if found else -1


class WindowsScan:
    """Whether bytes that are not UTF-8 are Windows-1252. Feed all of them; `certain` then says so."""

    def __init__(self) -> None:
        self._wrong, self._high, self._usual, self._size = False, 0, 0, 0

    def feed(self, piece: bytes) -> None:
        """One piece of the content."""
        self._wrong = (
            self._wrong or bool(_UNDEFINED.search(piece) or _SEQUENCE.search(piece)) or control_byte(piece) >= 0
        )
        high = len(_HIGH.findall(piece))
        self._high += high
        self._usual += len(_USUAL.findall(piece))
        self._size += len(piece)

    @property
    def certain(self) -> bool:
        """Every byte is a character of it, few are high, and they do not form characters of UTF-8."""
        few = self._high <= _MAX_SHARE * self._size
        return not self._wrong and few and self._usual == self._high
