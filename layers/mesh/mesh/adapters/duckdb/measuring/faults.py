"""What is wrong with values and files; the engine's words without its advice."""

import json
import re
from collections.abc import Iterable
from typing import Final

from mesh.adapters.duckdb.measuring.fetching import Unreadable
from mesh.adapters.duckdb.measuring.rows import Rows
from mesh.domain.onboarding.quality.model import Finding

_FILE: Final = re.compile(r"""[Ff]ile ["']?/[^"'\s]*/object-\d+\b["']?""")
_QUOTING: Final = frozenset({"ConversionException", "OutOfRangeException", "DataError"})
"""DuckDB's errors that show a value."""


def not_of_type(rows: Rows, table: str, secret: Iterable[str]) -> Iterable[Finding]:
    """One finding for each column with values that are not of its type."""
    for name, wrong in rows.wrong.items():
        examples = ", ".join(json.dumps(example[:60], ensure_ascii=False) for example in wrong.examples)
        shown = "" if name in secret else f" (for example {examples})"
        yield Finding(
            code="ValueNotOfType", severity="error", table=table, column=name, observed=float(wrong.count),
            threshold=0.0, keys=tuple(wrong.keys),
            message=f"{wrong.count:,} values of {name} are not of type {rows.types[name]}{shown}",
            remedy="Correct the values, or let the contract have another type (a major revision).",
        )  # fmt: skip


def corrupt(what: str) -> Unreadable:
    """A Parquet file that cannot be read, or is not what it says."""
    return Unreadable("CorruptParquet", what, "Write the file again, and upload it whole.")


def first_line(error: Exception) -> str:
    """An engine's error in one line, without the value that it may quote: that may be personal data."""
    if type(error).__name__ in _QUOTING:
        return "a value cannot be converted, or is out of range"
    return _flat(next(iter(str(error).splitlines()), type(error).__name__))


def _flat(message: str) -> str:
    """Without what the engine advises to its own users, and without our own file's name."""
    said = _FILE.sub("the object", message.split("Possible", 1)[0])
    return " ".join(said.split())[:300]
