r"""Regular expressions that people write, in contracts and recipes: compiled and run by RE2.

Its time grows with the text, and not with the ways in which an expression can be made to match.

The dialect is RE2's (https://github.com/google/re2/wiki/Syntax), as in DuckDB, which runs those of contracts. It has no
look-around and no back references, since both may take exponential time. Our own constant expressions use `re`.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final

MAX_PATTERN: Final = 2_000
"""Characters. What a contract says of a value fits in; a longer one is generated, and is better a list of values."""
MAX_PROGRAM: Final = 10_000
r"""Instructions of the compiled expression. RE2's slowest engine goes through all of them for each byte of a text.
`.{1000}` has 8,004, `\w{1,255}` 1,023, `\p{L}+` 1,201; `\p{L}{1,100}` has 119,703."""
_MAX_MEMORY: Final = 8 * 1024 * 1024
"""Bytes that one expression may take, RE2's own default."""
_MATCHES: Final = 1_000
"""After so many a replacement is checked: of 2 MiB, RE2 has then gone through 2 GiB at most, some seconds."""
_UTF8: Final = ("utf-8", "surrogatepass")


class PatternRefused(ValueError):  # noqa: N818 - a refusal, as in `domain/errors`
    """An expression that RE2 does not take, or that is too large. The message says why, and what to write instead."""


class TextTooLong(ValueError):  # noqa: N818
    """A replacement would make more text than its limit."""


class Pattern:
    """A compiled expression."""

    __slots__ = ("_found",)

    def __init__(self, compiled: Any) -> None:  # noqa: ANN401 - RE2's binding has no types
        self._found = compiled

    def replace(self, text: str, value: str, limit: int, check: Callable[[], None]) -> str:
        r"""Each match replaced by `value`, which is taken as it is: `\1` in it is text.

        Raises TextTooLong, before it is built, for a result of more than `limit` bytes (UTF-8). One search is linear,
        but each of many may go on to the end of the text (`a.*b|a`): `check` is called now and then, and may raise.
        """
        content, new = text.encode(*_UTF8), value.encode(*_UTF8)
        parts, end, size = list[bytes](), 0, 0
        for number, (start, stop) in enumerate(self._spans(content), start=1):
            if number % _MATCHES == 0:
                check()
            parts += (content[end:start], new)
            size += start - end + len(new)
            end = stop
            if size > limit:
                raise TextTooLong(f"the text grows to more than {limit:,} bytes")
        if not parts:
            return text
        if size + len(content) - end > limit:
            raise TextTooLong(f"the text grows to more than {limit:,} bytes")
        return b"".join((*parts, content[end:])).decode(*_UTF8)

    def _spans(self, content: bytes) -> Iterable[tuple[int, int]]:
        """Matches from left to right. RE2 also finds nothing between two bytes of one character, where nothing is."""
        found = (match.span() for match in self._found.finditer(content))
        return ((start, stop) for start, stop in found if start == len(content) or content[start] & 0xC0 != 0x80)


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Pattern:
    """Raises `PatternRefused`."""
    import re2  # noqa: PLC0415 - only who has an expression pays for it

    if len(pattern) > MAX_PATTERN:
        raise PatternRefused(f"it has {len(pattern):,} characters, at most {MAX_PATTERN:,} are allowed")
    options = re2.Options()
    options.log_errors, options.max_mem = False, _MAX_MEMORY
    try:
        found = re2.compile(pattern.encode(*_UTF8), options)
    except re2.error as error:
        raise PatternRefused(_said(error)) from None
    if (size := max(found.programsize, found.reverseprogramsize)) > MAX_PROGRAM:
        raise PatternRefused(
            f"it compiles to {size:,} instructions, at most {MAX_PROGRAM:,} are allowed: repeat fewer times, or "
            "smaller classes of characters"
        )
    return Pattern(found)


def refusal_of(pattern: str) -> str:
    """Why an expression is refused; "" for one that is taken."""
    try:
        compiled(pattern)
    except PatternRefused as refused:
        return str(refused)
    return ""


_INSTEAD: Final = {
    "invalid perl operator": "RE2 has no look-around and no atomic groups: say what matches, in a second rule or step "
    "where one does not do",
    "invalid escape sequence": r"RE2 has no back references (\1, \k<name>), \Z (write \z) and \u (write \x{00e4})",
    "bad repetition operator": "RE2 has no possessive quantifiers, and needs none: it never tries a match twice",
    "invalid repetition size": "RE2 repeats at most 1,000 times, nested repetitions multiplied",
    "pattern too large": "repeat fewer times, or smaller classes of characters",
}
"""Beginning of RE2's message → what its reader needs to know."""


def _said(error: Exception) -> str:
    """RE2's words (the binding passes them as bytes), with what to do where that is not plain from them."""
    raw = error.args[0] if error.args else ""
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
    instead = next((said for known, said in _INSTEAD.items() if text.startswith(known)), "")
    return f"{text}; {instead}"[:400] if instead else text[:400]
