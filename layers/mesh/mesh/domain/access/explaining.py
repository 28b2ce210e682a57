"""Why a role can, or cannot, read a column: each thing that it takes, in the order in which one would mend them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mesh.domain.access import remedies
from mesh.domain.access.evaluation import Bundle, Evaluator, Layers, TaggedTable, may_describe_link
from mesh.domain.access.expressions import Expression, Miss
from mesh.domain.access.lake import ALL, ColumnsGrant, DatabaseGrant, Grant, PolicyGrant, Principal, Table, TableGrant
from mesh.domain.access.situation import Explanation, Situation, Step
from mesh.domain.names import resource_link
from mesh.domain.ontology import CONFIDENTIALITY, PII, PRODUCT

_READ = ("SELECT", "DESCRIBE")
_CLASSIFYING = frozenset({CONFIDENTIALITY, PII})


def explain(situation: Situation) -> Explanation:
    """Every step for this reader and column. The column has to exist."""
    asked = _Asked(situation)
    steps = tuple(asked.steps())
    who = situation.who
    return Explanation(who.arn, situation.database, situation.table, situation.column, situation.tags, steps)


@dataclass(frozen=True)
class _Near:
    """The grant that comes nearest to the column, and the clauses that it misses."""

    grant: Grant
    misses: tuple[Miss, ...]


class _Asked:
    """One situation, with what several steps need."""

    def __init__(self, situation: Situation) -> None:
        self.of = situation
        self.evaluator = Evaluator(situation.lake)
        self.where: TaggedTable = self.evaluator.tables[situation.database, situation.table]
        self.layers: Layers = self.evaluator.layers(situation.who, situation.database, situation.table)
        self.central = situation.lake.account
        who = situation.who
        self.direct = self.evaluator.bundle(who, self.central)
        self.account = self.evaluator.bundle(Principal(who.account, who.account))
        self.passed = self.evaluator.bundle(who, who.account)

    def steps(self) -> Iterator[Step]:
        """In central there is neither share nor link."""
        if self.of.home is None:
            yield self.own_grant()
        else:
            granted = self.account_grant()
            yield granted
            if granted.ok or self.of.who.account in self.of.lake.shares:
                yield self.share()
            yield self.link()
            if self.of.home.links:
                yield self.link_describe()
            yield self.local_grant()
        yield self.iam()

    def own_grant(self) -> Step:
        """A role of central's own account."""
        who = self.of.who
        if self.of.column in self.layers.total.readable:
            return Step(who.account, "grant to the role", _by(self._giving(self.direct)))
        if who.arn in self.of.lake.admins:
            return self._not_granted(
                "grant to the role", who.arn, [self.direct], "an administrator sees, but reads not"
            )
        return self._not_granted("grant to the role", who.arn, [self.direct])

    def account_grant(self) -> Step:
        """Central's grant to the reader's account, or to the reader itself."""
        name, column = "grant to the account", self.of.column
        if column in self.layers.direct.readable:
            return self._described(name, self.layers.direct.permissions, self._giving(self.direct), self.of.who.arn)
        if column not in self.layers.account.readable:
            return self._not_granted(name, self.of.who.account, [self.account, self.direct])
        giving = self._giving(self.account)
        if not self._implicit and column not in self.layers.account.passable:
            return self._no_option(name, giving, "SELECT")
        if not self._implicit and "DESCRIBE" in self.layers.account.permissions - self.layers.account.grantable:
            return self._no_option(name, giving, "DESCRIBE")
        return self._described(name, self.layers.account.permissions, giving, self.of.who.account)

    def share(self) -> Step:
        """RAM has to deliver what Lake Formation granted."""
        account, home = self.of.who.account, self.of.home
        state = self.of.lake.shares.get(account, "none")
        if state == "accepted" or home is None:
            return Step(account, "RAM share", "accepted")
        pending = next((arn for arn, status in home.invitations.items() if status == "PENDING"), "")
        if pending or state == "pending":
            remedy = "its administrator accepts the invitation"
            commands: tuple[str, ...] = (remedies.accept_share(pending),)
        else:
            remedy, commands = "central revokes and grants again: that makes a new share", ()
        found = "pending" if pending else state
        return Step(account, "RAM share", f"{found}: nothing of it is in effect", "ShareNotAccepted", remedy, commands)

    def link(self) -> Step:
        """The name by which the account's engines find the database."""
        account, database = self.of.who.account, self.of.database
        if self.of.home is not None and self.of.home.links:
            return Step(account, "resource link", ", ".join(self.of.home.links))
        command = remedies.create_link(self.central, database, self.of.region)
        found = f"no database of the account links to {database} of account {self.central}"
        return Step(account, "resource link", found, "LinkMissing", "its administrator creates the link", (command,))

    def link_describe(self) -> Step:
        """DESCRIBE on the link, for this role."""
        account, home = self.of.who.account, self.of.home
        assert home is not None
        may = [link for link in home.links if may_describe_link(home.lake, link, self.of.who)]
        if may:
            return Step(account, "DESCRIBE on the link", f"held on {', '.join(may)}")
        link = home.links[0]
        command = remedies.grant(self.of.who.arn, DatabaseGrant(link), account, ["DESCRIBE"])
        found, remedy = f"the role does not hold it on {link}", "the account's administrator grants it"
        return Step(account, "DESCRIBE on the link", found, "LinkDescribeMissing", remedy, (command,))

    def local_grant(self) -> Step:
        """What the account passed on to this role."""
        account, name, column = self.of.who.account, "grant to the role", self.of.column
        if column in self.layers.direct.readable:
            return Step(account, name, "not needed: central granted the role itself")
        if self._implicit:
            return Step(account, name, "implicit: a data lake administrator holds what its account was granted")
        held = column in self.layers.passed.readable
        if held and "DESCRIBE" in self.layers.passed.permissions:
            return Step(account, name, _by(self._giving(self.passed)))
        lacking = ["DESCRIBE"] if held else list(_READ)
        found = f"the account has not passed on {' and '.join(lacking)} on this column to the role"
        near = None if held else self._nearest([self.passed])
        if near is not None and near.misses:
            found += f"; its nearest grant, {_text(near.grant)}, {_differs(near.misses)}"
        commands = tuple(
            remedies.grant(self.of.who.arn, each.resource, self.central, lacking)
            for each in self._giving(self.account)[:1] or [self._proposal(self.of.who.arn)]
        )
        remedy = "the account's administrator passes on what the account was granted"
        return Step(account, name, found, "LocalGrantMissing", remedy, commands)

    def iam(self) -> Step:
        """IAM must let the role fetch the data and see the metadata, in both catalogs."""
        who, denied = self.of.who, self.of.denied
        if not denied:
            return Step(who.account, "IAM", "allows lakeformation:GetDataAccess and glue:Get* on link and target")
        actions = sorted({action for each in denied.values() for action in each})
        found = f"the role may not {', '.join(actions)}"
        if "lakeformation:GetDataAccess" not in actions:
            found += f" on {', '.join(_short(arn) for arn in denied)}"
        command = remedies.allow(who.arn.rsplit("/", 1)[-1], denied)
        return Step(who.account, "IAM", found, "IamDenies", "whoever owns the role allows it", (command,))

    @property
    def _implicit(self) -> bool:
        return self.of.who.admin

    def _giving(self, bundle: Bundle) -> list[Grant]:
        """The grants that let one read the column."""
        return [grant for grant in self._selecting(bundle) if self._covers(grant)]

    def _selecting(self, bundle: Bundle) -> list[Grant]:
        candidates = [*bundle.policies, *bundle.names(self.where.table)]
        return [grant for grant in candidates if grant.permissions & {"SELECT", ALL}]

    def _covers(self, grant: Grant) -> bool:
        match grant.resource:
            case PolicyGrant(_, expression):
                return expression.matches(self.of.tags)
            case ColumnsGrant():
                return grant.resource.covers(self.of.column)
            case _:
                return isinstance(grant.resource, TableGrant)

    def _described(self, name: str, held: frozenset[str], giving: list[Grant], principal: str) -> Step:
        """SELECT is there; across accounts DESCRIBE is never implied."""
        if "DESCRIBE" in held:
            return Step(self.central, name, _by(giving))
        command = remedies.grant(principal, giving[0].resource, self.central, ["DESCRIBE"], grantable=True)
        found = f"SELECT{_by(giving).removeprefix('SELECT, DESCRIBE')}, but no DESCRIBE, which is never implied"
        return Step(self.central, name, found, "DescribeMissing", "the data mesh owner grants it", (command,))

    def _no_option(self, name: str, giving: list[Grant], permission: str) -> Step:
        account = self.of.who.account
        command = remedies.grant(account, giving[0].resource, self.central, list(_READ), grantable=True)
        found = f"{_by(giving)}, without grant option for {permission}: the account cannot pass it on"
        remedy = "the data mesh owner grants it with grant option"
        return Step(self.central, name, found, "GrantOptionMissing", remedy, (command,))

    def _not_granted(self, name: str, principal: str, bundles: Sequence[Bundle], note: str = "") -> Step:
        """No grant reaches the column: one that nearly does tells which tag stands between."""
        near = self._nearest(bundles)
        if near is None:
            whom = "the role" if principal == self.of.who.arn else f"account {principal}"
            found = f"nothing granted to {whom} reaches this column" + (f"; {note}" if note else "")
            grant = self._proposal(principal)
            across = principal != self.of.who.arn
            commands = [remedies.grant(principal, grant.resource, self.central, list(_READ), grantable=across)]
            if across and isinstance(grant.resource, PolicyGrant):
                database = PolicyGrant("DATABASE", grant.resource.expression)
                commands.append(remedies.grant(principal, database, self.central, ["DESCRIBE"], grantable=True))
            return Step(self.central, name, found, "NoGrant", "the product's owner decides on a grant", tuple(commands))
        if not near.misses:
            found = f"{_text(near.grant)} leaves this column out"
            wanted = ColumnsGrant(self.of.database, self.of.table, frozenset({self.of.column}))
            command = remedies.grant(principal, wanted, self.central, ["SELECT"], grantable=self.of.home is not None)
            return Step(self.central, name, found, "ColumnNotGranted", "the product's owner decides", (command,))
        found = f"the nearest grant, {_text(near.grant)}, {_differs(near.misses)}"
        remedy = "the product's owner decides: grant these tags as well, or tag the column otherwise"
        return Step(self.central, name, found, "TagDiffers", remedy, tuple(self._mend(near, principal)))

    def _mend(self, near: _Near, principal: str) -> Iterator[str]:
        """A grant with the column's own values; where the column lacks the key, the tag."""
        of = self.of
        untagged = [miss for miss in near.misses if miss.value is None]
        for miss in untagged:
            place = (self.central, of.database, of.table)
            yield remedies.tag_column(place, of.column, key=miss.key, value=miss.wanted[0])
        if not untagged and isinstance(near.grant.resource, PolicyGrant):
            clauses = dict(near.grant.resource.expression.clauses)
            own = {miss.key: frozenset({miss.value or ""}) for miss in near.misses}
            wider = PolicyGrant("TABLE", Expression.of({**clauses, **own}))
            yield remedies.grant(principal, wider, self.central, list(_READ), grantable=of.home is not None)

    def _nearest(self, bundles: Sequence[Bundle]) -> _Near | None:
        """The grant that misses least, if it is about this table or data of this kind at all."""
        found = []
        for grant in (grant for bundle in bundles for grant in self._selecting(bundle)):
            if isinstance(grant.resource, ColumnsGrant):
                found.append(_Near(grant, ()))
            elif isinstance(grant.resource, PolicyGrant):
                misses = grant.resource.expression.misses(self.of.tags)
                if self._is_near(grant.resource.expression, misses):
                    found.append(_Near(grant, misses))
        return min(found, key=lambda near: (bool(near.misses), len(near.misses), _text(near.grant)), default=None)

    def _is_near(self, expression: Expression, misses: Sequence[Miss]) -> bool:
        if any(expression.matches(dict(tag_set)) for tag_set in self.where.groups):
            return True
        missed = {miss.key for miss in misses}
        return PRODUCT not in missed and (len(missed) < len(expression.clauses) or missed <= _CLASSIFYING)

    def _proposal(self, principal: str) -> Grant:
        """What a grant of this column would be: its product, at its classification."""
        tags = self.of.tags
        wanted: dict[str, list[str]] = {key: [tags[key]] for key in (PRODUCT, CONFIDENTIALITY, PII) if key in tags}
        if not wanted:
            columns = ColumnsGrant(self.of.database, self.of.table, frozenset({self.of.column}))
            return Grant(principal, columns, frozenset(_READ))
        return Grant(principal, PolicyGrant("TABLE", Expression.of(wanted)), frozenset(_READ))


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


def link_to(database: str, links: Sequence[str]) -> str:
    """The link that a reader would use: the mesh's own name for it first."""
    usual = resource_link(database)
    return usual if usual in links or not links else links[0]


def _by(grants: Sequence[Grant]) -> str:
    """`SELECT, DESCRIBE by LF-Tags product=x`."""
    return f"SELECT, DESCRIBE by {_text(grants[0])}" if grants else "SELECT, DESCRIBE"


def _text(grant: Grant) -> str:
    match grant.resource:
        case PolicyGrant(_, expression):
            return f"LF-Tags {expression}"
        case ColumnsGrant(database, table, names, excluded, row_filter):
            if row_filter:
                return f"data cells filter {row_filter} on {database}.{table}"
            what = ", ".join(sorted(names)) if names is not None else f"all but {', '.join(sorted(excluded))}"
            return f"a named grant on {database}.{table} ({what})" if names or excluded else f"a named grant on {table}"
        case TableGrant(database, table):
            return f"a named grant on {database}.{table or '*'}"
        case DatabaseGrant(name):
            return f"a named grant on {name}"


def _differs(misses: Sequence[Miss]) -> str:
    """`wants confidentiality=internal,public; the column has confidentiality=confidential`."""
    wanted = " ".join(f"{miss.key}={','.join(miss.wanted)}" for miss in misses)
    has = " ".join(f"{miss.key}={miss.value}" if miss.value else f"no {miss.key}" for miss in misses)
    return f"wants {wanted}; the column has {has}"


def _short(arn: str) -> str:
    return ":".join(arn.split(":")[4:]) if arn.startswith("arn:") else arn
