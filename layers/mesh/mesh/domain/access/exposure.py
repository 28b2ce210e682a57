"""What a grant would expose now, and whose reading a changed LF-Tag would change: before anything is done."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mesh.domain.access.evaluation import Evaluator, tagged
from mesh.domain.access.expressions import Expression, Tags
from mesh.domain.access.lake import IAM_ALLOWED_PRINCIPALS, Lake, Principal
from mesh.domain.access.published import granted_as


@dataclass(frozen=True)
class ExposedColumn:
    """A column that an expression matches, with its effective tags."""

    name: str
    tags: Tags


@dataclass(frozen=True)
class ExposedTable:
    """A table of which an expression exposes columns. `hidden`: how many of its columns stay out of sight."""

    database: str
    table: str
    columns: tuple[ExposedColumn, ...]
    hidden: int


@dataclass(frozen=True)
class Change:
    """Columns of a table that a principal may read after a change, and may not before, or the other way round."""

    principal: Principal
    database: str
    table: str
    gains: tuple[str, ...]
    loses: tuple[str, ...]


def exposed_by(lake: Lake, asked: Expression) -> Iterator[ExposedTable]:
    """Tables and columns that SELECT, granted for what is asked, would let one read now: what is published of it."""
    return matched_by(lake, granted_as(asked))


def matched_by(lake: Lake, expression: Expression) -> Iterator[ExposedTable]:
    """Tables and columns that match an expression as it stands."""
    for database in lake.databases.values():
        for table in database.tables.values():
            where = tagged(table, database.tags)
            matching = [tag_set for tag_set in where.groups if expression.matches(dict(tag_set))]
            if not matching:
                continue
            tags_of = {column: dict(tag_set) for tag_set in matching for column in where.groups[tag_set]}
            columns = tuple(ExposedColumn(name, tags_of[name]) for name in table.columns if name in tags_of)
            yield ExposedTable(database.name, table.name, columns, len(table.columns) - len(columns))


def readers(lake: Lake) -> list[Principal]:
    """Everybody that holds a grant on the catalog: accounts as a whole, and roles."""
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


def changes(before: Lake, after: Lake, who: Iterable[Principal]) -> Iterator[Change]:
    """Whose reading differs between two states of the same catalog, table by table."""
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
