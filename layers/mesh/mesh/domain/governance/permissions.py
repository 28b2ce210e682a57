"""What a principal may read: named grants, tag policies, administrators and accounts, added up.

Columns are grouped by their distinct effective tag set, and tables by the tag sets that occur in them: a policy is
evaluated once for each tag set, however many tables and columns have it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from mesh.domain.governance.catalog_snapshot import (
    ALL,
    IAM_ALLOWED_PRINCIPALS,
    TABLE_PERMISSIONS,
    CatalogSnapshot,
    ColumnsGrant,
    DatabaseGrant,
    Grant,
    PolicyGrant,
    Principal,
    Table,
    TableGrant,
)
from mesh.domain.governance.expressions import Tags
from mesh.domain.governance.matching import ExpressionIndex, TagSet

type Place = tuple[str, str]
_NOTHING: Final[frozenset[str]] = frozenset()
_READING: Final = frozenset({"SELECT", "DESCRIBE"})


@dataclass(frozen=True)
class Rights:
    """Rights on one table: columns that may be read, described, and granted to others; and the table's own
    permissions."""

    permissions: frozenset[str] = frozenset()
    grantable: frozenset[str] = frozenset()
    readable: frozenset[str] = frozenset()
    visible: frozenset[str] = frozenset()
    passable: frozenset[str] = frozenset()

    def __or__(self, other: "Rights") -> "Rights":
        return Rights(
            self.permissions | other.permissions,
            self.grantable | other.grantable,
            self.readable | other.readable,
            self.visible | other.visible,
            self.passable | other.passable,
        )

    def within(self, account: "Rights") -> "Rights":
        """What a receiving account granted, limited to what it may grant."""
        readable = self.readable & account.passable
        kept = self.permissions & account.grantable
        return Rights(
            kept if readable else kept - {"SELECT"},
            self.grantable & account.grantable,
            readable,
            self.visible & account.visible if kept else _NOTHING,
            self.passable & account.passable,
        )


@dataclass(frozen=True)
class TaggedTable:
    """A table with its columns by effective tag set; `whole` is the table's own."""

    table: Table
    whole: TagSet
    groups: dict[TagSet, frozenset[str]]

    @cached_property
    def shape(self) -> frozenset[TagSet]:
        """Tables of the same shape get the same rights from every policy."""
        return frozenset(self.groups) or frozenset({self.whole})

    @cached_property
    def columns(self) -> frozenset[str]:
        """All columns."""
        return frozenset(self.table.columns)

    def having(self, tag_sets: Iterable[TagSet]) -> frozenset[str]:
        """The columns that carry one of these tag sets."""
        return _NOTHING.union(*(self.groups.get(each, _NOTHING) for each in tag_sets))


def tagged(table: Table, database_tags: Tags) -> TaggedTable:
    """The table's columns grouped. A column without tags of its own shares the table's tag set.

    Columns with the same tags of their own, which all have `publication`, are looked at together.
    """
    whole = table.effective(database_tags)
    alike: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for column in table.columns:
        alike.setdefault(tuple(table.column_tags.get(column, {}).items()), []).append(column)
    groups: dict[TagSet, set[str]] = {}
    for own, columns in alike.items():
        groups.setdefault(frozenset({**whole, **dict(own)}.items()), set()).update(columns)
    found = {tag_set: frozenset(columns) for tag_set, columns in groups.items()}
    return TaggedTable(table, frozenset(whole.items()), found)


class Bundle:
    """Some of a lake's grants, prepared for evaluating many tables."""

    def __init__(self, grants: Iterable[Grant], index: ExpressionIndex, bits: Mapping[Grant, int]) -> None:
        """`bits`: for each tag policy on tables, the bit of its expression in the index."""
        self.policies: list[Grant] = []
        self.named: dict[Place, list[Grant]] = {}
        self._index, self._bits = index, bits
        self._held = self._selecting = 0
        for grant in grants:
            match grant.resource:
                case PolicyGrant(kind="TABLE"):
                    self.policies.append(grant)
                    self._held |= bits[grant]
                    self._selecting |= bits[grant] if grant.permissions & {"SELECT", ALL} else 0
                case TableGrant(database, table) | ColumnsGrant(database, table):
                    self.named.setdefault((database, table), []).append(grant)

    def names(self, table: Table) -> Sequence[Grant]:
        """The named grants on the table, or on all tables of its database."""
        return (*self.named.get((table.database, table.name), ()), *self.named.get((table.database, ""), ()))

    def selects(self, tag_set: TagSet) -> bool:
        """Whether the policies allow reading columns with these tags."""
        return bool(self._index.matching(tag_set) & self._selecting)

    def reached(self, shape: frozenset[TagSet]) -> Iterator[tuple[Grant, frozenset[TagSet]]]:
        """Each policy that reaches a table of this shape, with the tag sets of it that match."""
        matching = [(tag_set, found) for tag_set in shape if (found := self._index.matching(tag_set) & self._held)]
        for grant in self.policies if matching else ():
            bit = self._bits[grant]
            tag_sets = frozenset(tag_set for tag_set, found in matching if found & bit)
            if tag_sets:
                yield grant, tag_sets

    def touches(self, where: TaggedTable) -> bool:
        """Whether any of the grants reaches the table."""
        return any(self._index.matching(tag_set) & self._held for tag_set in where.shape) or bool(
            self.names(where.table)
        )

    def on(self, where: TaggedTable) -> Rights:
        """The rights that the grants give on a table."""
        total = Rights()
        for grant, tag_sets in self.reached(where.shape):
            total |= _held(grant, where.having(tag_sets), whole=len(tag_sets) == len(where.shape))
        for grant in self.names(where.table):
            if isinstance(grant.resource, ColumnsGrant):
                covered = frozenset(column for column in where.columns if grant.resource.covers(column))
                total |= _held(grant, covered, whole=False) if covered else Rights()
            else:
                total |= _held(grant, where.columns, whole=True)
        return total


def _held(grant: Grant, covered: frozenset[str], *, whole: bool) -> Rights:
    """A grant that includes only some columns gives SELECT on those, and DESCRIBE of the rest."""
    held, passed = _expand(grant.permissions), _expand(grant.grantable)
    if not whole:
        held = (held & {"SELECT"}) | ({"DESCRIBE"} if held - {"SELECT"} else _NOTHING)
        passed &= _READING
    return Rights(
        held,
        passed,
        covered if "SELECT" in held else _NOTHING,
        covered if held else _NOTHING,
        covered if "SELECT" in passed else _NOTHING,
    )


def _expand(permissions: frozenset[str]) -> frozenset[str]:
    return permissions | TABLE_PERMISSIONS if ALL in permissions else permissions


@dataclass(frozen=True)
class Layers:
    """A principal's rights on a table by where they come from. `account` is what its account was granted."""

    direct: Rights
    passed: Rights
    account: Rights
    held: Rights
    """The sum, as if its RAM share were accepted."""
    total: Rights
    """What is in effect: nothing, where the catalog is another account's and its share is not accepted."""


class Evaluator:
    """Answers questions about one lake; results are cached."""

    def __init__(self, lake: CatalogSnapshot) -> None:
        self.lake = lake
        self._by_principal: dict[str, list[Grant]] = {}
        for grant in lake.grants:
            self._by_principal.setdefault(grant.principal, []).append(grant)
        policies = [g for g in lake.grants if isinstance(g.resource, PolicyGrant) and g.resource.kind == "TABLE"]
        expressions = dict.fromkeys(g.resource.expression for g in policies if isinstance(g.resource, PolicyGrant))
        self._index = ExpressionIndex(list(expressions))
        bit_of = {expression: 1 << number for number, expression in enumerate(expressions)}
        self._bits = {g: bit_of[g.resource.expression] for g in policies if isinstance(g.resource, PolicyGrant)}
        self._bundles: dict[tuple[str, str, str], Bundle] = {}

    @cached_property
    def tables(self) -> dict[Place, TaggedTable]:
        """Every table, tagged."""
        return {
            (database.name, table.name): tagged(table, database.tags)
            for database in self.lake.databases.values()
            for table in database.tables.values()
        }

    def rights(self, who: Principal, database: str, table: str) -> Rights:
        """What `who` may do with a table that is there."""
        return self.layers(who, database, table).total

    def layers(self, who: Principal, database: str, table: str) -> Layers:
        """The same, by origin."""
        where = self.tables[database, table]
        if who.account == self.lake.account:
            own = self._implied(who, self.bundle(who).on(where), where.columns)
            return Layers(own, Rights(), Rights(), held=own, total=own)
        direct = self.bundle(who, self.lake.account).on(where)
        passed = self.bundle(who, who.account).on(where)
        account = self.bundle(Principal(who.account, who.account)).on(where)
        whole = who.admin or who.arn == who.account
        held = direct | (account if whole else passed.within(account))
        return Layers(direct, passed, account, held, total=held if self.lake.accepted(who.account) else Rights())

    def readable(self, who: Principal) -> Iterator[tuple[TaggedTable, frozenset[str]]]:
        """Every table of which `who` may read something, with those columns."""
        bundles = (self.bundle(who), self.bundle(Principal(who.account, who.account)))
        for (database, table), where in self.tables.items():
            if not any(bundle.touches(where) for bundle in bundles):
                continue
            columns = self.rights(who, database, table).readable
            if columns:
                yield where, columns

    def bundle(self, who: Principal, grantor: str = "") -> Bundle:
        """The grants to `who` and the groups it is in; those of one granting account, if given."""
        key = (who.arn, who.account, grantor)
        if key not in self._bundles:
            found = (grant for name in self._names(who) for grant in self._by_principal.get(name, ()))
            self._bundles[key] = Bundle(
                (grant for grant in found if grantor in ("", grant.grantor)), self._index, self._bits
            )
        return self._bundles[key]

    def _names(self, who: Principal) -> list[str]:
        if who.arn == who.account:
            return [who.arn]
        names = [who.arn, f"{who.account}:IAMPrincipals"]
        return [*names, IAM_ALLOWED_PRINCIPALS] if who.account == self.lake.account else names

    def _implied(self, who: Principal, own: Rights, columns: frozenset[str]) -> Rights:
        """Administrators may describe and grant everything, but not read; any right implies describing."""
        if who.arn in self.lake.admins:
            grantable = TABLE_PERMISSIONS | {ALL}
            own |= Rights(frozenset({"DESCRIBE"}), grantable, visible=columns, passable=columns)
        elif who.arn in self.lake.read_only_admins:
            own |= Rights(frozenset({"DESCRIBE"}), visible=columns)
        return own | Rights(frozenset({"DESCRIBE"})) if own.permissions else own


def may_describe(home: CatalogSnapshot, name: str, who: Principal) -> bool:
    """Whether `who` sees a database, or may follow a resource link, of its own account's catalog: DESCRIBE on it, or
    administrator."""
    if who.arn in home.admins | home.read_only_admins:
        return True
    names = {who.arn, IAM_ALLOWED_PRINCIPALS, f"{who.account}:IAMPrincipals"}
    return any(
        grant.principal in names and grant.resource == DatabaseGrant(name) and grant.permissions & {"DESCRIBE", ALL}
        for grant in home.grants
    )
