"""What a contract promises and Meshwork does not hold anybody to: told to the owner instead of being ignored.

A part that becomes enforced leaves `_REASONS` (a keyword's entry here is the only place to change).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mesh.domain.contract import Contract, ContractColumn, ContractTable, NotEnforced

MAX_LISTED: Final = 100
_NOT_CHECKED: Final = "stated and kept, but the data is not compared with it"
_REASONS: Final[Mapping[str, str]] = {
    "required": _NOT_CHECKED,
    "unique": _NOT_CHECKED,
    "primaryKey": _NOT_CHECKED,
    "enum": _NOT_CHECKED,
    "logicalTypeOptions": _NOT_CHECKED,
    "relationships": "foreign keys are not looked up",
    "quality": "quality rules are kept, but not run",
    "encryptedName": "columns are not encrypted by the mesh",
    "slaProperties": "service levels are kept, but not measured",
    "roles": "access is decided by LF-Tags and governance/policies.yaml",
    "servers": "only servers of type s3 are compared with the bucket",
    "properties": "fields of an object are not compared one by one; declare physicalType: struct<…> for that",
    "items": "elements of an array are not compared; declare physicalType: array<…> for that",
    "logicalType": "no Hive type follows from it: the data decides; give a physicalType",
}


def not_enforced(contract: Contract) -> tuple[NotEnforced, ...]:
    """All of it in the contract's order; at most 100 entries, the last one then counts the rest."""
    found = [NotEnforced(where=where, what=what, why=_REASONS[part]) for where, part, what in _stated(contract)]
    if len(found) <= MAX_LISTED:
        return tuple(found)
    rest = len(found) - MAX_LISTED + 1
    return (*found[: MAX_LISTED - 1], NotEnforced(where="$", what=f"{rest} more", why="mesh contract check lists all"))


def everything_not_enforced(contract: Contract) -> tuple[NotEnforced, ...]:
    """The same without a limit."""
    return tuple(NotEnforced(where=where, what=what, why=_REASONS[part]) for where, part, what in _stated(contract))


def _stated(contract: Contract) -> Iterator[tuple[str, str, str]]:
    """(path, part, what it says)"""
    for position, table in enumerate(contract.tables):
        yield from _in_table(table, f"$.schema[{position}]")
    for position, sla in enumerate(contract.extras.get("slaProperties") or ()):
        said = f"{sla.get('property')} = {sla.get('value')} {sla.get('unit', '')}".strip()
        yield f"$.slaProperties[{position}]", "slaProperties", said
    for position, role in enumerate(contract.extras.get("roles") or ()):
        yield f"$.roles[{position}]", "roles", f"role {role.get('role', '')} {role.get('access', '')}".strip()
    for position, server in enumerate(contract.servers):
        if server.type != "s3":
            yield f"$.servers[{position}]", "servers", f"server {server.server} of type {server.type}"


def _in_table(table: ContractTable, path: str) -> Iterator[tuple[str, str, str]]:
    yield from _listed(table.extras, path)
    for position, column in enumerate(table.columns):
        yield from _in_column(column, f"{path}.properties[{position}]")


def _in_column(column: ContractColumn, path: str) -> Iterator[tuple[str, str, str]]:
    flags = {"required": column.required, "unique": column.unique, "primaryKey": column.primary_key}
    for part, stated in flags.items():
        if stated:
            yield f"{path}.{part}", part, f"{column.name}: {part}"
    if column.enum:
        yield f"{path}.enum", "enum", f"{column.name}: one of {len(column.enum)} values"
    if column.options:
        said = ", ".join(f"{name} {value}" for name, value in column.options.items())
        yield f"{path}.logicalTypeOptions", "logicalTypeOptions", f"{column.name}: {said}"[:300]
    if column.extras.get("encryptedName"):
        yield f"{path}.encryptedName", "encryptedName", f"{column.name}: {column.extras['encryptedName']}"
    if column.logical_type and not column.hive_type:
        yield f"{path}.logicalType", "logicalType", f"{column.name}: {column.logical_type}"
        if column.fields:
            part = "items" if column.logical_type == "array" else "properties"
            yield f"{path}.{part}", part, f"{column.name}: {len(column.fields)} declared"
    yield from _listed(column.extras, path)


def _listed(extras: Mapping[str, Any], path: str) -> Iterator[tuple[str, str, str]]:
    for position, rule in enumerate(extras.get("quality") or ()):
        yield f"{path}.quality[{position}]", "quality", rule_text(rule)
    for position, link in enumerate(extras.get("relationships") or ()):
        yield f"{path}.relationships[{position}]", "relationships", f"{link.get('type', 'foreignKey')} {link.get('to')}"


def rule_text(rule: Mapping[str, Any]) -> str:
    """A quality rule in a few words: `library nullValues mustBe 0`, `text: no gaps`."""
    kind = str(rule.get("type", "library"))
    said = rule.get("metric") or rule.get("rule") or rule.get("query") or rule.get("engine") or rule.get("description")
    bounds = " ".join(f"{name} {value}" for name, value in rule.items() if name.startswith("must"))
    return " ".join(word for word in (kind, str(said or rule.get("name", "")), bounds) if word)[:300]
