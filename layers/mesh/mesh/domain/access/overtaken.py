"""Columns granted by name stay granted whatever their LF-Tags become: which of them are stricter by now than they were
when the access was decided. See docs/decisions/0035."""

from collections.abc import Callable, Mapping, Sequence

from mesh.domain.access.exposure import column_classes, listed
from mesh.domain.access.record import Access
from mesh.domain.errors import Rejected
from mesh.domain.governance.ontology import CONFIDENTIALITY, PII, Ontology

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
    for name, classes in column_classes(decided.exposure, decided.columns).items():
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


def _is_stricter(key: str, approved: str, now: str | None, ontology: Ontology) -> bool:
    known = ontology.keys[key].values
    return now in known and now != approved and (approved not in known or ontology.stricter(key, approved, now) == now)
