"""Why a role can or cannot read a column: each precondition, in the order in which one would fix them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mesh.domain.access import fix_commands
from mesh.domain.access.access_context import (
    READ,
    AccessContext,
    ClosestGrant,
    Explanation,
    Step,
    TargetColumn,
    by,
    differs,
    text,
)
from mesh.domain.governance.catalog_snapshot import (
    ColumnsGrant,
    DatabaseGrant,
    Grant,
    PolicyGrant,
    Principal,
    TableGrant,
)
from mesh.domain.governance.expressions import Expression
from mesh.domain.governance.ontology import PUBLICATION, PUBLISHED
from mesh.domain.governance.permissions import Bundle, Evaluator, Layers, may_describe
from mesh.domain.governance.publication_tag import as_requested, for_people, granted_as, is_published, waits
from mesh.domain.names import DEFAULT_DATABASE


def explain(context: AccessContext) -> Explanation:
    """Every step for this reader and column. The column must exist."""
    steps = tuple(_steps(context))
    who, tags = context.who, for_people(context.tags)
    return Explanation(who.arn, context.database, context.table, context.column, tags, steps)


def _steps(context: AccessContext) -> Iterator[Step]:
    """For an unpublished column that comes first, then everything else as if it were published."""
    reading = _Reading(context)
    if not is_published(context.tags) and not reading.granted:
        place = (context.database, context.table, context.column)
        reading = _Reading(replace(context, lake=context.lake.with_tag(PUBLICATION, PUBLISHED, *place)))
        if reading.granted or reading.waits:
            yield reading.not_published()
    yield from reading.steps()


class _Reading:
    """One context, with what several steps need."""

    def __init__(self, context: AccessContext) -> None:
        self.of = context
        self.evaluator = Evaluator(context.lake)
        where = self.evaluator.tables[context.database, context.table]
        self.target = TargetColumn(where, context.column, context.tags)
        self.layers: Layers = self.evaluator.layers(context.who, context.database, context.table)
        self.central = context.lake.account
        who = context.who
        self.direct = self.evaluator.bundle(who, self.central)
        self.account = self.evaluator.bundle(Principal(who.account, who.account))
        self.passed = self.evaluator.bundle(who, who.account)

    @property
    def granted(self) -> bool:
        """Whether a grant to the role, or to its account, reaches the column."""
        return self.of.column in self.layers.direct.readable | self.layers.account.readable

    @property
    def waits(self) -> bool:
        """Whether a grant that includes the column, or nearly does, is limited to published columns."""
        bundles = [self.direct, self.account]
        near = self.target.nearest(bundles)
        giving = [grant for bundle in bundles for grant in self.target.giving(bundle)] or ([near.grant] if near else [])
        return any(isinstance(each.resource, PolicyGrant) and waits(each.resource.expression) for each in giving)

    def not_published(self) -> Step:
        """A Glue crawler wrote the column, and `commit-version` has not tagged it."""
        found = "not published yet: central has not tagged this column"
        remedy = (
            f"wait for the version that brings it (mesh history {self.of.database}); if that was held back, its owner "
            "is notified why; mesh doctor lists failed runs"
        )
        return Step(self.central, "publication", found, "NotPublished", remedy)

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
        yield self.default_describe()
        yield self.iam()

    def own_grant(self) -> Step:
        """A role of central's own account."""
        who = self.of.who
        if self.of.column in self.layers.total.readable:
            return Step(who.account, "grant to the role", by(self.target.giving(self.direct)))
        if who.arn in self.of.lake.admins:
            return self._not_granted(
                "grant to the role", who.arn, [self.direct], "an administrator may see the table, but not read it"
            )
        return self._not_granted("grant to the role", who.arn, [self.direct])

    def account_grant(self) -> Step:
        """Central's grant to the reader's account, or to the reader itself."""
        name, column, layers = "grant to the account", self.of.column, self.layers
        if column in layers.direct.readable:
            giving, principal = self.target.giving(self.direct), self.of.who.arn
            return Step(self.central, name, by(giving)) if self._described else self._no_describe(giving, principal)
        if column not in layers.account.readable:
            return self._not_granted(name, self.of.who.account, [self.account, self.direct])
        giving = self.target.giving(self.account)
        if not self.of.who.admin and column not in layers.account.passable:
            return self._no_option(name, giving, "SELECT")
        if not self._described and "DESCRIBE" not in layers.account.permissions:
            return self._no_describe(giving, self.of.who.account)
        if not self._described and "DESCRIBE" not in layers.account.grantable:
            return self._no_option(name, giving, "DESCRIBE")
        return Step(self.central, name, by(giving))

    def share(self) -> Step:
        """RAM has to deliver what Lake Formation granted."""
        account, home = self.of.who.account, self.of.home
        state = self.of.lake.shares.get(account, "none")
        if state == "accepted" or home is None:
            return Step(account, "RAM share", "accepted")
        pending = next((arn for arn, status in home.invitations.items() if status == "PENDING"), "")
        if pending or state == "pending":
            remedy = "its administrator accepts the invitation"
            commands: tuple[str, ...] = (fix_commands.accept_share(pending),)
        else:
            remedy, commands = "central revokes and grants again: that makes a new share", ()
        found = "pending" if pending else state
        return Step(account, "RAM share", f"{found}: the grant is not in effect", "ShareNotAccepted", remedy, commands)

    def link(self) -> Step:
        """The name under which the account's engines find the database."""
        account, database = self.of.who.account, self.of.database
        if self.of.home is not None and self.of.home.links:
            return Step(account, "resource link", ", ".join(self.of.home.links))
        command = fix_commands.create_link(self.central, database, self.of.region)
        found = f"no database of the account links to {database} of account {self.central}"
        return Step(account, "resource link", found, "LinkMissing", "its administrator creates the link", (command,))

    def link_describe(self) -> Step:
        """DESCRIBE on the link, for this role."""
        account, home = self.of.who.account, self.of.home
        assert home is not None
        may = [link for link in home.links if may_describe(home.lake, link, self.of.who)]
        if may:
            return Step(account, "DESCRIBE on the link", f"held on {', '.join(may)}")
        link = home.links[0]
        command = fix_commands.grant(self.of.who.arn, DatabaseGrant(link), account, ["DESCRIBE"])
        found, remedy = f"the role does not hold it on {link}", "the account's administrator grants it"
        return Step(account, "DESCRIBE on the link", found, "LinkDescribeMissing", remedy, (command,))

    def local_grant(self) -> Step:
        """The account's local grant to this role."""
        account, name, column = self.of.who.account, "grant to the role", self.of.column
        if column in self.layers.direct.readable:
            return Step(account, name, "not needed: central granted the role itself")
        if self.of.who.admin:
            return Step(account, name, "implicit: a data lake administrator holds what its account was granted")
        held = column in self.layers.passed.readable
        if held and (self._described or "DESCRIBE" in self.layers.passed.permissions):
            return Step(account, name, by(self.target.giving(self.passed)))
        lacking = ["DESCRIBE"] if held else list(READ)
        found = f"the account has not granted {' and '.join(lacking)} on this column to the role"
        near = None if held else self.target.nearest([self.passed])
        if near is not None and near.misses:
            found += f"; its nearest grant, {text(near.grant)}, {differs(near.misses)}"
        commands = tuple(
            fix_commands.grant(self.of.who.arn, each.resource, self.central, lacking)
            for each in self.target.giving(self.account)[:1] or [self.target.proposal(self.of.who.arn)]
        )
        remedy = f"{self._request_command()}; or the account's administrator grants it to the role"
        return Step(account, name, found, "LocalGrantMissing", remedy, commands)

    def default_describe(self) -> Step:
        """DESCRIBE on the account's own database `default`, at which Athena looks for every query.

        https://docs.aws.amazon.com/athena/latest/ug/lf-athena-limitations.html#lf-athena-limitations-describe-default
        """
        who, name = self.of.who, "DESCRIBE on default"
        own = self.of.lake if self.of.home is None else self.of.home.lake
        if may_describe(own, DEFAULT_DATABASE, who):
            return Step(who.account, name, "held: Athena looks at it for every query")
        commands = [fix_commands.grant(who.arn, DatabaseGrant(DEFAULT_DATABASE), who.account, ["DESCRIBE"])]
        if self.of.home is not None and not self.of.home.has_default:
            commands.insert(0, fix_commands.create_database({"Name": DEFAULT_DATABASE}))
        found = "the role does not hold it on the account's own database default: Athena refuses its queries"
        remedy = "the account's administrator grants it"
        return Step(who.account, name, found, "DefaultDescribeMissing", remedy, tuple(commands))

    def iam(self) -> Step:
        """IAM must let the role fetch the data and see the metadata, in both catalogs."""
        who, denied = self.of.who, self.of.denied
        if not denied:
            return Step(who.account, "IAM", "allows lakeformation:GetDataAccess and glue:Get* on link and target")
        actions = sorted({action for each in denied.values() for action in each})
        found = f"the role may not {', '.join(actions)}"
        if "lakeformation:GetDataAccess" not in actions:
            found += f" on {', '.join(_short(arn) for arn in denied)}"
        command = fix_commands.allow(who.arn.rsplit("/", 1)[-1], denied)
        return Step(who.account, "IAM", found, "IamDenies", "the role's owner allows it", (command,))

    @property
    def _described(self) -> bool:
        """Whether DESCRIBE is granted by any grant; across accounts it is never implied."""
        return "DESCRIBE" in self.layers.held.permissions

    def _no_describe(self, giving: list[Grant], principal: str) -> Step:
        across = principal == self.of.who.account
        wanted = giving[0].resource
        if isinstance(wanted, ColumnsGrant):  # which takes SELECT alone
            wanted = TableGrant(wanted.database, wanted.table)
        command = fix_commands.grant(principal, wanted, self.central, ["DESCRIBE"], grantable=across)
        found = f"{by(giving)}, but no DESCRIBE, which is never implied across accounts"
        remedy = "the data mesh owner grants it"
        return Step(self.central, "grant to the account", found, "DescribeMissing", remedy, (command,))

    def _no_option(self, name: str, giving: list[Grant], permission: str) -> Step:
        account = self.of.who.account
        command = fix_commands.grant(account, giving[0].resource, self.central, list(READ), grantable=True)
        found = f"{by(giving)}, without grant option for {permission}: the account cannot pass it on"
        remedy = "the data mesh owner grants it with grant option"
        return Step(self.central, name, found, "GrantOptionMissing", remedy, (command,))

    def _not_granted(self, name: str, principal: str, bundles: Sequence[Bundle], note: str = "") -> Step:
        """No grant includes the column; the closest one shows which tag is the obstacle."""
        near = self.target.nearest(bundles)
        if near is None:
            whom = "the role" if principal == self.of.who.arn else f"account {principal}"
            found = f"no grant to {whom} includes this column" + (f"; {note}" if note else "")
            grant = self.target.proposal(principal)
            across = principal != self.of.who.arn
            commands = [fix_commands.grant(principal, grant.resource, self.central, list(READ), grantable=across)]
            if across and isinstance(grant.resource, PolicyGrant):
                database = PolicyGrant("DATABASE", as_requested(grant.resource.expression))
                commands.append(fix_commands.grant(principal, database, self.central, ["DESCRIBE"], grantable=True))
            return Step(self.central, name, found, "NoGrant", self._request_command(), tuple(commands))
        if not near.misses:
            found = f"{text(near.grant)} leaves this column out"
            wanted = ColumnsGrant(self.of.database, self.of.table, frozenset({self.of.column}))
            command = fix_commands.grant(
                principal, wanted, self.central, ["SELECT"], grantable=self.of.home is not None
            )
            return Step(
                self.central, name, found, "ColumnNotGranted", self._request_command(self.of.column), (command,)
            )
        found = f"the nearest grant, {text(near.grant)}, {differs(near.misses)}"
        remedy = "the product's owner decides: grant these tags as well, or tag the column otherwise"
        return Step(self.central, name, found, "TagDiffers", remedy, tuple(self._fix(near, principal)))

    def _request_command(self, column: str = "") -> str:
        """The recommended fix, which is recorded and ends; the commands beside it do neither."""
        role = self.of.who.arn.rsplit("/", 1)[-1]
        narrowed = f" --columns {column}" if column else ""
        return f"request it: mesh request {self.of.database}{narrowed} --role {role} --purpose … --until …"

    def _fix(self, near: ClosestGrant, principal: str) -> Iterator[str]:
        """A grant with the column's own values; or the missing tag on the column."""
        of = self.of
        untagged = [miss for miss in near.misses if miss.value is None]
        for miss in untagged:
            place = (self.central, of.database, of.table)
            yield fix_commands.tag_column(place, of.column, key=miss.key, value=miss.wanted[0])
        if not untagged and isinstance(near.grant.resource, PolicyGrant):
            clauses = dict(near.grant.resource.expression.clauses)
            own = {miss.key: frozenset({miss.value or ""}) for miss in near.misses}
            wider = PolicyGrant("TABLE", granted_as(Expression.of({**clauses, **own})))
            yield fix_commands.grant(principal, wider, self.central, list(READ), grantable=of.home is not None)


def _short(arn: str) -> str:
    return ":".join(arn.split(":")[4:]) if arn.startswith("arn:") else arn
