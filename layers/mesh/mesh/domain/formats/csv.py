"""CSV heads: dialect, header, columns, row count. Rules as a Glue crawler has them, with the contract deciding first.

Source: AWS Glue Developer Guide, "Built-in classifiers: CSV" (delimiters, header rules).
"""

import csv
import io
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from mesh.domain.formats.model import MAX_TEXT_BYTES, CsvDialect
from mesh.domain.formats.text import MAX_UNZIPPED, TextHead
from mesh.domain.formats.values import sample, text_type
from mesh.domain.rejections import HeaderWithoutRows, LineTooLong, RaggedRows, UnclosedQuote, UnsupportedEncoding
from mesh.domain.schema import Column, TableSchema, column_names

if TYPE_CHECKING:
    import _csv

DELIMITERS: Final = (",", ";", "\t", "|")
QUOTE: Final = '"'
_PROBE_CHARACTERS: Final = 64 * 1024
_PROBE_ROWS: Final = 100
_TYPED_ROWS: Final = 1000
"""Enough to see that some column of the data is no string, which is what makes a header."""
_MAX_HEADER_CELL: Final = 150
# The csv module's own limit is 128 KiB and global; a field can be as long as the head.
csv.field_size_limit(MAX_UNZIPPED + MAX_TEXT_BYTES)


class CsvContent(NamedTuple):
    """What the head of a CSV file says."""

    dialect: CsvDialect
    columns: tuple[Column, ...]
    rows: int
    rows_exact: bool
    samples: dict[str, tuple[str, ...]]


def inspect_csv(head: TextHead, expected: TableSchema | None, *, bucket: str, key: str) -> CsvContent:
    """Dialect, columns and rows of a CSV head; `expected` is the contract's schema of the table.

    Raises `RaggedRows`, `UnclosedQuote`, `LineTooLong`, `HeaderWithoutRows`, `EmptyColumnName`, `DuplicateColumns`.
    """
    where = {"bucket": bucket, "key": key}
    names = [column.name for column in expected.columns] if expected else []
    delimiter = _delimiter(head.text, names)
    rows = _rows(head, delimiter, where)
    header = _is_header(rows, names)
    if header:
        columns = column_names(rows[0], line=1, **where)
    else:
        columns = _names_without_header(rows[0], names, head.bom, where)
    _check_widths(rows, len(columns), head.text, delimiter, where)
    if header and not rows[1:]:
        if not head.complete:
            raise _too_long(where, "row after the header")
        raise HeaderWithoutRows("a header and no rows", remedy="Upload it with data.", line=1, **where)
    rows = rows[1:] if header else rows
    values = list(zip(*rows, strict=True))
    quoted = _is_quoted(head.text, delimiter)
    # OpenCSVSerDe reads dates as days since 1970 only, so a written date stays a string there.
    declared = expected.types() if expected and not quoted else {}
    return CsvContent(
        dialect=CsvDialect(
            delimiter=delimiter, header=header, quoted=quoted, encoding="utf-8-sig" if head.bom else "utf-8"
        ),
        columns=tuple(
            Column(name=name, type=text_type(cells, declared.get(name, "")))
            for name, cells in zip(columns, values, strict=True)
        ),
        rows=len(rows) if head.complete else max(round(len(rows) / head.share), len(rows)),
        rows_exact=head.complete,
        samples={name: sample(cells) for name, cells in zip(columns, values, strict=True)},
    )


def _delimiter(text: str, names: Sequence[str]) -> str:
    """The delimiter under which the first row finds the contract's names, else rows agree best, else are widest."""

    def score(delimiter: str) -> tuple[int, float, int]:
        rows: list[list[str]] = []
        try:
            for row in csv.reader(io.StringIO(text[:_PROBE_CHARACTERS], newline=""), delimiter=delimiter):
                if row:
                    rows.append(row)
                if len(rows) > _PROBE_ROWS:
                    break
        except csv.Error:
            return 0, 0, 0
        if len(rows) > 2 and len(text) > _PROBE_CHARACTERS and len(rows) <= _PROBE_ROWS:
            rows.pop()  # cut in the middle
        width = len(rows[0]) if rows else 0
        if width < 2:
            return 0, 0, 0
        known = sum(cell.strip().lower() in names for cell in rows[0])
        return known, sum(len(row) == width for row in rows) / len(rows), width

    best = max(DELIMITERS, key=score)
    return best if score(best)[2] else ","


def _rows(head: TextHead, delimiter: str, where: dict[str, str]) -> list[list[str]]:
    """Rows that are whole; the last one of a cut head is left out. Empty lines are no rows."""
    text = head.text
    if not head.complete:
        text = text[: max(text.rfind("\n"), text.rfind("\r")) + 1]
        if not text:
            raise _too_long(where)
    try:
        rows = [cells for cells in _strict(text, delimiter) if cells]
    except csv.Error:
        rows = _rows_before_the_error(head, text, delimiter, where)
    if not rows:
        raise _too_long(where)
    return rows


def _strict(text: str, delimiter: str) -> "_csv.Reader":
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=QUOTE, strict=True)


def _rows_before_the_error(head: TextHead, text: str, delimiter: str, where: dict[str, str]) -> list[list[str]]:
    """The rows of a head that ends in a quoted field; any other fault is the file's own."""
    reader = _strict(text, delimiter)
    rows: list[list[str]] = []
    line = 1
    try:
        for cells in reader:
            if cells:
                rows.append(cells)
            line = reader.line_num + 1
    except csv.Error as error:
        if head.complete or "unexpected end" not in str(error) or not _cut_off(text, line, rows):
            raise UnclosedQuote(
                f"the quoted field that begins on line {line} does not end where it should: {error}",
                line=line,
                remedy="Close the quote before the next delimiter; write a quote inside a field twice.",
                **where,
            ) from error
    return rows


def _cut_off(text: str, line: int, rows: list[list[str]]) -> bool:
    """Whether an open quote is just the row that the head's end cut: a swallowed file has a very long last 'row'."""
    if len(rows) < 2:
        return False
    rest = sum(map(len, text.splitlines(keepends=True)[line - 1 :]))
    return rest < len(text) / 4


def _is_header(rows: list[list[str]], names: Sequence[str]) -> bool:
    first = [cell.strip() for cell in rows[0]]
    if names:
        known = sum(cell.lower() in names for cell in first)
        if known * 2 >= len(first):
            return True
        if known == 0 and len(first) == len(names):
            return False if not _looks_like_header(rows) else _differs(rows)
    if len(rows) == 1:
        return _looks_like_header(rows)
    return _looks_like_header(rows) and _differs(rows)


def _looks_like_header(rows: list[list[str]]) -> bool:
    """Glue: at least two columns, every cell a string, none (but the last) longer than 150 characters."""
    cells = rows[0]
    return (
        len(cells) >= 2
        and all(text_type([cell.strip()]) in {"", "string"} for cell in cells)
        and any(cell.strip() for cell in cells)
        and all(len(cell) < _MAX_HEADER_CELL for cell in cells[:-1])
    )


def _differs(rows: list[list[str]]) -> bool:
    """Glue: a header is sufficiently different from the data when some column of the data is no string."""
    width = len(rows[0])
    body = [row for row in islice(rows, 1, _TYPED_ROWS) if len(row) == width]
    return any(text_type(cells) not in {"", "string"} for cells in zip(*body, strict=True))


def _names_without_header(first: list[str], names: Sequence[str], bom: bool, where: dict[str, str]) -> list[str]:
    """The contract's names where it has as many, else `col0`, `col1`, … as a Glue crawler names them."""
    if bom:
        raise UnsupportedEncoding(
            "a byte order mark and no header: it would become part of the first value",
            encoding="utf-8-sig",
            remedy="Save it as UTF-8 without a byte order mark, or add the header.",
            **where,
        )
    return list(names) if len(names) == len(first) else [f"col{index}" for index in range(len(first))]


def _check_widths(rows: list[list[str]], width: int, text: str, delimiter: str, where: dict[str, str]) -> None:
    if set(map(len, rows)) == {width}:
        return
    wrong = next(index for index, row in enumerate(rows) if len(row) != width)
    line, found = _line_of(wrong, text, delimiter), len(rows[wrong])
    raise RaggedRows(
        f"line {line} has {found} fields, expected {width}",
        line=line,
        expected=width,
        found=found,
        remedy="Give every row the same number of fields; quote values that hold the delimiter.",
        **where,
    )


def _line_of(index: int, text: str, delimiter: str) -> int:
    """Where a row begins. Read again for that one row, rather than to keep a number for each of half a million."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=QUOTE)
    line = 1
    for cells in reader:
        if cells:
            if index == 0:
                break
            index -= 1
        line = reader.line_num + 1
    return line


def _is_quoted(text: str, delimiter: str) -> bool:
    """Whether any field begins with a quote."""
    if QUOTE not in text:
        return False
    return text.startswith(QUOTE) or any(start + QUOTE in text for start in (delimiter, "\n", "\r"))


def _too_long(where: dict[str, str], which: str = "first row") -> LineTooLong:
    return LineTooLong(
        f"the {which} is longer than {MAX_TEXT_BYTES} bytes",
        remedy="End rows with a line feed; check that it is the right file.",
        **where,
    )
