"""Whether the first row of a CSV file names its columns.

Glue's built-in classifier wants a column below that is not text, and so takes the header of a file of texts for a row
(AWS Glue Developer Guide, "Built-in classifiers: CSV"). Here the first row of such a file is a header as well where its
cells are names, and look or behave otherwise than the values below them.
"""

import re
from collections.abc import Collection, Sequence
from typing import Final

from mesh.domain.onboarding.formats.values import text_type

_MAX_NAME: Final = 300
_YEAR: Final = re.compile(r"(19|20)[0-9]{2}").fullmatch
_WORD: Final = re.compile(r"[^\W\d]").search
_SENTENCE: Final = re.compile(r"[.!?;]\s")
_DATE: Final = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}").match
_COMMON: Final = frozenset({
    "id", "key", "code", "name", "title", "type", "kind", "status", "state", "city", "town", "country", "region",
    "street", "address", "zip", "email", "phone", "date", "time", "year", "month", "day", "from", "to", "start", "end",
    "value", "amount", "price", "currency", "unit", "count", "number", "text", "comment", "note", "description",
    "label", "category", "group", "first name", "last name", "first_name", "last_name", "gender", "language", "url",
})  # fmt: skip
"""Names that columns have in most files: two of them in a row are no coincidence."""


def is_header(rows: Sequence[Sequence[str]], known: Collection[str] = ()) -> bool:
    """`rows` are the first rows of the file; `known` the names that the contract, or the table, has."""
    if not rows:
        return False
    first = [cell.strip() for cell in rows[0]]
    if known:
        matching = sum(cell.lower() in known for cell in first)
        if matching * 2 >= len(first):
            return True
        if not matching and len(first) == len(known):
            return _are_names(first) and _other_types(rows)
    if not _are_names(first):
        return False
    return len(rows) == 1 or _other_types(rows) or _unlike(first, rows[1:])


def _are_names(cells: Sequence[str]) -> bool:
    """Words; years may stand among them, and a name may be missing as in the index of a data frame."""
    words = [cell for cell in cells if cell and _WORD(cell)]
    others = [cell for cell in cells if cell and not _WORD(cell)]
    return (
        bool(words)
        and all(map(_YEAR, others))
        and all(len(cell) < _MAX_NAME and not _SENTENCE.search(cell) and not _DATE(cell) for cell in words)
        and all(text_type([cell]) == "string" for cell in words)
    )


def _columns(rows: Sequence[Sequence[str]], width: int) -> list[tuple[str, ...]]:
    body = [row for row in rows if len(row) == width]
    return list(zip(*body, strict=True))


def _other_types(rows: Sequence[Sequence[str]]) -> bool:
    """Whether some column below has numbers, dates or flags, and no name of a year over it."""
    first = rows[0]
    for name, cells in zip(first, _columns(rows[1:], len(first)), strict=False):
        type_ = text_type([cell.strip() for cell in cells], "date")
        if type_ not in {"", "string"} and not (_YEAR(name.strip()) and all(_YEAR(cell) for cell in cells if cell)):
            return True
    return False


def _unlike(first: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """For columns of text alone: shapes that differ, values that repeat while the name does not, or usual names."""
    if len({cell.lower() for cell in first}) < len(first):
        return False
    if sum(cell.lower() in _COMMON for cell in first) >= min(2, len(first)):
        return True
    for name, cells in zip(first, _columns(body, len(first)), strict=False):
        values = [cell.strip() for cell in cells if cell.strip()]
        if not name or not values or name in values:
            continue
        others = sum(_shape(value) != _shape(name) for value in values)
        if others == len(values) and (len(values) > 1 or _has_digit(values[0]) != _has_digit(name)):
            return True
        if len(values) >= 10 and len(set(values)) * 2 <= len(values):
            return True
    return False


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)


def _shape(text: str) -> str:
    """`31-OCT-2023` is `9-A-9`, `Ann` is `Aa`, `first_name` is `a`, `two words` is `a a`."""
    text = re.sub(r"[0-9]+", "9", text.replace("_", "a"))
    text = re.sub(r"[^\W\d_]+", _case, text)
    return re.sub(r"[^\w\s]+", "-", text)


def _case(match: re.Match[str]) -> str:
    word = match[0]
    if word.islower():
        return "a"
    return "A" if word.isupper() else "Aa"
