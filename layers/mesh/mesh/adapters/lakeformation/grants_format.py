"""Lake Formation's answers of `ListPermissions` as the domain's grants."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from mesh.domain.governance.catalog_snapshot import (
    ColumnsGrant,
    DatabaseGrant,
    Grant,
    Granted,
    PolicyGrant,
    TableGrant,
)
from mesh.domain.governance.expressions import Expression

type Lookup = Callable[[Mapping[str, Any]], Any]
"""From a resource that only names something (a saved expression, a data cells filter) to what it stands for."""
_ALL_TABLES = "ALL_TABLES"


def parse_grants(
    entries: Iterable[Mapping[str, Any]], catalog: str, expression: Lookup, cells: Lookup
) -> Iterator[Grant]:
    """The grants that bear on reading; those on data locations, LF-Tags and the catalog are left out."""
    for entry in entries:
        granted = parse_resource(entry["Resource"], expression, cells)
        if granted is None:
            continue
        principal = principal_of(entry)
        yield Grant(
            principal,
            granted,
            frozenset(entry.get("Permissions", ())),
            frozenset(entry.get("PermissionsWithGrantOption", ())),
            _grantor(entry, principal, catalog),
        )


def principal_of(entry: Mapping[str, Any]) -> str:
    """Whose the entry is; an account is its number, however it was named."""
    identifier = str(entry["Principal"]["DataLakePrincipalIdentifier"])
    return identifier.split(":")[4] if identifier.endswith(":root") else identifier


def _grantor(entry: Mapping[str, Any], principal: str, catalog: str) -> str:
    """The account that granted: whose principal wrote the entry last. Unknown: the less trusting of the two."""
    parts = str(entry.get("LastUpdatedBy", "")).split(":")
    if len(parts) > 4 and parts[4].isdigit():
        return parts[4]
    return principal.split(":")[4] if principal.startswith("arn:") else catalog


def parse_resource(resource: Mapping[str, Any], expression: Lookup, cells: Lookup) -> Granted | None:
    """One `Resource` structure; None where it does not bear on reading."""
    kind, body = next((kind, body) for kind, body in resource.items() if body is not None)
    match kind:
        case "Database":
            return DatabaseGrant(body["Name"])
        case "Table":
            return TableGrant(body["DatabaseName"], _table(body))
        case "TableWithColumns":
            return _columns(body)
        case "DataCellsFilter":
            found = cells(body)
            return _cells(body, found) if found else None
        case "LFTagPolicy":
            given = body.get("Expression") or expression(body)
            return PolicyGrant(body["ResourceType"], Expression.of_tags(given))
    return None


def _table(body: Mapping[str, Any]) -> str:
    """Empty for all tables, which come back as a wildcard, a reserved name, or both."""
    wild = body.get("TableWildcard") is not None or body.get("Name") == _ALL_TABLES
    return "" if wild else str(body["Name"])


def _columns(body: Mapping[str, Any]) -> Granted:
    """SELECT on a whole table comes back as all of its columns."""
    names, wildcard = body.get("ColumnNames"), body.get("ColumnWildcard") or {}
    excluded = frozenset(wildcard.get("ExcludedColumnNames") or ())
    if names:
        return ColumnsGrant(body["DatabaseName"], _table(body), frozenset(names))
    if not excluded:
        return TableGrant(body["DatabaseName"], _table(body))
    return ColumnsGrant(body["DatabaseName"], _table(body), None, excluded)


def _cells(named: Mapping[str, Any], found: Mapping[str, Any]) -> Granted:
    names = found.get("ColumnNames")
    excluded = frozenset((found.get("ColumnWildcard") or {}).get("ExcludedColumnNames") or ())
    rows = str((found.get("RowFilter") or {}).get("FilterExpression", ""))
    return ColumnsGrant(
        named["DatabaseName"], named["TableName"], frozenset(names) if names else None, excluded, named["Name"], rows
    )


def single(resource: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A data location, without a slash at its end; or an LF-Tag, each value by itself. Nothing of other resources."""
    if location := resource.get("DataLocation"):
        yield {"DataLocation": {**location, "ResourceArn": location["ResourceArn"].rstrip("/")}}
    if tag := resource.get("LFTag"):
        yield from ({"LFTag": {**tag, "TagValues": [value]}} for value in tag["TagValues"])
