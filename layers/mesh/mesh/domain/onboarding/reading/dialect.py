"""How a CSV file is written, from its first part: delimiter, header, names of the columns.

The contract decides where it can: a delimiter under which the first row has the contract's names is the one. What is
found is checked when the whole file is read: a row of another number of fields is an error there.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Final, NamedTuple

from mesh.domain.onboarding.budgets import MAX_ROW
from mesh.domain.onboarding.reading.header import is_header

DELIMITERS: Final = (",", ";", "\t", "|")
_OTHERS: Final = (" ", "^", "~", ":", "\x01", "\x1f", "#", "/")
"""Read only if the contract's names are found under it, or if the contract states it."""
_UNUSUAL: Final = (" ", "^", "~", "\x01", "\x1f")
"""Of these the same number in each row is no coincidence."""
_NAMES: Final = {" ": "a space", "\t": "a tab", "\x01": "the control character 1", "\x1f": "the control character 31"}
_ROWS: Final = 300
_ENOUGH: Final = 3
csv.field_size_limit(MAX_ROW)  # of the whole process, and so what all readers of CSV have


class Layout(NamedTuple):
    """`names` as written, stripped and lower-case, `col0`, … where there is no header. `fault` is what the file's
    owner has to know (code, message, remedy); `problem` the same where it cannot be read so."""

    delimiter: str
    header: bool
    names: tuple[str, ...]
    fault: tuple[str, str, str] | None = None
    problem: tuple[str, str, str] | None = None


def layout_of(text: str, known: Sequence[str] = (), *, stated: str = "") -> Layout:
    """`text`: the first part of the file, whole lines. `known`: names of the contract's or the table's columns, in
    their order; `stated`: the delimiter that the contract has."""
    delimiter = stated or _delimiter(text, known)
    rows = _rows(text, delimiter)
    if not rows:
        return Layout(delimiter, False, (), problem=("EmptyFile", "there is no row", "Upload it with data."))
    if problem := _title(rows, delimiter, text) or _one_column(rows, delimiter):
        return Layout(delimiter, False, (), problem=problem)
    header = is_header(rows, known)
    if header:
        return Layout(delimiter, True, tuple(cell.strip().lower() for cell in rows[0]))
    width = len(rows[0])
    if len(known) == width:
        return Layout(delimiter, False, tuple(known))
    names = tuple(f"col{index}" for index in range(width))
    message = f"the first row has no names of columns: the columns are called {names[0]} to {names[-1]}"
    if width == 1:
        message = "the first row has no name of a column: the column is called col0"
    remedy = "Add a header, or a contract that names the columns in their order."
    return Layout(delimiter, False, names, fault=("NoHeader", message, remedy))


def named(delimiter: str) -> str:
    """The delimiter in words."""
    return _NAMES.get(delimiter, repr(delimiter))


def _rows(text: str, delimiter: str) -> list[list[str]]:
    """The first rows; none that is empty. A quote that never ends leaves what is before it."""
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if row:
                rows.append(row)
            if len(rows) > _ROWS:
                break
    except csv.Error:
        pass  # the reader of the whole file reports the line
    return rows


def _delimiter(text: str, known: Sequence[str]) -> str:
    """Under which the first row has the known names, else rows agree best, else are widest."""
    by_names = {delimiter: _known(text, delimiter, known) for delimiter in (*DELIMITERS, *_OTHERS)} if known else {}
    best = max(by_names, key=lambda delimiter: by_names[delimiter], default=",")
    if by_names and by_names[best] >= min(2, len(known)):
        return best
    scores = {delimiter: _score(_rows(text, delimiter)) for delimiter in DELIMITERS}
    best = max(DELIMITERS, key=lambda delimiter: scores[delimiter])
    return best if scores[best][1] >= 2 else ","


def _known(text: str, delimiter: str, known: Sequence[str]) -> int:
    """Known names in the first row; of a row of one field none counts, since any delimiter gives it."""
    first = next(iter(_rows(text[: 64 * 1024], delimiter)), [])
    return sum(cell.strip().lower() in known for cell in first) if len(first) > 1 else 0


def _score(rows: Sequence[Sequence[str]]) -> tuple[float, int]:
    """(share of rows that have the usual number of fields, that number); rows of one field say nothing."""
    if not rows:
        return 0.0, 0
    width, count = Counter(map(len, rows)).most_common(1)[0]
    return (round(count / len(rows), 1), width) if width > 1 else (0.0, width)


def _title(rows: Sequence[Sequence[str]], delimiter: str, text: str) -> tuple[str, str, str] | None:
    """A line above the table: it has fewer fields than all rows below it."""
    if len(rows) < _ENOUGH:
        return None
    width, count = Counter(map(len, rows[1:])).most_common(1)[0]
    first = len(rows[0])
    if first >= width or width < 2 or count * 10 < 9 * len(rows[1:]) or (first > 1 and width - first < 2):
        return None
    line = 1 + sum(1 for _ in _leading_blanks(text))
    fields = "1 field" if first == 1 else f"{first} fields"
    return (
        "RaggedRows",
        f"line {line} has {fields} and the rows below have {width}, separated by {named(delimiter)}: is it a title?",
        "Begin the file with the names of the columns, or with the first row.",
    )


def _leading_blanks(text: str) -> list[str]:
    return re.findall(r"\r\n|\r|\n", text[: len(text) - len(text.lstrip("\r\n"))])


def _one_column(rows: Sequence[Sequence[str]], delimiter: str) -> tuple[str, str, str] | None:
    """Rows of one field that fall into as many under a delimiter that is none of the usual."""
    if len(rows) < 2 or max(map(len, rows)) > 1 or delimiter not in DELIMITERS:
        return None
    lines = [row[0].strip() for row in islice(rows, _ROWS)]
    for other in _UNUSUAL:
        widths = {len(line.split(other) if other != " " else line.split()) for line in lines}
        width = min(widths)
        enough = width >= (_ENOUGH if other == " " else 2)
        if len(widths) == 1 and enough and (other != " " or _mixed(lines)):
            return (
                "UnknownDelimiter",
                f"each line has {width} fields if {named(other)} separates them, and one if any of "
                f"{', '.join(map(named, DELIMITERS))} does",
                "Separate fields by a comma, a semicolon, a tab or a vertical bar; or name the delimiter in the "
                "contract (servers[].delimiter).",
            )
    return None


def _mixed(lines: Sequence[str]) -> bool:
    """Whether some field is a number in each line but the first: sentences with the same number of words are not a
    table."""
    body = [line.split() for line in lines[1:]]
    return len(body) >= 2 and any(
        all(re.fullmatch(r"[+-]?\d+([.,]\d+)?", cell) for cell in cells) for cells in zip(*body, strict=True)
    )
