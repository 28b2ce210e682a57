"""Rules in SQL: their placeholders, and what is wrong with one that can be seen without an engine.

The standard's placeholders are `{object}` and `{property}` (3.0: `${table}`, `${column}`). This reads words and signs
alone, and so finds only what is certain; the engine that runs the rule parses it.
"""

import re
from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from mesh.domain.onboarding.quality.sql_text import identifier

_OBJECT: Final = frozenset({"object", "table", "model"})
_PROPERTY: Final = frozenset({"property", "column", "field"})
_PLACEHOLDER: Final = re.compile(r"(?P<before>[\"'`]?)\$?\{\s*(?P<name>\w+)\s*\}(?P<after>[\"'`]?)")
_TOKEN: Final = re.compile(
    r"""--[^\n]*|/\*(?:.*?\*/|.*)|'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\$?\{\s*\w+\s*\}|[A-Za-z_]\w*|[0-9]+(?:\.[0-9]*)?|\S""",
    re.DOTALL,
)
_FIRST: Final = ("select", "with", "from", "(", "values")
_AFTER_FROM: Final = ("from", "join")
_FUNCTIONS_WITH_FROM: Final = ("extract", "substring", "trim", "overlay", "position")
_ROW_SOURCES: Final = ("unnest", "range", "generate_series", "lateral", "values", "select")


_COUNT: Final = re.compile(r"\s*select\s+count\s*\([^()]*\)\s+from\b", re.IGNORECASE)


class QueryFault(NamedTuple):
    """What is wrong; `elsewhere` when it reads something else than its own table."""

    message: str
    elsewhere: bool = False


def filled(query: str, table: str, column: str) -> str:
    """The query with its placeholders replaced by quoted names; inside quotes of its own by the bare name.

    Raises `ValueError` for a placeholder that is unknown, or of a property where the rule is the table's.
    """

    def name(match: re.Match[str]) -> str:
        found = _meant(match["name"], table, column)
        if found is None:
            raise ValueError(_unknown(match["name"], bool(column)))
        before, after = match["before"], match["after"]
        if before and before == after:
            return f"'{found}'" if before == "'" else identifier(found)
        return before + identifier(found) + after

    return _PLACEHOLDER.sub(name, query)


def fault_of(query: str, own: frozenset[str], *, on_column: bool) -> QueryFault | None:
    """What is wrong with the query; `own` are the names of its table, lower-case."""
    tokens = list(_tokens(query))
    while tokens and tokens[-1] == ";":
        tokens.pop()
    if not tokens:
        return QueryFault("the query is empty")
    for token in tokens:
        if token.endswith("}") and len(token) > 1:
            name = token.strip("${} \t\n")
            if _meant(name, "t", "c" if on_column else "") is None:
                return QueryFault(_unknown(name, on_column))
    lower = [token.lower() for token in tokens]
    if lower[0] not in _FIRST:
        return QueryFault(f"the query is not a SELECT: it begins with {tokens[0]!r}")
    if ";" in tokens:
        return QueryFault("the query is more than one statement")
    if any(left == "/" and re.fullmatch(r"0+(\.0*)?", right) for left, right in pairwise(tokens)):
        return QueryFault("the query divides by zero")
    return _elsewhere(lower, own)


def may_give_value(query: str, column: str, secret: Collection[str]) -> bool:
    """Whether the number that it gives may be a value of one of these columns: it reads one, or all columns, and does
    more than to count. `column` is the rule's own."""
    if not secret or _COUNT.match(query):
        return False
    read = {token.strip('"`').lower() for token in _tokens(filled(query, "", column))}
    return not read.isdisjoint({"*", *(name.lower() for name in secret)})


def _tokens(query: str) -> Iterator[str]:
    return (found[0] for found in _TOKEN.finditer(query) if not found[0].startswith(("--", "/*")))


def _meant(placeholder: str, table: str, column: str) -> str | None:
    if placeholder.lower() in _OBJECT:
        return table
    return column or None if placeholder.lower() in _PROPERTY else None


def _unknown(name: str, on_column: bool) -> str:
    known = "{object} and {property}" if on_column else "{object}"
    return f"nothing stands for {{{name:.60}}} here; there is {known}"


def _elsewhere(tokens: list[str], own: frozenset[str]) -> QueryFault | None:
    """A table after FROM or JOIN that is neither the rule's own nor one that the query defines itself."""
    local = set(_ROW_SOURCES) | {
        tokens[i - 1] for i, word in enumerate(tokens) if word == "as" and tokens[i + 1 : i + 2] == ["("]
    }
    opened: list[str] = []  # the word before each parenthesis that is open: extract(year FROM d) names no table
    for position, (before, word) in enumerate(pairwise(["", *tokens])):
        if word == "(":
            opened.append(before)
        elif word == ")" and opened:
            opened.pop()
        in_function = bool(opened) and opened[-1] in _FUNCTIONS_WITH_FROM
        if word not in _AFTER_FROM or in_function or before == "distinct":  # a IS DISTINCT FROM b
            continue
        parts = _name_at(tokens, position + 1)
        if not parts or parts[-1] in own or (len(parts) == 1 and parts[0] in local):
            continue
        if parts[-1].endswith("}"):
            continue
        return QueryFault(f"the query reads {'.'.join(parts)}: a rule reads its own table alone", elsewhere=True)
    return None


def _name_at(tokens: list[str], position: int) -> list[str]:
    """`a.b."c"` → ["a", "b", "c"]; nothing where a parenthesis opens."""
    parts: list[str] = []
    while position < len(tokens) and re.match(r"[\"`'A-Za-z_${]", tokens[position]):
        parts.append(tokens[position].strip("\"`'"))
        if tokens[position + 1 : position + 2] != ["."]:
            break
        position += 2
    return parts
