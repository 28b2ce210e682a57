"""The AWS commands that would fix what is missing. Shown to people, never run."""

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mesh.domain.governance.catalog_snapshot import ColumnsGrant, DatabaseGrant, Granted, PolicyGrant, TableGrant
from mesh.domain.names import resource_link


def resource_of(granted: Granted, catalog: str) -> dict[str, Any]:
    """Lake Formation's `Resource` structure."""
    match granted:
        case DatabaseGrant(name):
            return {"Database": {"CatalogId": catalog, "Name": name}}
        case TableGrant(database, table):
            which: dict[str, Any] = {"Name": table} if table else {"TableWildcard": {}}
            return {"Table": {"CatalogId": catalog, "DatabaseName": database, **which}}
        case ColumnsGrant(database, table, row_filter=name) if name:
            where = {"TableCatalogId": catalog, "DatabaseName": database, "TableName": table}
            return {"DataCellsFilter": {**where, "Name": name}}
        case ColumnsGrant(database, table):
            return {"TableWithColumns": {"CatalogId": catalog, "DatabaseName": database, "Name": table, **_of(granted)}}
        case PolicyGrant(kind, expression):
            policy = {"CatalogId": catalog, "ResourceType": kind, "Expression": expression.to_tags()}
            return {"LFTagPolicy": policy}


def _of(columns: ColumnsGrant) -> dict[str, Any]:
    if columns.names is not None:
        return {"ColumnNames": sorted(columns.names)}
    excluded = {"ExcludedColumnNames": sorted(columns.excluded)} if columns.excluded else {}
    return {"ColumnWildcard": excluded}


def grant(
    principal: str, granted: Granted, catalog: str, permissions: Sequence[str], *, grantable: bool = False
) -> str:
    """`aws lakeformation grant-permissions …`"""
    words = ["aws", "lakeformation", "grant-permissions"]
    words += ["--principal", f"DataLakePrincipalIdentifier={principal}"]
    words += ["--resource", _json(resource_of(granted, catalog)), "--permissions", *permissions]
    if grantable:
        words += ["--permissions-with-grant-option", *permissions]
    return shlex.join(words)


def tag_column(place: tuple[str, str, str], column: str, *, key: str, value: str) -> str:
    """`aws lakeformation add-lf-tags-to-resource …` on a column of `place`: catalog, database, table."""
    named = dict(zip(("CatalogId", "DatabaseName", "Name"), place, strict=True))
    resource = _json({"TableWithColumns": {**named, "ColumnNames": [column]}})
    words = ["aws", "lakeformation", "add-lf-tags-to-resource", "--resource", resource]
    return shlex.join([*words, "--lf-tags", _json([{"TagKey": key, "TagValues": [value]}])])


def accept_share(invitation: str) -> str:
    """`aws ram accept-resource-share-invitation …`; without an invitation, the call that finds it."""
    if not invitation:
        return "aws ram get-resource-share-invitations"
    return f"aws ram accept-resource-share-invitation --resource-share-invitation-arn {invitation}"


def create_link(catalog: str, database: str, region: str) -> str:
    """`aws glue create-database …` with a target."""
    target = {"CatalogId": catalog, "DatabaseName": database, "Region": region}
    return create_database({"Name": resource_link(database), "TargetDatabase": target})


def create_database(wanted: Mapping[str, Any]) -> str:
    """`aws glue create-database …` with Glue's `DatabaseInput`."""
    return shlex.join(["aws", "glue", "create-database", "--database-input", _json(wanted)])


def allow(role: str, denied: Mapping[str, Iterable[str]]) -> str:
    """`aws iam put-role-policy …` for what is denied: resource → actions."""
    by_actions: dict[tuple[str, ...], list[str]] = {}
    for resource, actions in denied.items():
        by_actions.setdefault(tuple(actions), []).append(resource)
    statements = [
        {"Effect": "Allow", "Action": list(actions), "Resource": resources} for actions, resources in by_actions.items()
    ]
    document = _json({"Version": "2012-10-17", "Statement": statements})
    words = ["aws", "iam", "put-role-policy", "--role-name", role, "--policy-name", "mesh-read"]
    return shlex.join([*words, "--policy-document", document])


def _json(document: object) -> str:
    return json.dumps(document, separators=(",", ":"))
