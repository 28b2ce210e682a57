"""CSV → staged texts. The engine reads plain files; others are read row by row, which finds the faulty line."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mesh.adapters.duckdb.engine import literal
from mesh.adapters.duckdb.measuring.faults import first_line
from mesh.adapters.duckdb.measuring.fetching import Unreadable
from mesh.adapters.duckdb.reading.faults import check_width
from mesh.adapters.duckdb.reading.texts import Text, rewrite_csv
from mesh.domain.onboarding.budgets import MAX_ROW
from mesh.domain.onboarding.formats.errors import HeaderWithoutRows
from mesh.domain.onboarding.quality.sql_text import text_literal
from mesh.domain.onboarding.reading.dialect import Layout, layout_of, named
from mesh.domain.schema import column_names

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MAX_NAME: Final = 255
"""Bytes of a column's name in the Glue Data Catalog."""
_RAGGED: Final = "Give every row the same number of fields; quote values that hold the delimiter."
_QUOTE: Final = "Close the quote before the next delimiter; write a quote inside a field twice."


class CsvFile:
    """One object. `layout` is found at once; `source` is what the engine then reads it from."""

    def __init__(self, text: Text, known: Sequence[str], *, stated: str, key: str) -> None:
        self._text = text
        self.layout = self._checked(layout_of(text.head, known, stated=stated), key)
        single = len(self.layout.names) == 1
        self._rewritten = not text.plain or (single and text.quotes and text.blank_lines)
        self._leading = text.head[:1] in {"\n", "\r"}

    def stage(self, db: "DuckDBPyConnection", into: str) -> None:
        """Run `into` (with `{}` for the source of rows, columns c0, c1, …). Raises `Unreadable`."""
        import duckdb  # noqa: PLC0415 - as in `database`

        if self._rewritten or self._leading:
            self._rewrite()
            self._read(db, into)
            return
        try:
            db.execute(into.format(self._source(self._text.file, self.layout.delimiter)))
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error:
            self._rewrite()  # finds the fault, or rewrites the file as plain CSV
            self._read(db, into)

    def _read(self, db: "DuckDBPyConnection", into: str) -> None:
        import duckdb  # noqa: PLC0415 - as in `database`

        try:
            db.execute(into.format(self._source(self._text.file, ",")))
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            what = "End every line in the same way, with a line feed; close every quote."
            raise Unreadable("MalformedCsv", first_line(error), what) from error

    def _rewrite(self) -> None:
        self._check_rows()
        rewrite_csv(self._text, self.layout.delimiter)

    def _check_rows(self) -> None:
        """Raises `Unreadable` (RaggedRows, UnclosedQuote, LineTooLong) with the first line that is wrong."""
        width, wrong, first, line = len(self.layout.names), 0, None, 1
        with self._text.lines() as lines:
            reader = csv.reader(lines, delimiter=self.layout.delimiter, strict=True)
            try:
                for row in reader:
                    if row and len(row) != width:
                        wrong, first = wrong + 1, first or (line, len(row))
                    if sum(map(len, row)) > MAX_ROW:
                        what = f"the row at line {line} is longer than {MAX_ROW:,} bytes"
                        raise Unreadable("LineTooLong", what, "Check that every quote is closed; shorten values.")
                    line = reader.line_num + 1
            except csv.Error as error:
                raise _csv_error(error, line) from error
            except UnicodeDecodeError as error:
                raise Unreadable("UnsupportedEncoding", f"line {line} is not text", "Save it as UTF-8.") from error
        if first:
            more = f" (and {wrong - 1} more lines)" if wrong > 1 else ""
            what = (
                f"line {first[0]} has {first[1]} fields, expected {width} separated by {named(self.layout.delimiter)}"
            )
            raise Unreadable("RaggedRows", what + more, _RAGGED)

    def _source(self, file: Path, delimiter: str) -> str:
        columns = literal({f"c{index}": "VARCHAR" for index in range(len(self.layout.names))})
        read = (
            f"read_csv({text_literal(file)}, columns = {columns}, auto_detect = false, "
            f"header = {str(self.layout.header).lower()}, delim = {text_literal(delimiter)}, quote = '\"', "
            f"escape = '\"', comment = '', strict_mode = true, null_padding = false, nullstr = '', "
            f"max_line_size = {MAX_ROW})"
        )
        # Of one column a blank line would be a row; "" in quotes cannot be told from it, and was rewritten before.
        skip = len(self.layout.names) == 1 and self._text.blank_lines and not self._rewritten
        return f"{read} WHERE c0 IS NOT NULL" if skip else read

    def _checked(self, layout: Layout, key: str) -> Layout:
        """Raises `Unreadable`, or as `column_names` does."""
        if layout.problem:
            raise Unreadable(*layout.problem)
        check_width(len(layout.names), len(layout.names))
        if layout.header:
            column_names(layout.names, key=key, line=1)
        if long := next((name for name in layout.names if len(name.encode()) > MAX_NAME), None):
            what = f"the column {long[:40]!r}… has a name of {len(long.encode())} bytes"
            raise Unreadable("ColumnNameTooLong", what, f"Shorten it to {MAX_NAME} bytes.")
        return layout


def has_rows(rows: int, layout: Layout) -> None:
    """Raises `Rejected` for a file of a header alone."""
    if rows == 0 and layout.header:
        raise HeaderWithoutRows("a header and no rows", remedy="Upload it with data.", line=1)


def _csv_error(error: csv.Error, line: int) -> Unreadable:
    if "field larger" in str(error):
        what = f"a field of the row at line {line} is too long"
        return Unreadable("LineTooLong", what, "Check that every quote is closed; shorten values.")
    what = f"the quoted field in the row that begins on line {line} does not end where it should: {error}"
    return Unreadable("UnclosedQuote", what, _QUOTE)
