"""What the operations see in a cell, as SQL: its text, whether it is missing, its number, its date."""

import re

from local.databrew.engine.frame import StepError, literal

_SPACES = r"\s\v\p{Z}\x{85}\x{1c}-\x{1f}"
SPACE, NO_SPACE = f"[{_SPACES}]", f"[^{_SPACES}]"
"""What Unicode takes for white space: RE2's own class is ASCII's alone."""
_NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?"
_CLOCK = r"( [0-9]{1,2}:[0-9]{2}(:[0-9]{2})?)?"
_DATES = {
    r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}": ["%m/%d/%Y"],
    r"[0-9]{1,2}-[0-9]{1,2}-[0-9]{4}": ["%m-%d-%Y"],
    r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4}": ["%d.%m.%Y"],
    r"[0-9]{1,2} [A-Za-z]+ [0-9]{4}": ["%d %B %Y", "%d %b %Y"],
    r"[A-Za-z]+ [0-9]{1,2}, [0-9]{4}": ["%B %d, %Y", "%b %d, %Y"],
}
_WORDS = {
    "month": "%B", "yyyy": "%Y", "yy": "%y", "mm": "%m", "dd": "%d", "HH": "%H", "MM": "%M", "SS": "%S",
}  # fmt: skip
_WORD = re.compile("|".join(_WORDS))


def text(cell: str) -> str:
    """The text; NULL for null."""
    return f"substr({cell}, 2)"


def missing(cell: str) -> str:
    """Null, or empty text."""
    return f"({cell} IS NULL OR {cell} = 's')"


def made(letter: str, expression: str) -> str:
    """A cell of a type."""
    return f"('{letter}' || ({expression}))"


def unless_missing(cell: str, changed: str) -> str:
    """Missing cells as they are, others changed."""
    return f"CASE WHEN {missing(cell)} THEN {cell} ELSE {changed} END"


def stripped(written: str) -> str:
    """Without the white space around."""
    return f"regexp_replace({written}, {literal(f'^{SPACE}+|{SPACE}+$')}, '', 'g')"


def number_text(cell: str) -> str:
    """The number that a cell spells, as it is written; NULL where it spells none."""
    written = stripped(text(cell))
    return (
        f"CASE WHEN {cell}[1] <> 'b' AND length({text(cell)}) <= 400 "
        f"AND regexp_full_match({written}, {literal(_NUMBER)}) THEN {written} END"
    )


def double(cell: str) -> str:
    """The number that a cell spells, within a double's range."""
    return finite(number_text(cell))


def finite(written: str) -> str:
    """A text as a double, NULL beyond its range."""
    found = f"TRY_CAST({written} AS DOUBLE)"
    return f"CASE WHEN isfinite({found}) THEN {found} END"


def whole(cell: str) -> str:
    """The whole number of up to twenty digits that a cell spells, whatever its fraction is if that is zero."""
    exact = f"TRY_CAST({number_text(cell)} AS DECIMAL(38, 18))"
    return f"CASE WHEN {exact} = trunc({exact}) THEN CAST(trunc({exact}) AS HUGEINT) END"


def moment(written: str) -> str:
    """The moment that a text spells; NULL where it spells none. A time zone is left out."""
    trimmed = stripped(written)
    zone = r"(Z|[+-][0-9]{2}:?[0-9]{2})$"
    iso = literal(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}.*)?")
    bare = f"regexp_replace(replace({trimmed}, 'T', ' '), '{zone}', '')"
    cases = [f"WHEN regexp_full_match({trimmed}, {iso}) THEN TRY_CAST({bare} AS TIMESTAMP)"]
    for pattern, formats in _DATES.items():
        timed = [f"{one}{clock}" for one in formats for clock in ("", " %H:%M", " %H:%M:%S")]
        listed = ", ".join(map(literal, timed))
        matches = f"regexp_full_match({trimmed}, {literal(pattern + _CLOCK)})"
        cases.append(f"WHEN {matches} THEN try_strptime({trimmed}, [{listed}])")
    return f"CASE {' '.join(cases)} END"


def written(moment_: str, pattern: str) -> str:
    """A moment in the guide's format words. Raises StepError for letters that are none."""
    between = _WORD.split(pattern)
    if any(letter.isalpha() for piece in between for letter in piece):
        raise StepError(f"The date format {pattern} is not supported")
    words = [_WORDS[word] for word in _WORD.findall(pattern)]
    codes = "".join(piece.replace("%", "%%") + word for piece, word in zip(between, [*words, ""], strict=True))
    return f"strftime({moment_}, {literal(codes)})"


def plain(exact: str) -> str:
    """A decimal without zeros at its end."""
    zeros = f"regexp_replace(CAST({exact} AS VARCHAR), '(\\.[0-9]*?)0+$', '\\1')"
    return f"regexp_replace({zeros}, '\\.$', '')"
