"""What a rule's query reads, by the engine's own parser. When rules are run, reading files is switched off as well;
this says so before, and names what it is.
"""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_FUNCTIONS: Final = frozenset({"unnest", "range", "generate_series"})


def elsewhere(db: "DuckDBPyConnection", query: str, own: frozenset[str]) -> str:
    """What the query reads beside its own table, in words; "" for nothing.

    Raises `ValueError` for anything but one SELECT, and what the parser raises for what is not SQL.
    """
    statements = db.extract_statements(query)
    if len(statements) != 1:
        raise ValueError(f"the query is {len(statements)} statements, not one")
    serialised = json.loads(db.execute("SELECT json_serialize_sql(?)", [query]).fetchall()[0][0])
    if serialised.get("error"):
        raise ValueError(f"the query is not a SELECT: {serialised.get('error_message', '')}"[:300])
    local = frozenset(name.lower() for name in _defined(serialised))
    for node in _nodes(serialised):
        if found := _foreign(node, own, local):
            return f"the query reads {found}: a rule reads its own table alone"
    return ""


def _foreign(node: dict[str, Any], own: frozenset[str], local: frozenset[str]) -> str:
    match node.get("type"):
        case "BASE_TABLE":
            names = [node.get("catalog_name"), node.get("schema_name"), node.get("table_name")]
            written = ".".join(str(name) for name in names if name)
            table = str(node.get("table_name", "")).lower()
            if node.get("catalog_name") or node.get("schema_name") not in {"", "main", None}:
                return written
            return "" if table in own or (table in local and not node.get("schema_name")) else written
        case "TABLE_FUNCTION":
            function = node.get("function") or {}
            name = str(function.get("function_name", "") if isinstance(function, dict) else "")
            return "" if name.lower() in _FUNCTIONS else f"{name or 'a table function'}()"
        case "SHOW_REF":
            return "the catalog (DESCRIBE, SHOW)"
    return ""


def _nodes(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _nodes(inner)


def _defined(serialised: object) -> Iterator[str]:
    """Names of the query's own WITH clauses."""
    for node in _nodes(serialised):
        clauses = node.get("cte_map")
        if isinstance(clauses, dict):
            yield from (str(entry.get("key")) for entry in clauses.get("map") or ())
