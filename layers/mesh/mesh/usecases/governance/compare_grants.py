"""Compare central's grants with the registry: every difference, and what to do about it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from mesh.domain.access.access_context import text
from mesh.domain.access.exposure import listed
from mesh.domain.access.fix_commands import resource_of
from mesh.domain.access.grants import filter_name, in_parts, unneeded
from mesh.domain.access.overtaken import no_longer_allowed, stricter_columns
from mesh.domain.access.policy import Policies
from mesh.domain.access.policy_evaluator import UntilTooFar
from mesh.domain.access.record import OVER, Access, Decided
from mesh.domain.events import GrantEntry
from mesh.domain.governance.catalog_snapshot import (
    ALL,
    IAM_ALLOWED_PRINCIPALS,
    CatalogSnapshot,
    DatabaseGrant,
    Grant,
    TableGrant,
)
from mesh.domain.governance.drift import Drift, Kind
from mesh.domain.governance.expressions import Expression
from mesh.domain.governance.product_rights import owner_rights
from mesh.domain.governance.publication_tag import as_requested, waits
from mesh.ports import Clock
from mesh.usecases.central_context import CentralContext

AT_WORK: Final = timedelta(days=1)
"""Longer than runs that grant or end an access take, with all their repetitions."""
_BETWEEN: Final = frozenset({"sharing", "ending"})

type Today = Callable[[Access], Decided]
"""The policy's decision on an access, on the catalog as it is now. Raises Rejected."""


def compare_grants(
    lake: CatalogSnapshot, everything: Sequence[Access], *, context: CentralContext
) -> Iterator[Callable[[], Iterable[Drift]]]:
    """The comparisons of grants, each by itself. An access in flight is left alone: it counts as neither missing nor
    surplus."""
    going_on = [access for access in everything if access.status not in OVER]
    actual = granted_outside(lake)
    for receiver in sorted({access.receiver for access in going_on} | set(actual)):
        own = [access for access in everything if access.receiver == receiver]
        yield partial(_compare_receiver, receiver, own, actual.get(receiver, []), lake, context)
    yield partial(_iam_allowed, lake)
    yield partial(_overdue, going_on, context.clock)


def _compare_receiver(
    receiver: str, accesses: Sequence[Access], actual: list[GrantEntry], lake: CatalogSnapshot, context: CentralContext
) -> Iterator[Drift]:
    own = [access for access in accesses if access.status not in OVER]
    past = [access for access in accesses if access.status in OVER]
    needed = [*_entries(own), *of_products(receiver, lake.databases, context)]
    yield from (_judged(drift, lake) for drift in _missing(own, actual))
    yield from (drift for access in own if access.status == "live" for drift in _changed_filters(access, lake))
    yield from (_judged(drift, lake) for drift in _surplus(receiver, actual, needed, past))
    state = lake.shares.get(receiver)
    if any(access.status == "live" for access in own) and state not in ("accepted", None):
        remedy = "accept it in that account (aws ram get-resource-share-invitations), or revoke and grant anew"
        yield Drift(kind="share", principal=receiver, what=f"its RAM share is {state}", remedy=remedy)


def granted_outside(lake: CatalogSnapshot) -> dict[str, list[GrantEntry]]:
    """Receiving account → what central granted to it: the mesh grants to accounts, to none of their principals."""
    found: dict[str, list[GrantEntry]] = {}
    for grant in lake.grants:
        if grant.grantor == lake.account and grant.principal.isdigit() and grant.principal != lake.account:
            found.setdefault(grant.principal, []).append(entry_of(grant, lake.account))
    return found


def foreign_grants(lake: CatalogSnapshot, own: Iterable[str]) -> Iterator[Drift]:
    """What somebody in central granted to a role, a group or an organization: reads by it are nobody's decision. `own`:
    the roles of central's that work on products. Of central's own account, what lets read rows."""
    known = {IAM_ALLOWED_PRINCIPALS, *own, *lake.admins, *lake.read_only_admins}
    for grant in lake.grants:
        if grant.principal.isdigit() or grant.principal in known or grant.grantor != lake.account:
            continue
        here = (grant.principal.split(":") + [""] * 5)[4] == lake.account
        if not here or grant.permissions & {"SELECT", ALL}:
            yield _judged(_drift("foreign", grant.principal, entry_of(grant, lake.account), ""), lake)


def entry_of(grant: Grant, catalog: str) -> GrantEntry:
    """The grant as an entry."""
    return GrantEntry(resource=resource_of(grant.resource, catalog), permissions=tuple(sorted(grant.permissions)))


def _missing(accesses: Iterable[Access], actual: list[GrantEntry]) -> Iterator[Drift]:
    for access in accesses:
        if access.status == "live" and access.decided is not None:
            for entry in in_parts(unneeded(access.decided.entries, [actual])):
                yield _drift("missing", access.receiver, entry, access.id)


def _changed_filters(access: Access, lake: CatalogSnapshot) -> Iterator[Drift]:
    """A grant names its data cells filter: whoever changes that, changes what is granted."""
    name, decided = filter_name(access.id), access.decided
    if decided is None:
        return
    found = {(each.database, each.table): each for each in lake.filters() if each.row_filter == name}
    for place, columns in decided.row_filters():
        there = found.get(place)
        if there and (there.names != frozenset(columns) or there.rows.split() != decided.row_filter.split()):
            entry = GrantEntry(resource=resource_of(there, lake.account), permissions=("SELECT",))
            yield _drift("missing", access.receiver, entry, access.id).evolve(
                what=f"{_named(entry)} was changed by hand"
            )


def _entries(accesses: Iterable[Access]) -> Iterator[tuple[GrantEntry, ...]]:
    return (access.decided.entries for access in accesses if access.decided is not None)


def _surplus(
    receiver: str, actual: list[GrantEntry], needed: list[tuple[GrantEntry, ...]], past: Iterable[Access]
) -> Iterator[Drift]:
    was_ours = list(_entries(access for access in past if access.granted))
    for entry in in_parts(unneeded(actual, needed)):
        foreign = unneeded([entry], was_ours)
        if foreign:
            yield _drift("foreign", receiver, foreign[0], "")
        for ours in unneeded([entry], [foreign]):
            yield _drift("surplus", receiver, ours, "")


def of_products(owner: str, names: Iterable[str], context: CentralContext) -> Iterator[tuple[GrantEntry, ...]]:
    """What registration gave a producer, by those of these products that are its own."""
    for name in names:
        product = context.registry.product(name)
        if product is not None and product.owner == owner:
            rights = owner_rights(context.account, name, product.bucket, product.crawl)
            yield tuple(GrantEntry(resource=resource, permissions=tuple(held)) for resource, held in rights)


def _drift(kind: Kind, principal: str, entry: GrantEntry, access: str) -> Drift:
    remedies: dict[Kind, str] = {
        "foreign": "Meshwork did not grant it: aws lakeformation revoke-permissions, or mesh request",
        "missing": "mesh reconcile grants it again",
        "surplus": "mesh reconcile revokes it",
    }
    what = described(entry)
    return Drift(kind=kind, principal=principal, what=what, access=access, entry=entry, remedy=remedies.get(kind, ""))


def described(entry: GrantEntry) -> str:
    """For people: `SELECT on tables with LF-Tags product=credit-card`."""
    return f"{', '.join(entry.permissions)} on {_named(entry)}"


def _named(entry: GrantEntry) -> str:
    """For people: `tables with LF-Tags product=credit-card`, `DataCellsFilter credit-card.credit_card mesh-ac-…`."""
    ((kind, body),) = entry.resource.items()
    if kind == "LFTagPolicy":
        expression = Expression.of_tags(body["Expression"])
        unpublished = body["ResourceType"] == "TABLE" and not waits(expression)
        text = f"{body['ResourceType'].lower()}s with LF-Tags {as_requested(expression)}"
        return f"{text}, published or not" if unpublished else text
    if kind == "LFTag":
        return f"LF-Tag {body['TagKey']}={','.join(body['TagValues'])}"
    if kind == "DataLocation":
        return f"data location {body['ResourceArn']}"
    place = ".".join(str(body[part]) for part in ("DatabaseName", "TableName", "Name") if body.get(part))
    columns = f" ({listed(body['ColumnNames'])})" if body.get("ColumnNames") else ""
    return f"{kind} {place}{columns}"


def _judged(drift: Drift, lake: CatalogSnapshot) -> Drift:
    """With whose database it is, where it names one: a tag policy reaches what carries the tags, and names none."""
    ((kind, body),) = drift.entry.resource.items() if drift.entry else (("", dict[str, str]()),)
    database = body.get("Name", "") if kind == "Database" else body.get("DatabaseName", "")
    if not database or _is_marked(database, lake):
        return drift
    return drift.evolve(database=database, ours=False, remedy=_not_ours(database))


def _is_marked(database: str, lake: CatalogSnapshot) -> bool:
    return database in lake.databases and lake.databases[database].marked


def _not_ours(database: str) -> str:
    return f"{database} is not a data product's database: Meshwork leaves its grants to whoever owns it"


def _iam_allowed(lake: CatalogSnapshot) -> Iterator[Drift]:
    remedy = "mesh reconcile revokes it: while it exists, LF-Tags do not restrict access in central"
    for grant in lake.grants:
        if grant.principal == IAM_ALLOWED_PRINCIPALS and isinstance(grant.resource, DatabaseGrant | TableGrant):
            database = grant.resource.database
            ours = _is_marked(database, lake)
            yield Drift(
                kind="iam-allowed",
                principal=IAM_ALLOWED_PRINCIPALS,
                what=f"{', '.join(sorted(grant.permissions))} by {text(grant)}",
                database=database,
                entry=entry_of(grant, lake.account),
                ours=ours,
                remedy=remedy if ours else _not_ours(database),
            )


def _overdue(accesses: Iterable[Access], clock: Clock) -> Iterator[Drift]:
    for access in accesses:
        if what := overdue(access, clock.now()):
            yield Drift(kind="overdue", principal=access.receiver, what=what, access=access.id, remedy="it is ended")


def overdue(access: Access, now: datetime) -> str:
    """Past its end; or between two states for so long that no run can be at work on it any more. Empty: neither."""
    since = access.history[-1].at if access.history else access.asked_at
    if access.granted and access.until <= now:
        return f"{access.id} is {access.status}, and was to end at {access.until.isoformat()}"
    if access.granted and access.status in _BETWEEN and now - since > AT_WORK:
        return f"{access.id} is {access.status} since {since.isoformat()}, and nothing goes on with it"
    return ""


def overtaken(access: Access, today: Today, lake: CatalogSnapshot, policies: Policies) -> Iterator[Drift]:
    """Columns granted by name stay granted whatever their tags become, and a grant whatever the rules become: what is
    stricter by now than what was decided on, or would not be granted any more."""
    if access.status != "live" or access.decided is None:
        return
    stricter = stricter_columns(access, lake.tags_if_there, policies.ontology)
    if stricter:
        what = f"{access.id} exposes by name what is stricter by now than it was decided: {listed(stricter, 5)}"
        remedy = "mesh reconcile ends it; it can be requested again: mesh request"
        yield Drift(kind="stricter", principal=access.receiver, what=what, access=access.id, remedy=remedy)
    elif not access.forewarned and (why := not_allowed(access, today, lake, policies)):
        days = policies.ends_after.total_seconds() / 86400
        remedy = f"mesh reconcile tells its holder and owner, and ends it {days:g} days later"
        yield Drift(kind="not-allowed", principal=access.receiver, what=why, access=access.id, remedy=remedy)


def not_allowed(access: Access, today: Today, lake: CatalogSnapshot, policies: Policies) -> str:
    """What the rules do not allow of a live access by now; empty: they allow it. Raises NotInCatalog, AmbiguousRequest
    where they cannot say."""
    if access.request.purpose not in policies.purposes:
        return f"the purpose {access.request.purpose} is gone"
    try:
        return no_longer_allowed(access, today(access), lake)
    except UntilTooFar as too_far:
        return str(too_far.message)
