"""Why a role can or cannot read a column, or which columns of a table it can read, and what is missing."""

from mesh.domain.access.access_context import AccessContext, Explanation, Home, needed_of_iam
from mesh.domain.access.explanation import explain
from mesh.domain.errors import Rejected
from mesh.domain.governance.catalog_snapshot import CatalogSnapshot, NotInCatalog, Principal, require
from mesh.domain.governance.permissions import Evaluator
from mesh.domain.model import Model
from mesh.domain.names import resource_link
from mesh.ports import CatalogState, MemberState
from mesh.usecases.access.preview_access import split_place, with_grants


class UnknownRole(Rejected):
    """No such role in that account."""


class ExplainedStep(Model):
    """One precondition of reading. `missing` is its code where it is not met."""

    account: str
    name: str
    ok: bool
    found: str
    missing: str = ""
    remedy: str = ""
    commands: tuple[str, ...] = ()


class AccessExplained(Model):
    """Whether `principal` can read; of a table, `readable` and `hidden` divide its columns by LF-Tags and grants."""

    principal: str
    account: str
    resource: str
    can_read: bool
    missing: str
    tags: dict[str, str]
    steps: tuple[ExplainedStep, ...]
    readable: tuple[str, ...]
    hidden: tuple[str, ...]


def explain_access(
    resource: str, role: str, account: str, *, region: str, catalog: CatalogState, member: MemberState
) -> AccessExplained:
    """Explain `PRODUCT.TABLE[.COLUMN]` for a role of `account`; `member` is that account's state, central's in central.

    Without COLUMN, the first column that the role can read is explained, else the first one.
    Raises NotInCatalog, UnknownRole.
    """
    database, table, column = split_place(resource)
    lake = catalog.lake((database,))
    if not table:
        require(lake, database)
        raise NotInCatalog(
            f"{resource} does not name a table", remedy="choose one of: " + ", ".join(lake.databases[database].tables)
        )
    require(lake, database, table, column)
    columns = lake.databases[database].tables[table].columns
    if not columns:
        raise NotInCatalog(f"table {database}.{table} has no columns", remedy="try again when data has been published")
    role_arn = member.role_arn(role)
    if role_arn is None:
        raise UnknownRole(f"account {account} has no role {role!r}", remedy="aws iam list-roles shows those there are")
    home = None if account == lake.account else member.home(lake.account, database)
    lake = with_grants(lake, home.passed_on if home else ())
    who = Principal(role_arn, account, role_arn in (home.lake if home else lake).admins)
    readable = Evaluator(lake).rights(who, database, table).readable
    target = column or next((name for name in columns if name in readable), columns[0])
    denied = member.denied(role_arn, _needs(lake, region, home, (database, table)))
    found = explain(AccessContext(lake, region, who, database, table, target, home, denied))
    return _explained(found, resource, account, tuple(c for c in columns if c in readable), columns)


def _needs(lake: CatalogSnapshot, region: str, home: Home | None, place: tuple[str, str]) -> dict[str, list[str]]:
    database, table = place
    catalogs = [(lake.account, database)]
    if home is not None:
        catalogs.append((home.lake.account, home.links[0] if home.links else resource_link(database)))
    return needed_of_iam(region, catalogs, lake.databases[database].tables[table])


def _explained(
    found: Explanation, resource: str, account: str, readable: tuple[str, ...], columns: tuple[str, ...]
) -> AccessExplained:
    return AccessExplained(
        principal=found.principal,
        account=account,
        resource=resource,
        can_read=found.can_read,
        missing=(found.missing.missing or "") if found.missing else "",
        tags=dict(found.tags),
        steps=tuple(
            ExplainedStep(
                account=step.account,
                name=step.name,
                ok=step.ok,
                found=step.found,
                missing=step.missing or "",
                remedy=step.remedy,
                commands=step.commands,
            )
            for step in found.steps
        ),
        readable=readable,
        hidden=tuple(column for column in columns if column not in readable),
    )
