"""What an ask comes to on the catalog as it is now: tables and columns, with their effective tags."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from mesh.domain.access.asking import AmbiguousAsk, Ask
from mesh.domain.access.exposure import ExposedColumn, ExposedTable, exposed_by
from mesh.domain.access.lake import Lake, NotInCatalog, Table, not_published, require
from mesh.domain.access.published import is_published
from mesh.domain.events import ExposedClass, ExposedData
from mesh.domain.ontology import CONFIDENTIALITY, PII

MAX_NAMES = 100
"""Columns listed for one classification of one table."""


def by_name(ask: Ask) -> bool:
    """Whether it is narrower than any expression, so that tables and columns are granted by name."""
    return bool(ask.table or ask.columns or ask.rows)


def resolve(ask: Ask, lake: Lake) -> tuple[ExposedTable, ...]:
    """Every table of which the ask exposes published columns. Empty: its product, or its expression, has none today.

    Columns of a product with several tables are those of each table that has them. Raises NotInCatalog for a product,
    table or column that is not there, AmbiguousAsk for rows of more than one table.
    """
    if ask.product:
        require(lake, ask.product, ask.table)
    found = tuple(exposed_by(lake, ask.tags))
    if not by_name(ask):
        return found
    places = [each for each in found if each.database == ask.product and ask.table in ("", each.table)]
    if not places:
        raise NotInCatalog(
            f"product {ask.product} has no columns yet that are published",
            remedy="ask for the whole product, or when it has data",
        )
    if ask.rows and len(places) > 1:
        there = ", ".join(each.table for each in places)
        raise AmbiguousAsk(f"rows are those of one table; {ask.product} has {there}", remedy="name the table")
    return _with_columns(places, ask.columns, lake) if ask.columns else tuple(places)


def _with_columns(places: Sequence[ExposedTable], names: Sequence[str], lake: Lake) -> tuple[ExposedTable, ...]:
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


def only(where: ExposedTable, columns: Iterable[ExposedColumn], lake: Lake) -> ExposedTable:
    """The table with these of its columns exposed, all others hidden."""
    kept = tuple(columns)
    total = len(table_of(where, lake).columns)
    return replace(where, columns=kept, hidden=total - len(kept))


def table_of(where: ExposedTable, lake: Lake) -> Table:
    """The catalog's table."""
    return lake.databases[where.database].tables[where.table]


def mentioned(rows: str, where: ExposedTable, lake: Lake) -> list[ExposedColumn]:
    """The columns whose names occur in a predicate, as words: whoever chooses rows by a column learns its values.

    Read without SQL, so that no way of quoting hides a column; a word in a literal counts as well, which denies too
    much rather than too little. Raises NotInCatalog for a column that is not published: its tags are not its own yet.
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


def by_class(columns: Iterable[ExposedColumn]) -> dict[tuple[str, str], list[str]]:
    """(confidentiality, pii) → names; a tag that is not assigned is empty."""
    classes: dict[tuple[str, str], list[str]] = {}
    for column in columns:
        classes.setdefault((column.tags.get(CONFIDENTIALITY, ""), column.tags.get(PII, "")), []).append(column.name)
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
