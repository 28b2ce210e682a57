"""A decision as Lake Formation grants to the receiving account, and which of them may be revoked at its end.

All have grant option, since the account grants the same entries to the reader: the local grants are on the
same resources with the same permissions, and `unneeded` serves both sides.

By tags, a policy on tables reaches a table as soon as one column matches, or the table's own tags do. SELECT is then of
the matching columns alone; DESCRIBE shows the table's name, location and comment, and of its columns the matching ones.
By name, DESCRIBE covers the whole table: names and types of columns left out are visible, never their values.
Across accounts DESCRIBE is never implied, so both ways need it. Source: the Lake Formation developer guide, "Lake
Formation tag-based access control", "Cross-account data sharing", "Data filtering".
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from mesh.domain.access.fix_commands import resource_of
from mesh.domain.access.policy import Permission
from mesh.domain.access.tag_expression_cover import pinned
from mesh.domain.events import GrantEntry
from mesh.domain.governance.catalog_snapshot import ColumnsGrant, DatabaseGrant, Granted, PolicyGrant, TableGrant
from mesh.domain.governance.expressions import Expression, Tags
from mesh.domain.governance.ontology import PRODUCT
from mesh.domain.governance.publication_tag import granted_as

type Place = tuple[str, str]
"""Database and table."""
type Atom = tuple[str, str]
"""One permission on the smallest resource that Lake Formation records it for: resource as JSON, permission."""

DESCRIBE: Final = ("DESCRIBE",)
SELECT: Final = ("SELECT",)
_NAMES_OF_GLUE: Final = frozenset({"DatabaseName", "Name", "TableName"})


def filter_name(access: str) -> str:
    """The data cells filter of an access: `mesh-ac-0123456789ab`."""
    return f"mesh-{access}"


def policy_entries(
    tables: Sequence[Expression], databases: Iterable[Granted], catalog: str, permission: Permission
) -> tuple[GrantEntry, ...]:
    """DESCRIBE of the databases, so that a link can be followed; and the tables' columns by their tags, once published.

    This is the only place where the requested expression becomes the granted one.
    """
    held = ("SELECT", "DESCRIBE") if permission == "SELECT" else DESCRIBE
    entries = [_entry(each, catalog, DESCRIBE) for each in databases]
    return (*entries, *(_entry(PolicyGrant("TABLE", granted_as(each)), catalog, held) for each in tables))


def databases_by_tags(expressions: Iterable[Expression], databases: Mapping[str, Tags]) -> list[Granted]:
    """DESCRIBE on these databases (name → the database's own tags), and later ones of the same kind.

    A policy on databases looks at the database's own tags: internal columns in a confidential database are not reached
    by the expression that the columns match. Such a database is granted by its product tag, which is unique.
    """
    pairs = list(expressions)
    missed = {name: tags for name, tags in databases.items() if not any(each.matches(tags) for each in pairs)}
    products = {(tags[PRODUCT],) for tags in missed.values() if PRODUCT in tags}
    by_product = pinned(Expression.of({}), (PRODUCT,), products)
    unnamed = [DatabaseGrant(name) for name, tags in sorted(missed.items()) if PRODUCT not in tags]
    return [*(PolicyGrant("DATABASE", each) for each in (*pairs, *by_product)), *unnamed]


def named_entries(columns: Mapping[Place, Sequence[str]], catalog: str) -> tuple[GrantEntry, ...]:
    """Columns by name, which is narrower than any expression. They stay granted whatever their tags become: whoever
    makes one stricter ends the access (`usecases.named_accesses`)."""
    named = (ColumnsGrant(*place, frozenset(names)) for place, names in sorted(columns.items()))
    return (*describing(columns, catalog), *(_entry(each, catalog, SELECT) for each in named))


def filter_entries(places: Iterable[Place], catalog: str, name: str) -> tuple[GrantEntry, ...]:
    """The data cells filter `name` of each table; the granter creates it first, with its columns and predicate."""
    found = sorted(places)
    filters = (
        {"DataCellsFilter": {"TableCatalogId": catalog, "DatabaseName": db, "TableName": table, "Name": name}}
        for db, table in found
    )
    return (*describing(found, catalog), *(GrantEntry(resource=each, permissions=SELECT) for each in filters))


def describing(places: Iterable[Place], catalog: str) -> tuple[GrantEntry, ...]:
    """DESCRIBE of tables by name, and of their databases."""
    tables = sorted(set(places))
    databases = sorted({database for database, _ in tables})
    granted: list[Granted] = [*map(DatabaseGrant, databases), *(TableGrant(*place) for place in tables)]
    return tuple(_entry(each, catalog, DESCRIBE) for each in granted)


def _entry(granted: Granted, catalog: str, permissions: tuple[str, ...]) -> GrantEntry:
    return GrantEntry(resource=resource_of(granted, catalog), permissions=permissions)


def unneeded(entries: Iterable[GrantEntry], others: Iterable[Iterable[GrantEntry]]) -> list[GrantEntry]:
    """The entries of an ending access that no other access (of the same grantee) holds: they may be revoked.

    Compared in normal form, permission by permission; named columns one by one, as Lake Formation records them, so
    the result may name fewer columns or permissions than the entry did.
    """
    held = {atom for access in others for entry in access for atom in _atoms(entry)}
    left = (part for entry in entries for part in _without(entry, held))
    return list({json.dumps(part.model_dump(mode="json"), sort_keys=True): part for part in left}.values())


def grants_digest(entries: Iterable[GrantEntry]) -> str:
    """The same for the same grants."""
    told = sorted(json.dumps([normal(each.resource), sorted(each.permissions)], sort_keys=True) for each in entries)
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


def in_parts(entries: Iterable[GrantEntry], most: int = 100) -> Iterator[GrantEntry]:
    """The same, each of at most so many columns: granted or revoked part by part they are what they are as a whole."""
    for entry in entries:
        names = entry.resource.get("TableWithColumns", {}).get("ColumnNames") or ()
        if len(names) <= most:
            yield entry
        for start in range(0, len(names) if len(names) > most else 0, most):
            yield entry.evolve(resource=_with_columns(entry.resource, names[start : start + most]))


def unneeded_databases(databases: Iterable[str], others: Iterable[Iterable[str]]) -> list[str]:
    """The databases of an ending access that no other access uses: their resource links may be dropped."""
    held = {database for access in others for database in access}
    return [database for database in dict.fromkeys(databases) if database not in held]


def _without(entry: GrantEntry, held: set[Atom]) -> Iterator[GrantEntry]:
    """The entry without what is still held, its columns grouped by the permissions that may be revoked."""
    whole = normal(entry.resource)
    names = whole.get("TableWithColumns", {}).get("ColumnNames")
    if names is None:
        going = tuple(each for each in entry.permissions if (_key(whole), each) not in held)
        if going:
            yield GrantEntry(resource=entry.resource, permissions=going)
        return
    groups: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        single = _key(_with_columns(whole, [name]))
        going = tuple(each for each in entry.permissions if (single, each) not in held)
        groups.setdefault(going, []).append(name)
    for going, columns in groups.items():
        if going:
            yield GrantEntry(resource=_with_columns(whole, columns), permissions=going)


def _atoms(entry: GrantEntry) -> Iterator[Atom]:
    whole = normal(entry.resource)
    names = whole.get("TableWithColumns", {}).get("ColumnNames")
    parts = [whole] if names is None else [_with_columns(whole, [name]) for name in names]
    yield from ((_key(part), permission) for part in parts for permission in entry.permissions)


def normal(resource: Mapping[str, Any]) -> dict[str, Any]:
    """A resource in normal form: Glue and LF-Tags store names lower-case, and order is irrelevant."""
    ((kind, found),) = resource.items()
    body = {name: value.lower() if name in _NAMES_OF_GLUE else value for name, value in found.items()}
    if kind == "LFTagPolicy":
        body["Expression"] = Expression.of_tags(found["Expression"]).to_tags()
    if kind == "DataCellsFilter":
        body["Name"] = found["Name"]
    if "ColumnNames" in body:
        body["ColumnNames"] = sorted({name.lower() for name in body["ColumnNames"]})
    return {kind: body}


def _with_columns(resource: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {"TableWithColumns": {**resource["TableWithColumns"], "ColumnNames": list(names)}}


def _key(resource: Mapping[str, Any]) -> str:
    return json.dumps(resource, sort_keys=True)
