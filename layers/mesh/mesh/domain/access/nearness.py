"""The grants behind one column: those that let it be read, and the one that comes nearest to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mesh.domain.access.evaluation import Bundle, TaggedTable
from mesh.domain.access.expressions import Expression, Miss, Tags
from mesh.domain.access.lake import ALL, ColumnsGrant, DatabaseGrant, Grant, PolicyGrant, TableGrant
from mesh.domain.access.published import as_asked, granted_as
from mesh.domain.ontology import CONFIDENTIALITY, PII, PRODUCT

READ: Final = ("SELECT", "DESCRIBE")
_CLASSIFYING: Final = frozenset({CONFIDENTIALITY, PII})


@dataclass(frozen=True)
class Near:
    """The grant that comes nearest to a column, and the clauses that it misses."""

    grant: Grant
    misses: tuple[Miss, ...]


@dataclass(frozen=True)
class AskedColumn:
    """A column with its effective tags, in its table."""

    where: TaggedTable
    name: str
    tags: Tags

    def giving(self, bundle: Bundle) -> list[Grant]:
        """The grants that let one read the column."""
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

    def nearest(self, bundles: Sequence[Bundle]) -> Near | None:
        """The grant that misses least, if it is about this table or data of this kind at all."""
        found = []
        for grant in (grant for bundle in bundles for grant in self._selecting(bundle)):
            if isinstance(grant.resource, ColumnsGrant):
                found.append(Near(grant, ()))
            elif isinstance(grant.resource, PolicyGrant):
                misses = grant.resource.expression.misses(self.tags)
                if self._is_near(grant.resource.expression, misses):
                    found.append(Near(grant, misses))
        return min(found, key=lambda near: (bool(near.misses), len(near.misses), text(near.grant)), default=None)

    def _is_near(self, expression: Expression, misses: Sequence[Miss]) -> bool:
        if any(expression.matches(dict(tag_set)) for tag_set in self.where.groups):
            return True
        missed = {miss.key for miss in misses}
        return PRODUCT not in missed and (len(missed) < len(expression.clauses) or missed <= _CLASSIFYING)

    def proposal(self, principal: str) -> Grant:
        """What a grant of this column would be: its product, at its classification."""
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
            return f"LF-Tags {as_asked(expression)}"
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
    """`wants confidentiality=internal,public; the column has confidentiality=confidential`."""
    wanted = " ".join(f"{miss.key}={','.join(miss.wanted)}" for miss in misses)
    has = " ".join(f"{miss.key}={miss.value}" if miss.value else f"no {miss.key}" for miss in misses)
    return f"wants {wanted}; the column has {has}"
