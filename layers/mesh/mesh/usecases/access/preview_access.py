"""Preview what a grant would expose now, and who would gain or lose access by a changed LF-Tag. Read only."""

from collections.abc import Iterable, Mapping

from mesh.domain.access.exposure import Change, ExposedTable, changes, exposed_by, readers
from mesh.domain.governance.catalog_snapshot import CatalogSnapshot, Grant, Principal, require
from mesh.domain.governance.expressions import ANY_VALUE, Expression, parse_expression
from mesh.domain.governance.ontology import CONFIDENTIALITY, PII, RESERVED, UnknownLFTag
from mesh.domain.governance.permissions import Evaluator
from mesh.domain.governance.publication_tag import for_people
from mesh.domain.model import Model
from mesh.ports import CatalogState, MemberState, Registry


class PreviewedColumn(Model):
    """A column that would be exposed. `held`: the reader can read it already; None without a reader."""

    name: str
    confidentiality: str
    pii: str
    tags: dict[str, str]
    held: bool | None = None


class PreviewedTable(Model):
    """A table of which columns would be exposed; `owner` is the owning account."""

    database: str
    table: str
    owner: str
    contact: str
    columns: tuple[PreviewedColumn, ...]
    hidden: int


class Preview(Model):
    """What an expression exposes now; `held` refers to the present rights of `reader`."""

    expression: str
    reader: str = ""
    tables: tuple[PreviewedTable, ...]


class ReadingChange(Model):
    """Columns of a table that a principal would gain or lose."""

    principal: str
    account: str
    database: str
    table: str
    gains: tuple[str, ...]
    loses: tuple[str, ...]


class TagPreview(Model):
    """Who gains and loses access by a tag on a resource. `before`: the value in effect now."""

    tag: str
    resource: str
    before: str | None
    changes: tuple[ReadingChange, ...]


def preview_expression(
    text: str,
    *,
    catalog: CatalogState,
    registry: Registry,
    who: Principal | None = None,
    passed_on: Iterable[Grant] = (),
) -> Preview:
    """Tables and columns that SELECT by the expression exposes now, with classification and owner.

    Raises InvalidExpression, or UnknownLFTag for a key or value that Lake Formation does not have.
    """
    expression = parse_expression(text)
    check_known(expression, catalog.tag_values())
    lake = with_grants(catalog.lake(), passed_on)
    evaluator = Evaluator(lake) if who else None
    tables = tuple(_previewed(table, registry, evaluator, who) for table in exposed_by(lake, expression))
    return Preview(expression=str(expression), reader=who.arn if who else "", tables=tables)


def preview_tag(tag: str, resource: str, *, catalog: CatalogState, members: Mapping[str, MemberState]) -> TagPreview:
    """Who gains and who loses if the tag were set on `PRODUCT[.TABLE[.COLUMN]]`.

    `members` are the accounts whose own grants can be read. Raises InvalidExpression, UnknownLFTag,
    NotInCatalog.
    """
    expression = parse_expression(tag)
    check_known(expression, catalog.tag_values())
    key, value = _single(expression)
    database, table, column = split_place(resource)
    lake = catalog.lake((database,))
    require(lake, database, table, column)
    lake = _with_passed_on(lake, members)
    found = _changes(lake, lake.with_tag(key, value, database, table, column))
    before = lake.tags(database, table, column).get(key)
    return TagPreview(tag=f"{key}={value}", resource=resource, before=before, changes=found)


def preview_tags(
    product: str,
    tags: Mapping[str, Mapping[str, Mapping[str, str]]],
    *,
    catalog: CatalogState,
    members: Mapping[str, MemberState],
) -> tuple[ReadingChange, ...]:
    """Who gains and who loses if these were the tags in effect (table → column → tags). See `preview_tag`."""
    lake = _with_passed_on(catalog.lake((product,)), members)
    return _changes(lake, lake.with_column_tags(product, tags)) if product in lake.databases else ()


def _with_passed_on(lake: CatalogSnapshot, members: Mapping[str, MemberState]) -> CatalogSnapshot:
    return with_grants(lake, (grant for member in members.values() for grant in member.passed_on(lake.account)))


def _changes(before: CatalogSnapshot, after: CatalogSnapshot) -> tuple[ReadingChange, ...]:
    return tuple(_change(change) for change in changes(before, after, readers(before)))


def with_grants(lake: CatalogSnapshot, grants: Iterable[Grant]) -> CatalogSnapshot:
    """The lake with grants seen in other accounts added, each once."""
    together = dict.fromkeys((*lake.grants, *grants))
    return CatalogSnapshot(
        lake.account, lake.databases, tuple(together), lake.admins, lake.read_only_admins, lake.shares
    )


def split_place(resource: str) -> tuple[str, str, str]:
    """`product.table.column` → its parts; missing parts are empty."""
    database, _, rest = resource.lower().partition(".")
    table, _, column = rest.partition(".")
    return database, table, column


def _single(expression: Expression) -> tuple[str, str]:
    pairs = [(key, value) for key, values in expression.clauses for value in values]
    if len(pairs) != 1 or pairs[0][1] == ANY_VALUE:
        raise UnknownLFTag(
            f"{expression} is not one LF-Tag", remedy="give one KEY=VALUE: a resource has one value for each key"
        )
    return pairs[0]


def check_known(expression: Expression, known: Mapping[str, tuple[str, ...]]) -> None:
    """Raises UnknownLFTag for a key or value that Lake Formation does not have."""
    for key, values in expression.clauses:
        if key not in known:
            there = ", ".join(sorted(known.keys() - RESERVED.keys()))
            raise UnknownLFTag(f"there is no LF-Tag key {key!r}", lf_tag=key, remedy=f"use one of: {there}")
        for value in sorted(values - {ANY_VALUE, *known[key]}):
            there = ", ".join(known[key])
            message = f"the LF-Tag {key!r} has no value {value!r}"
            raise UnknownLFTag(message, lf_tag=f"{key}={value}", remedy=f"use one of: {there}")


def _previewed(
    table: ExposedTable, registry: Registry, evaluator: Evaluator | None, who: Principal | None
) -> PreviewedTable:
    product = registry.product(table.database)
    held = evaluator.rights(who, table.database, table.table).readable if evaluator and who else None
    return PreviewedTable(
        database=table.database,
        table=table.table,
        owner=product.owner if product else "",
        contact=str(product.contract.get("owner", "")) if product else "",
        hidden=table.hidden,
        columns=tuple(
            PreviewedColumn(
                name=column.name,
                confidentiality=column.tags.get(CONFIDENTIALITY, ""),
                pii=column.tags.get(PII, ""),
                tags=for_people(column.tags),
                held=None if held is None else column.name in held,
            )
            for column in table.columns
        ),
    )


def _change(change: Change) -> ReadingChange:
    return ReadingChange(
        principal=change.principal.arn,
        account=change.principal.account,
        database=change.database,
        table=change.table,
        gains=change.gains,
        loses=change.loses,
    )
