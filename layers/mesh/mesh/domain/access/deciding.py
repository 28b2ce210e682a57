"""Policy on what an ask would expose now: what is kept, what is left out and why, who is asked, what is granted.

Each classification of columns is decided by itself. An ask for something by its own name is answered on that alone: one
column of it denied, and all of it is. What matches nothing today is decided on all that it could come to expose.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from mesh.domain.access.asking import Ask
from mesh.domain.access.exposure import ExposedTable, matched_by
from mesh.domain.access.expressions import Tags
from mesh.domain.access.foreseeing import foresee
from mesh.domain.access.granting import (
    databases_by_tags,
    describing,
    filter_entries,
    filter_name,
    named_entries,
    policy_entries,
)
from mesh.domain.access.judging import Asker, Judge, UntilTooFar, denied, told
from mesh.domain.access.lake import Lake
from mesh.domain.access.lessening import MoreThanAsked, less
from mesh.domain.access.narrowing import narrowed
from mesh.domain.access.policy import Policies, Rule
from mesh.domain.access.record import Decided
from mesh.domain.access.resolving import (
    by_name,
    column_classes,
    column_names,
    exposure,
    listed,
    mentioned,
    only,
    resolve,
)
from mesh.domain.events import GrantEntry, ReadableTable

__all__ = ["Asker", "MoreThanAsked", "UntilTooFar", "decide", "grown", "less"]

MAX_PROVING = 100
"""Columns of a table that a reader is told to prove."""


@dataclass
class _Weighed:
    """The ask's columns by what was decided on them."""

    kept: list[ExposedTable] = field(default_factory=list)
    rules: dict[Rule, set[str]] = field(default_factory=dict)
    """Rules that let something through → the databases that they do it for."""
    denied: dict[Rule, list[str]] = field(default_factory=dict)
    """Rules that do not → the columns, for people."""
    by_name: dict[Rule, list[str]] = field(default_factory=dict)
    """Of these what was asked for by name."""
    excluded: list[Tags] = field(default_factory=list)


def decide(
    ask: Ask,
    *,
    access: str,
    asker: Asker,
    lake: Lake,
    owners: Mapping[str, str],
    central: str,
    policies: Policies,
    now: datetime,
    withheld: Collection[str] = (),
) -> Decided:
    """What the policies say to the ask on the catalog as it is now, and the grants to the asking account it comes to.

    `access` is its id, `owners` the owning account of each database, `central` the account whose catalog it is. For an
    answer without an effect (a preview) any id does. `withheld`: databases of the lake that are not to be granted
    (drafts, retired products); where an expression would match data of one, the grant names the products it is for.

    Effect `ask`: the entries are what is granted once all approvers agree. A database without an owner is no data
    product: it counts in `exposure` and `columns`, and gets no link.

    Raises NotInCatalog, AmbiguousAsk, UntilTooFar, InvalidExpression (more classifications than expressions can say).
    """
    hidden = {name: found for name, found in lake.databases.items() if name in withheld}
    lake = replace(lake, databases={name: found for name, found in lake.databases.items() if name not in withheld})
    # Published or not: what is to be withheld may be published tomorrow.
    judge = Judge(ask, asker, policies, matched_by(replace(lake, databases=hidden), ask.tags))
    tables = resolve(ask, lake)
    if not tables:
        return foresee(judge, owners=owners, central=central, catalog=lake.account, now=now)
    weighed = _weigh(judge, tables, lake)
    if weighed.by_name or not weighed.kept:
        return _denied(weighed)
    judge.check_until(weighed.rules, now)
    effect, approvers = judge.approval(weighed.rules, owners, central)
    databases = tuple(dict.fromkeys(each.database for each in weighed.kept))
    reading = [each for each in weighed.kept if each.database in owners] if ask.permission == "SELECT" else []
    return Decided(
        effect=effect,
        rules=tuple(rule.name for rule in weighed.rules),
        why=told(weighed.rules, effect),
        exposure=exposure(weighed.kept, owners),
        left_out=_left_out(weighed.denied),
        approvers=approvers,
        entries=_entries(judge, weighed, lake, access),
        databases=tuple(name for name in databases if name in owners),
        tables=tuple(_readable(each) for each in reading),
        row_filter=ask.rows,
        columns=column_names(weighed.kept),
    )


def _weigh(judge: Judge, tables: Iterable[ExposedTable], lake: Lake) -> _Weighed:
    ask, found = judge.ask, _Weighed()
    # DESCRIBE of a table by name shows all its columns: there is none that could be left out.
    names_all = ask.permission == "DESCRIBE"
    for where in tables:
        kept = []
        for column in where.columns:
            rule = judge.rule(column.tags)
            if rule.effect != "deny":
                kept.append(column)
                found.rules.setdefault(rule, set()).add(where.database)
                continue
            label = judge.label(where, column.name)
            found.excluded.append(column.tags)
            found.denied.setdefault(rule, []).append(label)
            if column.name in ask.columns or (by_name(ask) and names_all):
                found.by_name.setdefault(rule, []).append(label)
        if kept:
            found.kept.append(only(where, kept, lake))
        for column in mentioned(ask.rows, where, lake) if ask.rows else ():
            rule = judge.rule(column.tags)
            if rule.effect == "deny":
                found.by_name.setdefault(rule, []).append(judge.label(where, column.name))
            else:
                found.rules.setdefault(rule, set()).add(where.database)
    return found


def _denied(weighed: _Weighed) -> Decided:
    """Nothing is granted: something that was named is denied, or all of it is."""
    because = weighed.by_name or weighed.denied
    names = [name for columns in weighed.by_name.values() for name in dict.fromkeys(columns)]
    return denied(because, told(because, "deny", about=listed(names)), _left_out(weighed.denied))


def _left_out(columns: Mapping[Rule, list[str]]) -> tuple[str, ...]:
    return tuple(f"{listed(names)} (rule {rule.name}: {rule.why})" for rule, names in columns.items())


def _entries(judge: Judge, weighed: _Weighed, lake: Lake, access: str) -> tuple[GrantEntry, ...]:
    ask, catalog = judge.ask, lake.account
    columns = {(each.database, each.table): [column.name for column in each.columns] for each in weighed.kept}
    if ask.rows:
        return filter_entries(columns, catalog, filter_name(access))
    if by_name(ask):
        return describing(columns, catalog) if ask.permission == "DESCRIBE" else named_entries(columns, catalog)
    kept = [column.tags for each in weighed.kept for column in each.columns]
    expressions = narrowed(ask.tags, kept, weighed.excluded, judge.keys)
    # A product's database has the product's tag whatever its class, so that the tag alone names it.
    reaching = (ask.tags,) if ask.product else expressions
    databases = {each.database: lake.databases[each.database].tags for each in weighed.kept}
    return policy_entries(expressions, databases_by_tags(reaching, databases), catalog, ask.permission)


def _readable(where: ExposedTable) -> ReadableTable:
    names = tuple(column.name for column in where.columns[:MAX_PROVING])
    return ReadableTable(database=where.database, table=where.table, columns=names)


def grown(before: Decided, now: Decided) -> tuple[str, ...]:
    """The columns (`database.table.column`) that an approval of `before` did not mean, now that `now` is decided.

    That is what was not exposed, or had another classification; and all of it where somebody has to agree who was not
    asked then.
    """
    if set(now.approvers) - set(before.approvers):
        return now.columns
    meant, found = (column_classes(each.exposure, each.columns) for each in (before, now))
    return tuple(column for column, classification in found.items() if meant.get(column) != classification)
