"""What an access gives, and would not be granted by now: columns by name that are stricter than when it was decided
(docs/decisions/0035), and what the rules no longer allow (docs/decisions/0040)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mesh.domain.access.exposure import column_classes, listed, matched_by
from mesh.domain.access.record import Access, Decided
from mesh.domain.errors import Rejected
from mesh.domain.governance.catalog_snapshot import CatalogSnapshot
from mesh.domain.governance.expressions import Expression
from mesh.domain.governance.ontology import CONFIDENTIALITY, PII, Ontology
from mesh.domain.governance.publication_tag import is_published
from mesh.domain.names import is_pinned_table

type TagsOfColumn = Callable[[str, str, str], Mapping[str, str]]
"""Database, table, column → its LF-Tags, own and inherited; none of what is not there."""


class BecameStricter(Rejected):
    """A column that was granted by name, or is about to be, is stricter by now than what was decided on."""


def stricter_columns(access: Access, tags: TagsOfColumn, ontology: Ontology) -> list[str]:
    """`database.table.column` of those; none of an access by LF-Tags, which follows them by itself."""
    decided = access.decided
    if decided is None or not access.by_name():
        return []
    found = []
    given = {**decided.filtered_by, **column_classes(decided.exposure, decided.columns)}
    for name, classes in given.items():
        database, table, column = name.split(".", 2)
        now = tags(database, table, column)
        approved = dict(zip((CONFIDENTIALITY, PII), classes, strict=True))
        if any(_is_stricter(key, value, now.get(key), ontology) for key, value in approved.items()):
            found.append(name)
    return found


def became_stricter(access: str, columns: Sequence[str]) -> BecameStricter:
    """Why the access ends."""
    return BecameStricter(
        f"by now stricter than when the access was decided: {listed(columns)}",
        access=access,
        remedy="request it again: mesh request",
    )


def no_longer_allowed(access: Access, now: Decided, lake: CatalogSnapshot) -> str:
    """What the rules do not allow of what the access gives, `now` being their decision on the same request; empty:
    they allow all of it.

    Columns that are gone, or not published, are none that it gives; an access by LF-Tags gives what its expressions
    match. Of one that gives nothing by now the rules can only say what they would decide. Whoever approved need not
    approve again; an approver whom the rules did not ask before has not approved.
    """
    decided = access.decided
    if decided is None:
        return ""
    own = replace(lake, databases={name: each for name, each in lake.databases.items() if name in decided.databases})
    there = own.without_tables(lambda table: is_pinned_table(table) and table != access.request.table)
    given = _given(access, decided, there)
    if given and now.course == "deny":
        return now.why
    if denied := sorted(given - set(now.columns)):
        return listed(denied, 5)
    approved = {each.account for each in access.answers if each.decision == "approve"}
    missing = set(now.approvers) - approved if given and not access.escalated else set[str]()
    return f"it would need the approval of {', '.join(sorted(missing))}" if missing else ""


def _given(access: Access, decided: Decided, lake: CatalogSnapshot) -> set[str]:
    """`database.table.column`."""
    if access.by_name():
        return {name for name in decided.columns if is_published(lake.tags_if_there(*name.split(".", 2)))}
    policies = [entry.resource["LFTagPolicy"] for entry in decided.entries if "LFTagPolicy" in entry.resource]
    return {
        f"{where.database}.{where.table}.{column.name}"
        for each in policies
        if each["ResourceType"] == "TABLE"
        for where in matched_by(lake, Expression.of_tags(each["Expression"]))
        for column in where.columns
    }


def _is_stricter(key: str, approved: str, now: str | None, ontology: Ontology) -> bool:
    known, approved = ontology.keys[key].values, ontology.current(key, approved)
    now = now and ontology.current(key, now)
    return now in known and now != approved and (approved not in known or ontology.stricter(key, approved, now) == now)
