"""Columns granted by name stay granted whatever their LF-Tags become: an access that one of them has overtaken ends."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from mesh.domain.access.overtaken import TagsOfColumn, became_stricter, stricter_columns
from mesh.domain.access.record import HOLDING, Access
from mesh.domain.governance.ontology import Ontology
from mesh.domain.names import execution_name, present_table
from mesh.ports import AccessRegistry, Executions, LakeFormation, Registry

type Columns = Mapping[str, Mapping[str, Mapping[str, str]]]
"""Table → column → its LF-Tags, own and inherited."""


@dataclass(frozen=True)
class NamedAccesses:
    """The accesses of all members, and the machine that ends one."""

    registry: Registry
    accesses: AccessRegistry
    ontology: Ontology
    endings: Executions

    @contextmanager
    def overtaken_by(self, product: str, tags: Columns) -> Iterator[None]:
        """While `tags` are assigned. Accesses are looked at before: a crash in between leaves one that ends too early.
        And again after it, for what was decided on the tags before and recorded since: a grant that begins later looks
        at the tags itself."""
        self.end_overtaken(product, tags)
        yield
        self.end_overtaken(product, tags)

    def end_overtaken(self, product: str, tags: Columns) -> list[str]:
        """Start the end of each access to columns of the product by name (or by a filter), one of which has a stricter
        class in `tags` than the one that was decided on; their ids. Pinned versions of a table count as the table where
        `tags` does not have their own.

        Idempotent.
        """

        def changed(database: str, table: str, column: str) -> Mapping[str, str]:
            of_table = tags.get(table, tags.get(present_table(table), {}))
            return of_table.get(column, {}) if database == product else {}

        overtaken = []
        for access in self._named(product) if any(tags.values()) else ():
            if stricter := stricter_columns(access, changed, self.ontology):
                self.end(access.id, stricter)
                overtaken.append(access.id)
        return overtaken

    def _named(self, product: str) -> Iterator[Access]:
        held = (access for member in self.registry.members() for access in self.accesses.held_by(member.account))
        return (each for each in held if each.status in HOLDING and each.by_name() and product in each.products())

    def end(self, access: str, columns: Sequence[str], again: str = "") -> None:
        """Start the end of an access, since these columns became stricter; once, however often it is called, and once
        more for each `again`: what was started before may have failed."""
        order = {"access": access, "cause": "revoked", "why": became_stricter(access, columns).to_dict()}
        self.endings.start(execution_name(access, f"stricter{again and '-'}{again}"), json.dumps({"ending": order}))


def tags_of_columns(lake: LakeFormation) -> TagsOfColumn:
    """As they are now; each table is asked for once."""
    of_table = cache(lake.table_tags)

    def tags(database: str, table: str, column: str) -> Mapping[str, str]:
        inherited, columns = of_table(database, table)
        return columns.get(column, inherited)

    return tags
