"""Columns granted by name stay granted whatever their LF-Tags become: an access that one of them has overtaken ends."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mesh.domain.access.exposure import column_classes, listed
from mesh.domain.access.record import HOLDING, Access
from mesh.domain.events import Reason
from mesh.domain.governance.ontology import CONFIDENTIALITY, PII, Ontology
from mesh.domain.names import execution_name, present_table
from mesh.ports import AccessRegistry, Executions, Registry

type Columns = Mapping[str, Mapping[str, Mapping[str, str]]]
"""Table → column → its LF-Tags, own and inherited."""


@dataclass(frozen=True)
class NamedAccesses:
    """The accesses of all members, and the machine that ends one."""

    registry: Registry
    accesses: AccessRegistry
    ontology: Ontology
    endings: Executions

    def end_overtaken(self, product: str, tags: Columns) -> list[str]:
        """Start the end of each access to columns of the product by name (or by a filter), one of which has a stricter
        class in `tags` than the one that was decided on; their ids. Pinned versions of a table count as the table.

        Idempotent, and started before the tags are assigned: a crash in between leaves an access that ends too early.
        """
        overtaken = []
        for access in self._named(product) if any(tags.values()) else ():
            if stricter := list(self._stricter(access, product, tags)):
                self._end(access, stricter)
                overtaken.append(access.id)
        return overtaken

    def _named(self, product: str) -> Iterator[Access]:
        held = (access for member in self.registry.members() for access in self.accesses.held_by(member.account))
        return (each for each in held if each.status in HOLDING and each.by_name() and product in each.products())

    def _stricter(self, access: Access, product: str, tags: Columns) -> Iterator[str]:
        decided = access.decided
        for name, classes in column_classes(decided.exposure, decided.columns).items() if decided else ():
            database, table, column = name.split(".", 2)
            now = tags.get(present_table(table), {}).get(column, {}) if database == product else {}
            approved = dict(zip((CONFIDENTIALITY, PII), classes, strict=True))
            if any(self._is_stricter(key, value, now.get(key)) for key, value in approved.items()):
                yield name

    def _is_stricter(self, key: str, approved: str, now: str | None) -> bool:
        known = self.ontology.keys[key].values
        return (
            now in known
            and now != approved
            and (approved not in known or self.ontology.stricter(key, approved, now) == now)
        )

    def _end(self, access: Access, columns: Iterable[str]) -> None:
        why = Reason(
            code="BecameStricter",
            message=f"by now stricter than when the access was decided: {listed(list(columns))}",
            where={"access": access.id},
            remedy="request it again: mesh request",
        )
        order = {"access": access.id, "cause": "revoked", "why": why.model_dump(mode="json")}
        self.endings.start(execution_name(access.id, "stricter"), json.dumps({"ending": order}))
