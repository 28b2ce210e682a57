"""What determines whether one role can read one column, and the closest grants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from mesh.domain.governance.catalog_snapshot import (
    ALL,
    CatalogSnapshot,
    ColumnsGrant,
    DatabaseGrant,
    Grant,
    PolicyGrant,
    Principal,
    Table,
    TableGrant,
)
from mesh.domain.governance.expressions import Expression, Miss, Tags
from mesh.domain.governance.ontology import CONFIDENTIALITY, PII, PRODUCT
from mesh.domain.governance.permissions import Bundle, TaggedTable
from mesh.domain.governance.publication_tag import as_requested, granted_as

type Missing = Literal[
    "NoGrant",
    "TagDiffers",
    "ColumnNotGranted",
    "DescribeMissing",
    "GrantOptionMissing",
    "NotPublished",
    "ShareNotAccepted",
    "LinkMissing",
    "LinkDescribeMissing",
    "LocalGrantMissing",
    "DefaultDescribeMissing",
    "IamDenies",
]
"""What can be missing; each has one remedy."""


@dataclass(frozen=True)
class Home:
    """The reader's own account: `lake` holds its administrators and the grants on its resource links."""

    lake: CatalogSnapshot
    links: tuple[str, ...] = ()
    """Its resource links to the database in question."""
    invitations: Mapping[str, str] = field(default_factory=dict)
    """RAM invitations from central that are not accepted: ARN → status."""
    passed_on: tuple[Grant, ...] = ()
    """Grants on central's catalog as this account sees them: its own, and those it made locally."""
    has_default: bool = True
    """Whether its catalog has the database `default`."""


@dataclass(frozen=True)
class AccessContext:
    """One reader and one column (`lake` is central's catalog, with all grants). `home` is None for a role in
    central."""

    lake: CatalogSnapshot
    region: str
    who: Principal
    database: str
    table: str
    column: str
    home: Home | None
    denied: Mapping[str, tuple[str, ...]]
    """What IAM does not allow the role to do: resource ARN → actions."""

    @property
    def tags(self) -> dict[str, str]:
        """The column's effective tags."""
        return self.lake.tags(self.database, self.table, self.column)


@dataclass(frozen=True)
class Step:
    """One precondition of reading, in `account`. `missing` and `commands` are set where it is not met."""

    account: str
    name: str
    found: str
    missing: Missing | None = None
    remedy: str = ""
    commands: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it is met."""
        return self.missing is None


@dataclass(frozen=True)
class Explanation:
    """Whether the role can read the column, by which steps; `missing` is the first that fails."""

    principal: str
    database: str
    table: str
    column: str
    tags: Tags
    steps: tuple[Step, ...]

    @property
    def can_read(self) -> bool:
        """All steps are met."""
        return self.missing is None

    @property
    def missing(self) -> Step | None:
        """The step to fix first."""
        return next((step for step in self.steps if not step.ok), None)


def needed_of_iam(region: str, catalogs: Sequence[tuple[str, str]], table: Table) -> dict[str, list[str]]:
    """What IAM must allow a reader: resource ARN → actions. `catalogs`: account and database (or link) on the way.

    Source: the Athena user guide, "Fine-grained access to databases and tables in the Glue Data Catalog".
    """
    actions = ["glue:GetTable", *(["glue:GetPartitions"] if table.partitioned else [])]
    needs: dict[str, list[str]] = {"*": ["lakeformation:GetDataAccess"]}
    for account, name in catalogs:
        root = f"arn:aws:glue:{region}:{account}"
        needs[f"{root}:catalog"] = ["glue:GetDatabase", *actions]
        needs[f"{root}:database/{name}"] = ["glue:GetDatabase", *actions]
        needs[f"{root}:table/{name}/{table.name}"] = actions
    return needs


READ: Final = ("SELECT", "DESCRIBE")
_CLASSIFYING: Final = frozenset({CONFIDENTIALITY, PII})


@dataclass(frozen=True)
class ClosestGrant:
    """The closest grant to a column, and the clauses that do not match."""

    grant: Grant
    misses: tuple[Miss, ...]


@dataclass(frozen=True)
class TargetColumn:
    """A column with its effective tags, in its table."""

    where: TaggedTable
    name: str
    tags: Tags

    def giving(self, bundle: Bundle) -> list[Grant]:
        """The grants that allow reading the column."""
        return [grant for grant in self._selecting(bundle) if self._covers(grant)]

    def _selecting(self, bundle: Bundle) -> list[Grant]:
        candidates = [*bundle.policies, *bundle.names(self.where.table)]
        return [grant for grant in candidates if grant.permissions & {"SELECT", ALL}]

    def _covers(self, grant: Grant) -> bool:
        match grant.resource:
            case PolicyGrant(_, expression):
                return expression.matches(self.tags)
            case ColumnsGrant():
                return grant.resource.covers(self.name)
            case _:
                return isinstance(grant.resource, TableGrant)

    def nearest(self, bundles: Sequence[Bundle]) -> ClosestGrant | None:
        """The grant with the fewest mismatches, if it concerns this table or data of this kind."""
        found = []
        for grant in (grant for bundle in bundles for grant in self._selecting(bundle)):
            if isinstance(grant.resource, ColumnsGrant):
                found.append(ClosestGrant(grant, ()))
            elif isinstance(grant.resource, PolicyGrant):
                misses = grant.resource.expression.misses(self.tags)
                if self._is_near(grant.resource.expression, misses):
                    found.append(ClosestGrant(grant, misses))
        return min(found, key=lambda near: (bool(near.misses), len(near.misses), text(near.grant)), default=None)

    def _is_near(self, expression: Expression, misses: Sequence[Miss]) -> bool:
        if any(expression.matches(dict(tag_set)) for tag_set in self.where.groups):
            return True
        missed = {miss.key for miss in misses}
        return PRODUCT not in missed and (len(missed) < len(expression.clauses) or missed <= _CLASSIFYING)

    def proposal(self, principal: str) -> Grant:
        """A grant that would include this column: its product, at its classification."""
        tags = self.tags
        wanted: dict[str, list[str]] = {key: [tags[key]] for key in (PRODUCT, CONFIDENTIALITY, PII) if key in tags}
        if not wanted:
            columns = ColumnsGrant(self.where.table.database, self.where.table.name, frozenset({self.name}))
            return Grant(principal, columns, frozenset(READ))
        return Grant(principal, PolicyGrant("TABLE", granted_as(Expression.of(wanted))), frozenset(READ))


def by(grants: Sequence[Grant]) -> str:
    """`DESCRIBE, SELECT by LF-Tags product=x`."""
    if not grants:
        return ", ".join(READ)
    return f"{', '.join(sorted(grants[0].permissions & {ALL, *READ}))} by {text(grants[0])}"


def text(grant: Grant) -> str:
    match grant.resource:
        case PolicyGrant(_, expression):
            return f"LF-Tags {as_requested(expression)}"
        case ColumnsGrant(database, table, names, excluded, row_filter):
            if row_filter:
                return f"data cells filter {row_filter} on {database}.{table}"
            what = ", ".join(sorted(names)) if names is not None else f"all but {', '.join(sorted(excluded))}"
            return f"a named grant on {database}.{table} ({what})" if names or excluded else f"a named grant on {table}"
        case TableGrant(database, table):
            return f"a named grant on {database}.{table or '*'}"
        case DatabaseGrant(name):
            return f"a named grant on {name}"


def differs(misses: Sequence[Miss]) -> str:
    """`requires confidentiality=internal,public; the column has confidentiality=confidential`."""
    wanted = " ".join(f"{miss.key}={','.join(miss.wanted)}" for miss in misses)
    has = " ".join(f"{miss.key}={miss.value}" if miss.value else f"no {miss.key}" for miss in misses)
    return f"requires {wanted}; the column has {has}"
