"""The decision on a request: what is granted of what it would expose now, what is left out and why, and who
approves."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from mesh.domain.access.exposure import (
    MAX_NAMES,
    ExposedTable,
    by_name,
    class_of,
    column_classes,
    column_names,
    exposure,
    listed,
    matched_by,
    mentioned,
    only,
    resolve,
)
from mesh.domain.access.grants import (
    Place,
    databases_by_tags,
    describing,
    filter_entries,
    filter_name,
    named_entries,
    policy_entries,
)
from mesh.domain.access.policy import Policies, Rule
from mesh.domain.access.policy_evaluator import (
    PolicyEvaluator,
    Requester,
    UntilTooFar,
    decide_hypothetically,
    denied,
    with_reason,
)
from mesh.domain.access.record import Decided
from mesh.domain.access.request import AccessRequest, AmbiguousRequest
from mesh.domain.access.tag_expression_cover import narrowed
from mesh.domain.errors import Rejected
from mesh.domain.events import ExposedData, GrantEntry, ReadableTable
from mesh.domain.governance.catalog_snapshot import CatalogSnapshot
from mesh.domain.governance.expressions import Tags

__all__ = ["ExceedsRequest", "Requester", "UntilTooFar", "decide", "grown", "narrow_approval"]

MAX_PROVING = 100
"""The most columns of a table in a verification query."""

MAX_EXPOSED = 50_000
"""Columns of one access: they are recorded with it, packed, in an item of 400 KB."""


@dataclass
class _Weighed:
    """The request's columns by decision."""

    kept: list[ExposedTable] = field(default_factory=list)
    rules: dict[Rule, set[str]] = field(default_factory=dict)
    """Rules that allow something → the databases that they allow it for."""
    denied: dict[Rule, list[str]] = field(default_factory=dict)
    """Rules that deny → the columns, for people."""
    by_name: dict[Rule, list[str]] = field(default_factory=dict)
    """Denied columns that were requested by name."""
    excluded: list[Tags] = field(default_factory=list)
    filtered_by: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Columns that a row filter names → their classes."""


def decide(
    request: AccessRequest,
    *,
    access: str,
    requester: Requester,
    lake: CatalogSnapshot,
    owners: Mapping[str, str],
    central: str,
    policies: Policies,
    now: datetime,
    withheld: Collection[str] = (),
) -> Decided:
    """The policies' decision on the request on the catalog as it is now, and the resulting grants to the account.

    `access` is its id, `owners` the owning account of each database, `central` the account whose catalog it is. A
    preview may use any id. `withheld`: databases of the lake that are not to be granted
    (drafts, retired products); where an expression would match data of one, the grant names the products it is for.

    Effect `require_approval`: the entries are granted once all approvers agree. A database without an owner is not a
    data product: it counts in `exposure` and `columns`, and gets no link.

    Raises NotInCatalog, AmbiguousRequest (of too many columns, too), UntilTooFar, InvalidExpression (too many
    classifications).
    """
    hidden = {name: found for name, found in lake.databases.items() if name in withheld}
    lake = replace(lake, databases={name: found for name, found in lake.databases.items() if name not in withheld})
    # Published or not: withheld data may be published tomorrow.
    evaluator = PolicyEvaluator(request, requester, policies, matched_by(replace(lake, databases=hidden), request.tags))
    tables = resolve(request, lake)
    if not tables:
        return decide_hypothetically(evaluator, owners=owners, central=central, catalog=lake.account, now=now)
    weighed = _weigh(evaluator, tables, lake)
    if weighed.by_name or not weighed.kept:
        return _denied(weighed)
    evaluator.check_until(weighed.rules, now)
    _check_size(request, weighed)
    effect, approvers = evaluator.approval(weighed.rules, owners, central)
    databases = tuple(dict.fromkeys(each.database for each in weighed.kept))
    reading = [each for each in weighed.kept if each.database in owners] if request.permission == "SELECT" else []
    return Decided(
        effect=effect,
        rules=tuple(rule.name for rule in weighed.rules),
        why=with_reason(weighed.rules, effect),
        exposure=exposure(weighed.kept, owners),
        left_out=_left_out(weighed.denied),
        approvers=approvers,
        entries=_entries(evaluator, weighed, lake, access),
        databases=tuple(name for name in databases if name in owners),
        tables=tuple(_readable(each) for each in reading),
        row_filter=request.rows,
        filtered_by=weighed.filtered_by,
        columns=column_names(weighed.kept),
    )


def _weigh(evaluator: PolicyEvaluator, tables: Iterable[ExposedTable], lake: CatalogSnapshot) -> _Weighed:
    request, found = evaluator.request, _Weighed()
    # DESCRIBE of a table by name shows all its columns: none can be left out.
    names_all = request.permission == "DESCRIBE"
    for where in tables:
        kept = []
        for column in where.columns:
            rule = evaluator.rule(column.tags)
            if rule.course != "deny":
                kept.append(column)
                found.rules.setdefault(rule, set()).add(where.database)
                continue
            label = evaluator.label(where, column.name)
            found.excluded.append(column.tags)
            found.denied.setdefault(rule, []).append(label)
            if column.name in request.columns or (by_name(request) and names_all):
                found.by_name.setdefault(rule, []).append(label)
        if kept:
            found.kept.append(only(where, kept, lake))
        for column in mentioned(request.rows, where, lake) if request.rows else ():
            rule = evaluator.rule(column.tags)
            if rule.course == "deny":
                found.by_name.setdefault(rule, []).append(evaluator.label(where, column.name))
            else:
                found.rules.setdefault(rule, set()).add(where.database)
                found.filtered_by[f"{where.database}.{where.table}.{column.name}"] = class_of(column.tags)
    return found


def _check_size(request: AccessRequest, weighed: _Weighed) -> None:
    columns = sum(len(each.columns) for each in weighed.kept)
    if columns > MAX_EXPOSED:
        raise AmbiguousRequest(
            f"{request.what} exposes {columns:,} columns in {len(weighed.kept):,} tables, one access may be of "
            f"{MAX_EXPOSED:,}",
            remedy="Request less at once: name a product, or further LF-Tags in the expression.",
        )


def _denied(weighed: _Weighed) -> Decided:
    """Nothing is granted: a named column is denied, or everything is."""
    because = weighed.by_name or weighed.denied
    names = [name for columns in weighed.by_name.values() for name in dict.fromkeys(columns)]
    return denied(because, with_reason(because, "deny", about=listed(names)), _left_out(weighed.denied))


def _left_out(columns: Mapping[Rule, list[str]]) -> tuple[str, ...]:
    return tuple(f"{listed(names)} (rule {rule.name}: {rule.why})" for rule, names in columns.items())


def _entries(
    evaluator: PolicyEvaluator, weighed: _Weighed, lake: CatalogSnapshot, access: str
) -> tuple[GrantEntry, ...]:
    request, catalog = evaluator.request, lake.account
    columns = {(each.database, each.table): [column.name for column in each.columns] for each in weighed.kept}
    if request.rows:
        return filter_entries(columns, catalog, filter_name(access))
    if by_name(request):
        return describing(columns, catalog) if request.permission == "DESCRIBE" else named_entries(columns, catalog)
    kept = [column.tags for each in weighed.kept for column in each.columns]
    expressions = narrowed(request.tags, kept, weighed.excluded, evaluator.keys)
    # A product's database has the product's tag whatever its class, so that the tag alone names it.
    reaching = (request.tags,) if request.product else expressions
    databases = {each.database: lake.databases[each.database].tags for each in weighed.kept}
    return policy_entries(expressions, databases_by_tags(reaching, databases), catalog, request.permission)


def _readable(where: ExposedTable) -> ReadableTable:
    names = tuple(column.name for column in where.columns[:MAX_PROVING])
    return ReadableTable(database=where.database, table=where.table, columns=names)


def grown(before: Decided, now: Decided) -> tuple[str, ...]:
    """The columns (`database.table.column`) of `now` that an approval of `before` does not cover.

    These were not exposed, or had another classification; or all of them if there is a new approver.
    """
    if set(now.approvers) - set(before.approvers):
        return now.columns
    meant, found = ({**each.filtered_by, **column_classes(each.exposure, each.columns)} for each in (before, now))
    return tuple(column for column, classification in found.items() if meant.get(column) != classification)


class ExceedsRequest(Rejected):
    """An approval for columns that the request does not expose, or for longer than requested."""


def narrow_approval(
    decided: Decided, columns: Sequence[str], until: datetime | None, *, requested_until: datetime
) -> Decided:
    """The decision cut to `columns` (`table.column` or `database.table.column`; none: all), granted by name.

    A data cells filter stays, with the remaining columns. `requested_until` is the requested end.
    Raises ExceedsRequest, AmbiguousRequest for a name that stands for columns of several databases.
    """
    if until is not None and until > requested_until:
        raise ExceedsRequest(
            f"{until.isoformat()} is later than the requested {requested_until.isoformat()}",
            remedy=f"approve until {requested_until.isoformat()} at the latest",
        )
    if not columns:
        return decided
    if not any("SELECT" in entry.permissions for entry in decided.entries):
        raise ExceedsRequest(
            "DESCRIBE was requested, which applies to whole tables; columns need SELECT",
            remedy="approve it without columns",
        )
    kept = {_meant(name, decided) for name in columns}
    return _cut(decided, kept) if kept < set(decided.columns) else decided


def _meant(name: str, decided: Decided) -> str:
    given = name.lower()
    found = [known for known in decided.columns if known == given or known.partition(".")[2] == given]
    if not found:
        raise ExceedsRequest(
            f"{name!r} is not among the requested columns",
            column=name,
            remedy=f"these are: {listed(decided.columns, most=MAX_NAMES)}",
        )
    if len(found) > 1:
        raise AmbiguousRequest(f"{name!r} is a column of several products", remedy=f"name one of: {', '.join(found)}")
    return found[0]


def _cut(decided: Decided, kept: Collection[str]) -> Decided:
    exposure, left = [], iter(decided.columns)
    columns: dict[Place, list[str]] = {}
    for shown in decided.exposure:
        # `columns` has them in this order: only names are cut short in `exposure`, counts are whole.
        by_class = [[next(left) for _ in range(each.count)] for each in shown.classes]
        cut = _shown(shown, by_class, kept)
        if cut.classes:
            exposure.append(cut)
            names = [name.rpartition(".")[2] for group in by_class for name in group if name in kept]
            columns[shown.database, shown.table] = names
    databases = {database for database, _ in columns}
    dropped = [name for name in decided.columns if name not in kept]
    return decided.evolve(
        exposure=tuple(exposure),
        left_out=(*decided.left_out, f"{listed(dropped)} (the approver left these out)"),
        entries=decided.entries if decided.row_filter else named_entries(columns, _catalog(decided)),
        databases=tuple(name for name in decided.databases if name in databases),
        tables=tuple(
            ReadableTable(database=each.database, table=each.table, columns=tuple(columns[place][:MAX_NAMES]))
            for each in decided.tables
            if (place := (each.database, each.table)) in columns
        ),
        columns=tuple(name for name in decided.columns if name in kept),
    )


def _shown(shown: ExposedData, by_class: Sequence[Sequence[str]], kept: Collection[str]) -> ExposedData:
    classes, total = [], sum(map(len, by_class))
    for each, names in zip(shown.classes, by_class, strict=True):
        own = [name.rpartition(".")[2] for name in names if name in kept]
        if own:
            update = {"columns": tuple(own[:MAX_NAMES]), "count": len(own)}
            classes.append(each.evolve(**update))
    hidden = shown.hidden + total - sum(each.count for each in classes)
    return shown.evolve(classes=tuple(classes), hidden=hidden)


def _catalog(decided: Decided) -> str:
    (found,) = decided.entries[0].resource.values()
    return str(found.get("CatalogId") or found["TableCatalogId"])
