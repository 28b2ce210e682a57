"""What a contract promises and Meshwork does not enforce: reported to the owner instead of being ignored.

The enforced rules are built by `onboarding.quality.rules`: rules that it skips are listed here with their reason,
and so are options that it does not support. All other reasons are in `_REASONS`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mesh.domain.contracts.contract import Contract, ContractColumn, ContractTable, NotEnforced
from mesh.domain.contracts.service_levels import is_notice_period
from mesh.domain.onboarding.quality.column_expectations import unchecked_options
from mesh.domain.onboarding.quality.freshness import allowed_age
from mesh.domain.onboarding.quality.rules import quality_expectations

MAX_LISTED: Final = 100
_REASONS: Final[Mapping[str, str]] = {
    "relationships": "foreign keys are not checked",
    "encryptedName": "columns are not encrypted by the mesh",
    "slaProperties": "recorded, not measured; latency, freshness, frequency and noticePeriod count, with a duration",
    "roles": "access is decided by LF-Tags and governance/policies.yaml",
    "servers": "only servers of type s3 are compared with the bucket",
    "properties": "fields of an object are not compared one by one; declare physicalType: struct<…> for that",
    "items": "elements of an array are not compared; declare physicalType: array<…> for that",
    "logicalType": "no Hive type follows from it: the data decides; give a physicalType",
}


def not_enforced(contract: Contract) -> tuple[NotEnforced, ...]:
    """All entries in the contract's order; at most 100, the last one then counts the rest."""
    found = everything_not_enforced(contract)
    if len(found) <= MAX_LISTED:
        return found
    rest = len(found) - MAX_LISTED + 1
    return (*found[: MAX_LISTED - 1], NotEnforced(where="$", what=f"{rest} more", why="mesh contract check lists all"))


def everything_not_enforced(contract: Contract) -> tuple[NotEnforced, ...]:
    """The same without a limit."""
    return tuple(_stated(contract))


def _stated(contract: Contract) -> Iterator[NotEnforced]:
    for position, table in enumerate(contract.tables):
        yield from _in_table(table, f"$.schema[{position}]")
    for position, sla in enumerate(contract.extras.get("slaProperties") or ()):
        if allowed_age(sla) is None and not is_notice_period(sla):
            said = f"{sla.get('property')} = {sla.get('value')} {sla.get('unit', '')}".strip()
            yield _of_part("slaProperties", f"$.slaProperties[{position}]", said)
    for position, role in enumerate(contract.extras.get("roles") or ()):
        yield _of_part("roles", f"$.roles[{position}]", f"role {role.get('role', '')} {role.get('access', '')}".strip())
    for position, server in enumerate(contract.servers):
        if server.type != "s3":
            yield _of_part("servers", f"$.servers[{position}]", f"server {server.server} of type {server.type}")


def _in_table(table: ContractTable, path: str) -> Iterator[NotEnforced]:
    skipped: dict[str, list[NotEnforced]] = {}
    for expectation in quality_expectations(table, path, {}):
        if expectation.skipped:
            owner = expectation.where.rpartition(".quality[")[0]
            entry = NotEnforced(where=expectation.where, what=expectation.rule, why=expectation.skipped)
            skipped.setdefault(owner, []).append(entry)
    yield from skipped.get(path, ())
    yield from _links(table.extras, path)
    for position, column in enumerate(table.columns):
        where = f"{path}.properties[{position}]"
        yield from _in_column(column, where)
        yield from skipped.get(where, ())
        yield from _links(column.extras, where)


def _in_column(column: ContractColumn, path: str) -> Iterator[NotEnforced]:
    for option, why in unchecked_options(column).items():
        what = f"{column.name}: {option} {column.options[option]}"[:300]
        yield NotEnforced(where=f"{path}.logicalTypeOptions.{option}", what=what, why=why)
    if column.extras.get("encryptedName"):
        said = f"{column.name}: {column.extras['encryptedName']}"
        yield _of_part("encryptedName", f"{path}.encryptedName", said)
    if column.logical_type and not column.hive_type:
        yield _of_part("logicalType", f"{path}.logicalType", f"{column.name}: {column.logical_type}")
        if column.fields:
            part = "items" if column.logical_type == "array" else "properties"
            yield _of_part(part, f"{path}.{part}", f"{column.name}: {len(column.fields)} declared")


def _links(extras: Mapping[str, Any], path: str) -> Iterator[NotEnforced]:
    for position, link in enumerate(extras.get("relationships") or ()):
        said = f"{link.get('type', 'foreignKey')} {link.get('to')}"
        yield _of_part("relationships", f"{path}.relationships[{position}]", said)


def _of_part(part: str, where: str, what: str) -> NotEnforced:
    return NotEnforced(where=where, what=what, why=_REASONS[part])
