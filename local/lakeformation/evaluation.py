"""What a principal may do: grants, tags, administrators and accounts, evaluated as Lake Formation documents them.

Sources: the Lake Formation developer guide, "Lake Formation permissions reference", "Implicit Lake Formation
permissions", "Lake Formation tag-based access control", "Cross-account data sharing in Lake Formation".
Nothing here changes anything.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from local.lakeformation import resources as r
from local.lakeformation.resources import Expression, Resource
from local.lakeformation.store import ALLOWED_PRINCIPALS, DataCellsFilter, Grant, State, Tags


@dataclass(frozen=True)
class Principal:
    """Who asks: an IAM principal (or an account id) and the account that it belongs to."""

    arn: str
    account: str
    admin_at_home: bool = False
    """It is a data lake administrator of its own account, and so holds what was granted to that account."""


@dataclass(frozen=True, order=True)
class Cells:
    """Columns that may be read in the rows for which `predicate` (a row filter expression) holds."""

    predicate: str
    columns: frozenset[str]


@dataclass(frozen=True)
class Rights:
    """Permissions on one resource. On a table, SELECT is there if at least one column may be read."""

    permissions: frozenset[str] = frozenset()
    grantable: frozenset[str] = frozenset()
    columns: frozenset[str] = frozenset()
    """Columns that may be read in every row."""
    visible: frozenset[str] = frozenset()
    """Columns whose metadata may be seen."""
    grantable_columns: frozenset[str] = frozenset()
    cells: frozenset[Cells] = frozenset()
    """What may be read in some rows only. Grants add up cell by cell."""
    grantable_cells: frozenset[Cells] = frozenset()

    def __or__(self, other: "Rights") -> "Rights":
        return Rights(
            self.permissions | other.permissions,
            self.grantable | other.grantable,
            self.columns | other.columns,
            self.visible | other.visible,
            self.grantable_columns | other.grantable_columns,
            self.cells | other.cells,
            self.grantable_cells | other.grantable_cells,
        )

    def within(self, limit: "Rights") -> "Rights":
        """What of these a grantee's account can pass on: never more than it may itself grant."""
        columns = self.columns & limit.grantable_columns
        return Rights(
            self.permissions & limit.grantable,
            self.grantable & limit.grantable,
            columns,
            self.visible & limit.visible,
            self.grantable_columns & limit.grantable_columns,
            frozenset(cells for cells in self.cells if limit.may_pass_on(cells)),
            frozenset(cells for cells in self.grantable_cells if limit.may_pass_on(cells)),
        )

    def may_pass_on(self, cells: Cells) -> bool:
        return cells in self.grantable_cells or cells.columns <= self.grantable_columns


@dataclass(frozen=True)
class Lake:
    """A catalog's state as evaluation needs it; `shared(account, kind)` says whether RAM's share is in effect."""

    state: State
    shared: Callable[[str, str], bool] = field(default=lambda _account, _kind: True)


NOTHING: Final = Rights()
"""What most grants give on any one resource."""

type Reader = Callable[[Grant], Rights]


class _Tagged(NamedTuple):
    """A table's columns, and those that have the same effective tags: of thousands most do."""

    columns: frozenset[str]
    alike: list[tuple[Tags, frozenset[str]]]


def may(lake: Lake, who: Principal, permission: str, resource: Resource) -> bool:
    """Whether `who` holds `permission` on `resource`, by any path there is."""
    return permission in rights(lake, who, resource).permissions


def rights(lake: Lake, who: Principal, resource: Resource) -> Rights:
    """Everything that `who` may do with `resource`, named grants and tag grants together."""
    match resource:
        case r.Database():
            return database_rights(lake, who, resource.name)
        case r.Table(name=""):
            return _combined(lake, who, lambda grant: _all_tables_grant(grant, resource))
        case r.Table():
            return table_rights(lake, who, resource.database, resource.name)
        case r.Columns():
            return _columns_rights(lake, who, resource)
        case r.DataLocation():
            return _location_rights(lake, who, resource.arn)
        case r.LFTag():
            return _tag_rights(lake, who, resource)
        case r.CellsFilter():
            return _filter_rights(lake, who, resource)
        case _:
            return _plain_rights(lake, who, resource)


def database_rights(lake: Lake, who: Principal, database: str) -> Rights:
    tags = lake.state.database_tags(database)
    found = _combined(lake, who, lambda grant: _database_grant(lake.state, grant, database, tags))
    return found | _implicit_database(lake, who, database, found)


def _implicit_database(lake: Lake, who: Principal, database: str, found: Rights) -> Rights:
    """Administrators see every database; in the same account any right on it or a table of it lets one see it."""
    state = lake.state
    if who.account != state.account:
        return NOTHING
    implicit: frozenset[str] = frozenset()
    if found.permissions or state.is_read_only_admin(who.arn) or _has_table_right(lake, who, database):
        implicit |= {"DESCRIBE"}
    if state.is_admin(who.arn):
        return Rights(implicit | {"DESCRIBE"}, r.DATABASE_PERMISSIONS | {"ALL"})
    return Rights(implicit)


def _has_table_right(lake: Lake, who: Principal, database: str) -> bool:
    return any(
        isinstance(grant.resource, r.Table | r.Columns | r.CellsFilter) and grant.resource.database == database
        for grant in lake.state.grants.of(*_names(lake.state, who))
    )


def table_rights(lake: Lake, who: Principal, database: str, table: str) -> Rights:
    """Rights on a table, with the columns that may be read and seen.

    A tag grant that matches only some columns gives SELECT on those and DESCRIBE, and nothing else of it. A data
    cells filter gives SELECT on its columns in its rows; grants add up, so that whoever also holds the whole table
    reads all rows.
    """
    state = lake.state
    columns = frozenset(state.columns(database, table))
    tagged = _tagged({column: state.column_tags(database, table, column) for column in columns})
    whole = state.table_tags(database, table)

    def read(grant: Grant) -> Rights:
        return _table_grant(state, grant, (database, table), tagged, whole)

    found = _combined(lake, who, read)
    if columns and not found.columns and not found.cells:
        # Passed on by an account that has lost what it passed on: no column is left to select.
        found = replace(found, permissions=found.permissions - {"SELECT"})
    if who.account != state.account:
        return found
    if state.is_admin(who.arn):
        grantable = r.TABLE_PERMISSIONS | {"ALL"}
        found |= Rights(frozenset({"DESCRIBE"}), grantable, visible=columns, grantable_columns=columns)
    elif state.is_read_only_admin(who.arn):
        found |= Rights(frozenset({"DESCRIBE"}), visible=columns)
    if found.permissions:
        found |= Rights(frozenset({"DESCRIBE"}))
    return found


def _columns_rights(lake: Lake, who: Principal, resource: r.Columns) -> Rights:
    whole = table_rights(lake, who, resource.database, resource.table)
    wanted = {c for c in lake.state.columns(resource.database, resource.table) if resource.covers(c)}
    select = frozenset({"SELECT"})
    return Rights(
        select if wanted <= whole.columns else frozenset(),
        select if wanted <= whole.grantable_columns else frozenset(),
    )


def _location_rights(lake: Lake, who: Principal, arn: str) -> Rights:
    """A grant on a location covers everything below it; administrators have them all."""

    def read(grant: Grant) -> Rights:
        granted = grant.resource
        if isinstance(granted, r.DataLocation) and (arn == granted.arn or arn.startswith(granted.arn + "/")):
            return Rights(frozenset(grant.permissions), frozenset(grant.grantable))
        return NOTHING

    return _combined(lake, who, read) | _of_admin(lake, who, r.DataLocation.valid)


def _tag_rights(lake: Lake, who: Principal, tag: r.LFTag) -> Rights:
    def read(grant: Grant) -> Rights:
        granted = grant.resource
        if isinstance(granted, r.LFTag) and granted.key == tag.key and granted.value in (tag.value, "*"):
            held = frozenset(grant.permissions)
            # ASSOCIATE is of no use without sight of the tag: it includes DESCRIBE.
            return Rights(held | ({"DESCRIBE"} if "ASSOCIATE" in held else set()), frozenset(grant.grantable))
        return NOTHING

    found = _combined(lake, who, read) | _of_admin(lake, who, r.LFTag.valid)
    definition = lake.state.tags.get(tag.key)
    if definition and definition.owner == who.arn:
        found |= Rights(r.LFTag.valid, r.LFTag.valid)
    return found


def _filter_rights(lake: Lake, who: Principal, resource: r.CellsFilter) -> Rights:
    """Rights on a cells filter: its grants, and those of its creator, who alone sees it at first and may grant
    SELECT by it as long as it may grant SELECT on the whole table.

    https://docs.aws.amazon.com/lake-formation/latest/dg/granting-filter-perms.html
    https://docs.aws.amazon.com/lake-formation/latest/dg/data-filtering-notes.html
    """
    found = _plain_rights(lake, who, resource)
    definition = lake.state.cells_filters.get(resource)
    if definition and definition.creator == who.arn:
        own = frozenset({"DESCRIBE", "DROP"})
        select = {"SELECT"} if may_filter(lake, who, resource.database, resource.table) else set()
        found |= Rights(own, own | select)
    return found


def may_filter(lake: Lake, who: Principal, database: str, table: str) -> bool:
    """Whether `who` may make cells filters: an administrator, or who may grant SELECT on all columns in all rows."""
    columns = frozenset(lake.state.columns(database, table))
    return bool(columns) and columns <= table_rights(lake, who, database, table).grantable_columns


def _plain_rights(lake: Lake, who: Principal, resource: Resource) -> Rights:
    """Rights on a catalog, a tag policy, a saved expression or a cells filter: those granted on exactly it."""

    def read(grant: Grant) -> Rights:
        if grant.resource != resource:
            return NOTHING
        return Rights(_expand(grant.permissions, resource), _expand(grant.grantable, resource))

    return _combined(lake, who, read) | _of_admin(lake, who, resource.valid)


def _of_admin(lake: Lake, who: Principal, valid: frozenset[str]) -> Rights:
    if who.account == lake.state.account and lake.state.is_admin(who.arn):
        return Rights(valid, valid)
    return NOTHING


def _names(state: State, who: Principal) -> set[str]:
    """The principals as which `who` holds grants of its own."""
    group = {f"{who.account}:IAMPrincipals"}
    if who.account == state.account:
        group.add(ALLOWED_PRINCIPALS)
    return group | {who.arn}


def _combined(lake: Lake, who: Principal, read: Reader) -> Rights:
    """Add up what the grants that reach `who` give.

    In another account a principal has what the catalog's account granted it directly, what its own account passed
    on (as far as that account still may), and as its account's administrator all that the account was granted;
    nothing at all before the share that it came in is in effect.
    """
    kept = lake.state.grants
    own = kept.of(*_names(lake.state, who))
    if who.account == lake.state.account:
        return _sum(map(read, own))
    kinds = {kind for kind in r.SHARE_KINDS if lake.shared(who.account, kind)}
    if not kinds:
        return NOTHING
    account = _sum(read(grant) for grant in kept.of(who.account) if r.share_kind(grant.resource) in kinds)
    given = (grant for grant in own if grant.grantor == lake.state.account)
    direct = _sum(read(grant) for grant in given if r.share_kind(grant.resource) in kinds)
    if who.arn == who.account or who.admin_at_home:
        return account | direct
    passed = _sum(read(grant) for grant in own if grant.grantor == who.account)
    return direct | passed.within(account)


def _sum(found: Iterable[Rights]) -> Rights:
    total = NOTHING
    for each in found:
        if each is not NOTHING:
            total |= each
    return total


def _database_grant(state: State, grant: Grant, database: str, tags: Tags) -> Rights:
    granted = grant.resource
    match granted:
        case r.Database(name=name) if name == database:
            pass
        case r.TagPolicy(kind="DATABASE") if _policy_matches(state, granted, tags):
            pass
        case _:
            return NOTHING
    return Rights(_expand(grant.permissions, granted), _expand(grant.grantable, granted))


def _all_tables_grant(grant: Grant, resource: r.Table) -> Rights:
    if grant.resource != resource:
        return NOTHING
    return Rights(_expand(grant.permissions, resource), _expand(grant.grantable, resource))


def _tagged(tags: dict[str, Tags]) -> _Tagged:
    found: dict[frozenset[tuple[str, str]], tuple[Tags, set[str]]] = {}
    for column, own in tags.items():
        found.setdefault(frozenset(own.items()), (own, set()))[1].add(column)
    return _Tagged(frozenset(tags), [(own, frozenset(columns)) for own, columns in found.values()])


def _table_grant(state: State, grant: Grant, place: tuple[str, str], tagged: _Tagged, whole: Tags) -> Rights:
    """What one grant gives on a table, itself having the tags `whole`."""
    (database, table), granted, columns = place, grant.resource, tagged.columns
    match granted:
        case r.Table() if granted.database == database and granted.name in (table, ""):
            return _full(grant, columns)
        case r.Columns() if granted.database == database and granted.table in (table, ""):
            covered = frozenset(column for column in columns if granted.covers(column))
            return _partial(grant, covered)
        case r.CellsFilter() if (granted.database, granted.table) == place:
            return _filtered(grant, state.cells_filters.get(granted), columns)
        case r.TagPolicy(kind="TABLE"):
            matched = (each for tags, each in tagged.alike if _policy_matches(state, granted, tags))
            matching = frozenset[str]().union(*matched)
            if matching == columns and (columns or _policy_matches(state, granted, whole)):
                return _full(grant, columns)
            return _partial(grant, matching) if matching else NOTHING
    return NOTHING


def _full(grant: Grant, columns: frozenset[str]) -> Rights:
    held, passed = _expand(grant.permissions, grant.resource), _expand(grant.grantable, grant.resource)
    nothing: frozenset[str] = frozenset()
    return Rights(
        held,
        passed,
        columns if "SELECT" in held else nothing,
        columns if held else nothing,
        columns if "SELECT" in passed else nothing,
    )


def _partial(grant: Grant, covered: frozenset[str]) -> Rights:
    """SELECT reaches the covered columns; of the rest only the sight of them is left."""
    held = _expand(grant.permissions, grant.resource)
    passed = _expand(grant.grantable, grant.resource) & {"SELECT", "DESCRIBE"}
    nothing: frozenset[str] = frozenset()
    kept = (held & {"SELECT"}) | ({"DESCRIBE"} if held - {"SELECT"} else nothing)
    return Rights(
        kept,
        passed,
        covered if "SELECT" in kept else nothing,
        covered if kept else nothing,
        covered if "SELECT" in passed else nothing,
    )


def _filtered(grant: Grant, definition: DataCellsFilter | None, columns: frozenset[str]) -> Rights:
    """SELECT by a cells filter: its columns in its rows. DESCRIBE and DROP of a filter are not of the table."""
    if definition is None or "SELECT" not in grant.permissions:
        return NOTHING
    covered = frozenset(column for column in columns if definition.covers(column))
    nothing: frozenset[str] = frozenset()
    select, passed = frozenset({"SELECT"}), frozenset(grant.grantable & {"SELECT"})
    if not definition.predicate:
        return Rights(select, passed, covered, covered, covered if passed else nothing)
    cells = frozenset({Cells(definition.predicate, covered)}) if covered else frozenset()
    return Rights(select, passed, visible=covered, cells=cells, grantable_cells=cells if passed else frozenset())


def _expand(permissions: Iterable[str], resource: Resource) -> frozenset[str]:
    held = frozenset(permissions)
    return held | resource.valid if "ALL" in held else held


def _policy_matches(state: State, policy: r.TagPolicy, tags: Tags) -> bool:
    expression = state.expression_of(policy.expression, policy.expression_name)
    return expression is not None and matches(expression, tags)


def matches(expression: Expression, tags: Tags) -> bool:
    """AND across the expression's keys, OR within a key's values; `*` stands for any value of the key."""
    return bool(expression) and all(
        key in tags and (tags[key] in values or "*" in values) for key, values in expression
    )


def may_grant(lake: Lake, who: Principal, permissions: Iterable[str], resource: Resource) -> bool:
    """Whether `who` may grant (or revoke) `permissions` on `resource`.

    Administrators of the catalog's account may; others need the grant option on each of them. On a tag policy of
    another account that is the identical policy, or sight of every tag in it: what is passed on beyond the
    account's own rights has no effect anyway.
    """
    if who.account == lake.state.account and lake.state.is_admin(who.arn):
        return True
    held = rights(lake, who, resource)
    wanted = frozenset(permissions)
    if isinstance(resource, r.Table) and "SELECT" in wanted and resource.name:
        columns = frozenset(lake.state.columns(resource.database, resource.name))
        if not columns <= held.grantable_columns:
            return False
    if wanted <= held.grantable:
        return True
    return isinstance(resource, r.TagPolicy) and _sees_every_tag(lake, who, resource)


def _sees_every_tag(lake: Lake, who: Principal, policy: r.TagPolicy) -> bool:
    expression = lake.state.expression_of(policy.expression, policy.expression_name)
    tags = [r.LFTag(policy.catalog, key, value) for key, values in expression or () for value in values]
    return bool(tags) and all("DESCRIBE" in _tag_rights(lake, who, tag).grantable for tag in tags)
