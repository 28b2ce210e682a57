"""Whether a policy's Resource can match ARNs that are written in a given way: two patterns with a word in common."""

import functools
import re
from typing import Final

from local.authorization import reference

_PLACEHOLDER: Final = re.compile(r"\$\{(\w+)\}|.", re.DOTALL)
type Piece = str
"""One character, or `many` (any text), `word` (some text without colon and slash), `path` (some text without colon)."""


def can_match(pattern: str, prefix: str, kind: str) -> bool:
    """Whether some ARN of the resource type matches `pattern`, an element of a statement's Resource."""
    return _meet(_of_pattern(pattern), _of_format(reference.arn_format(prefix, kind)))


def _of_pattern(pattern: str) -> tuple[Piece, ...]:
    return tuple({"*": "many", "?": "any"}.get(each, each) for each in pattern)


def _of_format(text: str) -> tuple[Piece, ...]:
    found = _PLACEHOLDER.finditer(text)
    return tuple(("path" if reference.may_hold_slashes(each[1]) else "word") if each[1] else each[0] for each in found)


def _meet(pattern: tuple[Piece, ...], written: tuple[Piece, ...]) -> bool:
    """Whether a text matches both. `written` has placeholders of one character or more."""

    @functools.cache
    def meet(at: int, to: int, *, begun: bool) -> bool:
        """From these places on; `begun` where the placeholder at `to` has a character already."""
        if at == len(pattern):
            return to == len(written) or (begun and to == len(written) - 1)
        piece = pattern[at]
        if piece == "many" and meet(at + 1, to, begun=begun):
            return True
        if to == len(written):
            return False
        if begun and meet(at, to + 1, begun=False):
            return True
        after = at if piece == "many" else at + 1
        if written[to] in ("word", "path"):
            return _takes(written[to], piece) and meet(after, to, begun=True)
        return piece in ("many", "any", written[to]) and meet(after, to + 1, begun=False)

    return meet(0, 0, begun=False)


def _takes(placeholder: Piece, piece: Piece) -> bool:
    if len(piece) > 1:
        return True
    return piece != ":" and (piece != "/" or placeholder == "path")
