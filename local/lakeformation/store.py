"""Lake Formation's state for each account and region."""

import threading
import time
from collections import UserDict, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from local import catalog_records as glue
from local.lakeformation.protocol import Json
from local.lakeformation.resources import Catalog, CellsFilter, Expression, Resource

# Crawlers read and write from threads of their own: one call at a time, over catalog and grants together.
LOCK = threading.RLock()

ALLOWED_PRINCIPALS = "IAM_ALLOWED_PRINCIPALS"

type Tags = dict[str, str]
type Place = tuple[str, str, str]
"""Where tags are assigned: database, table, column; the latter two empty for the thing above."""


@dataclass
class Grant:
    """`principal` holds `permissions` on `resource`, and may pass on `grantable`; `grantor` is an account."""

    principal: str
    resource: Resource
    permissions: set[str]
    grantable: set[str]
    grantor: str
    updated: float = field(default_factory=time.time)
    updated_by: str = ""


class Grants(UserDict[tuple[str, Resource], Grant]):
    """(principal, resource) → grant; `of` one principal without a look at all others'."""

    def __init__(self) -> None:
        self._by_principal: defaultdict[str, dict[Resource, Grant]] = defaultdict(dict)
        super().__init__()

    def __setitem__(self, key: tuple[str, Resource], grant: Grant) -> None:
        super().__setitem__(key, grant)
        self._by_principal[key[0]][key[1]] = grant

    def __delitem__(self, key: tuple[str, Resource]) -> None:
        super().__delitem__(key)
        del self._by_principal[key[0]][key[1]]

    def of(self, *principals: str) -> list[Grant]:
        """What was granted to any of them by name."""
        return [
            grant for each in principals if each in self._by_principal for grant in self._by_principal[each].values()
        ]


@dataclass
class TagDefinition:
    values: list[str]
    owner: str


@dataclass
class SavedTagExpression:
    description: str
    expression: Expression


@dataclass
class DataCellsFilter:
    """Columns (or all but the excluded ones) in the rows for which `predicate` holds; an empty one holds for all."""

    columns: tuple[str, ...]
    excluded: tuple[str, ...]
    predicate: str
    creator: str
    version: int = 1

    def covers(self, column: str) -> bool:
        return column in self.columns if self.columns else column not in self.excluded


def default_settings() -> Json:
    """Settings of an account that never touched Lake Formation: IAM alone decides.

    https://docs.aws.amazon.com/lake-formation/latest/dg/change-settings.html
    """
    everyone = [{"Principal": {"DataLakePrincipalIdentifier": ALLOWED_PRINCIPALS}, "Permissions": ["ALL"]}]
    return {
        "DataLakeAdmins": [],
        "ReadOnlyAdmins": [],
        "CreateDatabaseDefaultPermissions": everyone,
        "CreateTableDefaultPermissions": everyone,
        "Parameters": {"CROSS_ACCOUNT_VERSION": "1"},
        "TrustedResourceOwners": [],
        "AllowExternalDataFiltering": False,
        "ExternalDataFilteringAllowList": [],
        "AuthorizedSessionTagValueList": [],
    }


@dataclass
class State:
    """One account's Lake Formation in one region; `grants` are those on its own catalog."""

    account: str
    region: str
    settings: Json = field(default_factory=default_settings)
    tags: dict[str, TagDefinition] = field(default_factory=dict)
    assigned: defaultdict[Place, Tags] = field(default_factory=lambda: defaultdict(dict))
    registered: dict[str, Json] = field(default_factory=dict)
    grants: Grants = field(default_factory=Grants)
    opt_ins: list[Json] = field(default_factory=list)
    expressions: dict[str, SavedTagExpression] = field(default_factory=dict)
    cells_filters: dict[CellsFilter, DataCellsFilter] = field(default_factory=dict)

    def __post_init__(self) -> None:
        everyone = Catalog(self.account)
        # In a new account every principal that IAM allows may create databases.
        self.grants[ALLOWED_PRINCIPALS, everyone] = Grant(
            ALLOWED_PRINCIPALS, everyone, {"CREATE_DATABASE"}, set(), self.account
        )

    def is_admin(self, arn: str) -> bool:
        """Whether `arn` is a data lake administrator of this account.

        The root of the account counts as one: the laptop's twelve-digit key stands for the account itself, which
        on AWS could make itself administrator with one PutDataLakeSettings.
        """
        admins = {entry["DataLakePrincipalIdentifier"] for entry in self.settings.get("DataLakeAdmins") or ()}
        return arn in admins or arn == f"arn:aws:iam::{self.account}:root"

    def is_read_only_admin(self, arn: str) -> bool:
        admins = self.settings.get("ReadOnlyAdmins") or ()
        return arn in {entry["DataLakePrincipalIdentifier"] for entry in admins}

    def default_permissions(self, kind: str) -> Iterable[tuple[str, list[str]]]:
        """Who gets what on a new `kind` (`Database`, `Table`) by this account's settings."""
        for entry in self.settings.get(f"Create{kind}DefaultPermissions") or ():
            yield entry["Principal"]["DataLakePrincipalIdentifier"], entry["Permissions"]

    def database_tags(self, database: str) -> Tags:
        return dict(self.assigned.get((database, "", ""), {}))

    def table_tags(self, database: str, table: str) -> Tags:
        """The tags of a table: its own, and the database's where it has none of that key."""
        return self.database_tags(database) | self.assigned.get((database, table, ""), {})

    def column_tags(self, database: str, table: str, column: str) -> Tags:
        return self.table_tags(database, table) | self.assigned.get((database, table, column), {})

    def columns(self, database: str, table: str) -> list[str]:
        record = glue.table(self.account, self.region, database, table)
        return [column["Name"] for column in glue.columns(record)] if record else []

    def has_value(self, key: str, value: str) -> bool:
        """Whether a database, table or column that is there has it itself: a column that its table has no more is no
        resource."""
        return any(
            tags.get(key) == value and (not column or column in self.columns(database, table))
            for (database, table, column), tags in self.assigned.items()
        )

    def expression_of(self, inline: Expression, name: str) -> Expression | None:
        """An inline expression, or the saved one called `name`; None when that is gone."""
        if not name:
            return inline
        saved = self.expressions.get(name)
        return saved.expression if saved else None

    def registered_above(self, arn: str) -> str | None:
        """The longest registered location that holds the S3 ARN `arn`, or None."""
        holding = [path for path in self.registered if arn == path or arn.startswith(path.rstrip("/") + "/")]
        return max(holding, key=len, default=None)

    def forget(self, database: str, table: str = "") -> None:
        """Drop tags and cells filters of a deleted table, or of a deleted database and everything in it, and the
        grants on them."""
        for cells in list(self.cells_filters):
            if cells.database == database and table in ("", cells.table):
                del self.cells_filters[cells]
        for place in list(self.assigned):
            if place[0] == database and table in ("", place[1]):
                del self.assigned[place]
        for key, grant in list(self.grants.items()):
            in_database = getattr(grant.resource, "database", None) == database or (
                not table and getattr(grant.resource, "name", None) == database
            )
            named = getattr(grant.resource, "table", getattr(grant.resource, "name", ""))
            if in_database and table in ("", named):
                del self.grants[key]


_states: dict[tuple[str, str], State] = {}


def state(account: str, region: str) -> State:
    if (account, region) not in _states:
        _states[account, region] = State(account, region)
    return _states[account, region]


def clear() -> None:
    _states.clear()
