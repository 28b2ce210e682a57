"""Texts that a spreadsheet would run as a formula. To an engine they are data like any other, so they are published;
but people open results in spreadsheets, and have to know. Source: OWASP, "CSV Injection".
"""

from collections.abc import Iterator
from itertools import batched
from typing import Final

from mesh.adapters.duckdb.measuring.rows import OBJECT, Rows
from mesh.domain.onboarding.quality.model import Finding
from mesh.domain.onboarding.quality.sql_text import ROWS, identifier

_PATTERN: Final = r"^[\t\r]*([=@][^\s=]|[+-]\S*[A-Za-z]\(|[+-].*\|.*!)"
"""Signs of a number, of a telephone number, or a line of dashes are not a formula; `@name` is one in some
spreadsheets."""
_CHUNK: Final = 100


def formula_cells(rows: Rows, table: str) -> Iterator[Finding]:
    """One warning for each column that has such values, with their count and objects; no value is shown."""
    names = [name for name in rows.columns if rows.types[name] == "string"]
    for chunk in batched(names, _CHUNK, strict=False):
        counts = rows.one(", ".join(f"count_if({_is_formula(name)})" for name in chunk))
        for name, count in zip(chunk, counts, strict=True):
            if count:
                yield _finding(rows, table, name, int(count))


def _is_formula(name: str) -> str:
    column = identifier(name)
    first = f"left({column}, 1) IN ('=', '@', '+', '-', chr(9), chr(13))"
    return f"({first} AND regexp_matches({column}, '{_PATTERN}'))"


def _finding(rows: Rows, table: str, name: str, count: int) -> Finding:
    found = rows.all(f"SELECT DISTINCT {identifier(OBJECT)} FROM {ROWS} WHERE {_is_formula(name)} ORDER BY 1")
    return Finding(
        code="FormulaCells", severity="warning", table=table, column=name, observed=float(count),
        keys=tuple(rows.keys[index] for (index,) in found),
        message=f"{count:,} values of {name} begin like a formula of a spreadsheet",
        remedy="They are published as they are. Open results in a spreadsheet with this column imported as text, or "
        "let the recipe put a sign before them.",
    )  # fmt: skip
