"""What is wrong with values and files; the engine's words without its advice."""

import json
import re
from collections.abc import Iterable
from typing import Final

from mesh.adapters.duckdb.measuring.fetching import Unreadable
from mesh.adapters.duckdb.measuring.rows import Rows
from mesh.domain.onboarding.quality.model import Finding

_FILE: Final = re.compile(r"""[Ff]ile ["']?/[^"'\s]*/object-\d+\b["']?""")
_SHOWN: Final = frozenset(
    {"BinderException", "CatalogException", "ParserException", "PermissionException", "SyntaxException"}
)
"""DuckDB's errors that are about a query's own text. Others may quote a value."""
_TOLD: Final = (
    (r"Conversion Error|Out of Range Error", "a value cannot be converted, or is out of range"),
    (r"Invalid Input Error: Division by zero", "the query divides by zero"),
    (r"Invalid Input Error: Invalid (?:string encoding|unicode)", "a text is not UTF-8"),
    (r"Invalid Input Error: Invalid TIME value", "a time is not within a day"),
    (
        r"Invalid Input Error: (?:No magic bytes|Footer length|File '[^']*' too small)",
        "it does not end as Parquet does",
    ),
    (r"IO Error: Could not read enough bytes", "it is shorter than it says"),
    (r'Invalid Input Error: Malformed JSON in file "[^"]*", (at byte \d+ in \S+ \d+)', r"malformed JSON \1"),
)
"""How an error begins, and what we say in its place: nothing of it but numbers that are a place."""


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
    return Unreadable("CorruptParquet", what, "Write the file again, with all texts in UTF-8, and upload it whole.")


def first_line(error: Exception, otherwise: str = "a part of the data cannot be read") -> str:
    """An engine's error in one line, without the value that it may quote: that may be personal data.

    `otherwise`: of an error that nothing is known of.
    """
    kind, said = type(error).__name__, str(error)
    if kind in _SHOWN:
        return _flat(next(iter(said.splitlines()), kind))
    found = ((re.match(begins, said), told) for begins, told in _TOLD)
    return next((match.expand(told) for match, told in found if match), f"{otherwise} ({kind})")


def _flat(message: str) -> str:
    """Without what the engine advises to its own users, and without our own file's name."""
    said = _FILE.sub("the object", message.split("Possible", 1)[0])
    return " ".join(said.split())[:300]
