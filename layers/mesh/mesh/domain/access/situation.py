"""Everything that decides whether one role can read one column: what an explanation looks at, and what it says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mesh.domain.access.expressions import Tags
from mesh.domain.access.lake import Grant, Lake, Principal, Table

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
    "IamDenies",
]
"""What can be missing: one remedy each."""


@dataclass(frozen=True)
class Home:
    """The reader's own account: `lake` holds its administrators and the grants on its resource links."""

    lake: Lake
    links: tuple[str, ...] = ()
    """Its resource links to the database in question."""
    invitations: Mapping[str, str] = field(default_factory=dict)
    """RAM invitations from central that are not accepted: ARN → status."""
    passed_on: tuple[Grant, ...] = ()
    """Grants on central's catalog as this account sees them: its own, and those it passed on."""


@dataclass(frozen=True)
class Situation:
    """One reader and one column (`lake` is central's catalog, with all grants). In central `home` is None."""

    lake: Lake
    region: str
    who: Principal
    database: str
    table: str
    column: str
    home: Home | None
    denied: Mapping[str, tuple[str, ...]]
    """What IAM does not allow the role: resource ARN → actions."""

    @property
    def tags(self) -> dict[str, str]:
        """The column's effective tags."""
        return self.lake.tags(self.database, self.table, self.column)


@dataclass(frozen=True)
class Step:
    """One thing that reading takes, in `account`. `missing` and `commands` are set where it is not there."""

    account: str
    name: str
    found: str
    missing: Missing | None = None
    remedy: str = ""
    commands: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it is there."""
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
        """All steps are there."""
        return self.missing is None

    @property
    def missing(self) -> Step | None:
        """What to mend first."""
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
