"""What a request would expose on the catalog as it is now, and whose access a changed LF-Tag would affect."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mesh.domain.access.request import AccessRequest, AmbiguousRequest
from mesh.domain.events import ExposedClass, ExposedData
from mesh.domain.governance.catalog_snapshot import (
    IAM_ALLOWED_PRINCIPALS,
    CatalogSnapshot,
    NotInCatalog,
    Principal,
    Table,
    not_published,
    require,
)
from mesh.domain.governance.expressions import Expression, Tags
from mesh.domain.governance.ontology import CONFIDENTIALITY, PII
from mesh.domain.governance.permissions import Evaluator, tagged
from mesh.domain.governance.publication_tag import granted_as, is_published


@dataclass(frozen=True)
class ExposedColumn:
    """A column that an expression matches, with its effective tags."""

    name: str
    tags: Tags


@dataclass(frozen=True)
class ExposedTable:
    """A table of which an expression exposes columns. `hidden`: how many of its columns are not exposed."""

    database: str
    table: str
    columns: tuple[ExposedColumn, ...]
    hidden: int


@dataclass(frozen=True)
class Change:
    """Columns of a table that a principal gains or loses by a change."""

    principal: Principal
    database: str
    table: str
    gains: tuple[str, ...]
    loses: tuple[str, ...]


def exposed_by(lake: CatalogSnapshot, requested: Expression) -> Iterator[ExposedTable]:
    """Published tables and columns that SELECT on the expression would expose now."""
    return matched_by(lake, granted_as(requested))


def matched_by(lake: CatalogSnapshot, expression: Expression) -> Iterator[ExposedTable]:
    """Tables and columns that match an expression."""
    for database in lake.databases.values():
        for table in database.tables.values():
            where = tagged(table, database.tags)
            matching = [tag_set for tag_set in where.groups if expression.matches(dict(tag_set))]
            if not matching:
                continue
            tags_of = {column: dict(tag_set) for tag_set in matching for column in where.groups[tag_set]}
            columns = tuple(ExposedColumn(name, tags_of[name]) for name in table.columns if name in tags_of)
            yield ExposedTable(database.name, table.name, columns, len(table.columns) - len(columns))


def readers(lake: CatalogSnapshot) -> list[Principal]:
    """All principals with a grant on the catalog: whole accounts, and roles."""
    found = {}
    for grant in lake.grants:
        principal = _principal(grant.principal, lake.account)
        if principal is not None:
            found[principal.arn] = principal
    return [found[arn] for arn in sorted(found)]


def _principal(name: str, catalog: str) -> Principal | None:
    if name.isdigit():
        return None if name == catalog else Principal(name, name)
    if name == IAM_ALLOWED_PRINCIPALS or name.endswith(":IAMPrincipals"):
        return None
    return Principal(name, name.split(":")[4])


def changes(before: CatalogSnapshot, after: CatalogSnapshot, who: Iterable[Principal]) -> Iterator[Change]:
    """Who can read more or less in one of two states of the same catalog, table by table."""
    old, new = Evaluator(before), Evaluator(after)
    touched = [place for place, where in old.tables.items() if where != new.tables.get(place)]
    for principal in who:
        for database, table in touched:
            had = old.rights(principal, database, table).readable
            has = new.rights(principal, database, table).readable
            if had != has:
                order = before.databases[database].tables[table].columns
                gains = tuple(column for column in order if column in has - had)
                loses = tuple(column for column in order if column in had - has)
                yield Change(principal, database, table, gains, loses)


MAX_NAMES = 100
"""Columns listed for one classification of one table."""


def by_name(request: AccessRequest) -> bool:
    """Whether it is narrower than an expression can be, so that tables and columns are granted by name."""
    return bool(request.table or request.columns or request.rows)


def resolve(request: AccessRequest, lake: CatalogSnapshot) -> tuple[ExposedTable, ...]:
    """Every table of which the request exposes published columns. Empty if there are none today.

    Columns of a product with several tables are those of each table that has them. Raises NotInCatalog for a product,
    table or column that is not there, AmbiguousRequest for rows of more than one table.
    """
    if request.product:
        require(lake, request.product, request.table)
    found = tuple(exposed_by(lake, request.tags))
    if not by_name(request):
        return found
    places = [each for each in found if each.database == request.product and request.table in ("", each.table)]
    if not places:
        raise NotInCatalog(
            f"product {request.product} has no columns yet that are published",
            remedy="request the whole product, or wait until it has data",
        )
    if request.rows and len(places) > 1:
        there = ", ".join(each.table for each in places)
        raise AmbiguousRequest(f"rows belong to one table; {request.product} has {there}", remedy="name the table")
    return _with_columns(places, request.columns, lake) if request.columns else tuple(places)


def _with_columns(
    places: Sequence[ExposedTable], names: Sequence[str], lake: CatalogSnapshot
) -> tuple[ExposedTable, ...]:
    known = dict.fromkeys(column.name for each in places for column in each.columns)
    absent = [name for name in names if name not in known]
    pending = [name for name in absent if any(name in table_of(each, lake).columns for each in places)]
    if pending:
        raise not_published(places[0].database, pending)
    if absent:
        where = ", ".join(f"{each.database}.{each.table}" for each in places)
        raise NotInCatalog(f"{where}: no column {', '.join(absent)}", remedy=f"there is: {', '.join(known)}")
    cut = (only(each, [column for column in each.columns if column.name in names], lake) for each in places)
    return tuple(each for each in cut if each.columns)


def only(where: ExposedTable, columns: Iterable[ExposedColumn], lake: CatalogSnapshot) -> ExposedTable:
    """The table with these of its columns exposed, all others hidden."""
    kept = tuple(columns)
    total = len(table_of(where, lake).columns)
    return replace(where, columns=kept, hidden=total - len(kept))


def table_of(where: ExposedTable, lake: CatalogSnapshot) -> Table:
    """The catalog's table."""
    return lake.databases[where.database].tables[where.table]


def mentioned(rows: str, where: ExposedTable, lake: CatalogSnapshot) -> list[ExposedColumn]:
    """The columns whose names occur in a predicate: filtering rows by a column reveals its values.

    Without parsing SQL, so that no quoting hides a column; a word in a literal counts as well, which errs on the
    safe side. Raises NotInCatalog for a column that is not published: its tags are not its own yet.
    """
    table, database = table_of(where, lake), lake.databases[where.database]
    words = rows.lower()
    names = (name for name in table.columns if re.search(rf"(?<!\w){re.escape(name.lower())}(?!\w)", words))
    found = [ExposedColumn(name, table.effective(database.tags, name)) for name in names]
    pending = [column.name for column in found if not is_published(column.tags)]
    if pending:
        raise not_published(where.database, pending)
    return found


def exposure(tables: Iterable[ExposedTable], owners: Mapping[str, str]) -> tuple[ExposedData, ...]:
    """For people and events: each table's columns by classification."""
    return tuple(
        ExposedData(
            database=each.database,
            table=each.table,
            owner=owners.get(each.database, ""),
            classes=tuple(
                ExposedClass(confidentiality=level, pii=pii, columns=tuple(names[:MAX_NAMES]), count=len(names))
                for (level, pii), names in by_class(each.columns).items()
            ),
            hidden=each.hidden,
        )
        for each in tables
    )


def class_of(tags: Tags) -> tuple[str, str]:
    """(confidentiality, pii); a tag that is not assigned is empty."""
    return tags.get(CONFIDENTIALITY, ""), tags.get(PII, "")


def by_class(columns: Iterable[ExposedColumn]) -> dict[tuple[str, str], list[str]]:
    """Class → names."""
    classes: dict[tuple[str, str], list[str]] = {}
    for column in columns:
        classes.setdefault(class_of(column.tags), []).append(column.name)
    return classes


def column_names(tables: Iterable[ExposedTable]) -> tuple[str, ...]:
    """`database.table.column` of all, in the order in which `exposure` counts them: table, classification, column."""
    return tuple(
        f"{each.database}.{each.table}.{name}"
        for each in tables
        for names in by_class(each.columns).values()
        for name in names
    )


def column_classes(shown: Iterable[ExposedData], columns: Iterable[str]) -> dict[str, tuple[str, str]]:
    """`database.table.column` → (confidentiality, pii), of what `column_names` and `exposure` give."""
    names = iter(columns)
    classes = (each for table in shown for each in table.classes)
    return {next(names): (each.confidentiality, each.pii) for each in classes for _ in range(each.count)}


def listed(names: Collection[str], most: int = 20) -> str:
    """`a, b and 3 more`."""
    shown = ", ".join(list(names)[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
