"""What was found wrong with an object while it was read, as findings; the engine's words without its advice."""

import json
import re
from collections.abc import Iterable
from typing import Final

from mesh.adapters.measuring.fetching import Unreadable
from mesh.adapters.measuring.rows import Rows
from mesh.domain.quality.model import Finding

_REJECTED: Final = {
    "UNQUOTED VALUE": (
        "UnclosedQuote",
        "Close the quote before the next delimiter; write a quote inside a field twice.",
    ),
    "TOO MANY COLUMNS": (
        "RaggedRows",
        "Give every row the same number of fields; quote values that hold the delimiter.",
    ),
    "MISSING COLUMNS": ("RaggedRows", "Give every row the same number of fields."),
    "INVALID ENCODING": ("UnsupportedEncoding", "Save it as UTF-8."),
    "LINE SIZE OVER MAXIMUM": ("LineTooLong", "Check that every quote is closed; shorten values."),
}
_FILE: Final = re.compile(r"""[Ff]ile ["']?/[^"'\s]*/object\b["']?""")
_QUOTING: Final = frozenset({"ConversionException", "OutOfRangeException", "DataError"})
"""DuckDB's errors that show a value."""


def rejected(kind: str, count: int, line: int, message: str, *, key: str, table: str) -> Finding:
    """Lines of CSV that the engine refused for one reason; the first of them is named."""
    code, remedy = _REJECTED.get(kind, ("MalformedCsv", "Correct the line."))
    more = f" (and {count - 1} more)" if count > 1 else ""
    return Finding(
        code=code, severity="error", table=table, keys=(key,), remedy=remedy, observed=float(count),
        message=f"{key}, line {line}: {_flat(message)}{more}",
    )  # fmt: skip


def unreadable(error: Unreadable, key: str, table: str) -> Finding:
    """The finding that holds the batch back."""
    return Finding(
        code=error.code, severity="error", table=table, keys=(key,), message=f"{key}: {error.message}",
        remedy=error.remedy,
    )  # fmt: skip


def not_of_type(rows: Rows, table: str, secret: Iterable[str]) -> Iterable[Finding]:
    """One finding for each column with values that are none of its type."""
    for name, wrong in rows.wrong.items():
        examples = ", ".join(json.dumps(example[:60], ensure_ascii=False) for example in wrong.examples)
        shown = "" if name in secret else f" (for example {examples})"
        yield Finding(
            code="ValueNotOfType", severity="error", table=table, column=name, observed=float(wrong.count),
            threshold=0.0, keys=tuple(wrong.keys),
            message=f"{wrong.count:,} values of {name} are no {rows.types[name]}{shown}",
            remedy="Correct the values, or let the contract have another type (a major revision).",
        )  # fmt: skip


def malformed(what: str) -> Unreadable:
    """A file that is no lines of JSON objects."""
    return Unreadable("MalformedJson", what, "Write one JSON object per line.")


def corrupt(what: str) -> Unreadable:
    """A Parquet file that cannot be read, or is not what it says."""
    return Unreadable("CorruptParquet", what, "Write the file again, and upload it whole.")


def malformed_csv(what: str) -> Unreadable:
    """A file of which the engine cannot tell the lines."""
    return Unreadable("MalformedCsv", what, "End every line in the same way, with a line feed; close every quote.")


def too_much(what: str) -> Unreadable:
    """An object that can be read, but not by one function."""
    return Unreadable("TooLargeToCheck", what, "Upload it in smaller parts, or release it: it is published unchecked.")


def first_line(error: Exception) -> str:
    """An engine's error in one line, without the value that it may quote: that may be personal data."""
    if type(error).__name__ in _QUOTING:
        return "a value cannot be converted, or is out of range"
    return _flat(next(iter(str(error).splitlines()), type(error).__name__))


def _flat(message: str) -> str:
    """Without what the engine advises to its own users, and without our own file's name."""
    said = _FILE.sub("the object", message.split("Possible", 1)[0])
    return " ".join(said.split())[:300]
