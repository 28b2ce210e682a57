"""No LF-Tag becomes laxer because a contract says nothing of it (any more).

Of a column or table that the contract describes, a key is loosened only where the contract states it right there: what
it leaves out keeps the value that the column or table has itself. What it does not describe at all keeps all that it
has, inherited values included, until its data is gone. See docs/decisions/0032.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from mesh.domain.contracts.contract import Contract
from mesh.domain.governance.column_findings import KnownFinding
from mesh.domain.governance.ontology import Ontology
from mesh.domain.governance.tagging import TagPlan, loosens, stated_keys, stated_on_table

type Tags = Mapping[str, str]


class PresentTags(NamedTuple):
    """A table's LF-Tags: what it and its columns carry themselves (`own`, `own_columns`), and what is in effect. A
    column in neither mapping has what the table has."""

    own: Tags
    own_columns: Mapping[str, Tags]
    seen: Tags
    seen_columns: Mapping[str, Tags]


def changed_columns(
    plan: TagPlan,
    columns: Mapping[str, Sequence[str]],
    present: Mapping[str, PresentTags],
    *,
    findings: Mapping[str, Sequence[KnownFinding]],
    batch: str,
) -> dict[str, dict[str, Tags]]:
    """Table → column → the tags that it will have, for the columns whose tags the plan changes, and for those in which
    this batch was the first to find something: a run that died had changed them, perhaps, and looked no further."""
    found: dict[str, dict[str, Tags]] = {}
    for table, tags in present.items():
        first = {finding.column for finding in findings.get(table, ()) if finding.batch == batch}
        for column in columns.get(table, ()):
            now, own = tags.seen_columns.get(column, tags.seen), tags.own_columns.get(column, {})
            inherited = {key: value for key, value in plan.tables.get(table, {}).items() if key not in own}
            then = {**now, **inherited, **plan.columns.get(table, {}).get(column, {})}
            if then != now or column in first:
                found.setdefault(table, {})[column] = then
    return found


def keep_stricter(
    plan: TagPlan,
    contract: Contract,
    tables: Mapping[str, Sequence[str]],
    present: Mapping[str, PresentTags],
    ontology: Ontology,
) -> TagPlan:
    """The plan without anything that silence would loosen, and with what overrides tags that should not be there.

    `tables`: table → columns; `present` has each of them.
    """
    on_tables: dict[str, dict[str, str]] = {}
    on_columns: dict[str, dict[str, dict[str, str]]] = {}
    for name, columns in tables.items():
        keeper = _Keeper(name, plan, contract, present[name], ontology)
        on_tables[name] = keeper.on_table()
        by_column = {column: keeper.on_column(column) for column in columns}
        on_columns[name] = {column: tags for column, tags in by_column.items() if tags}
    return plan.evolve(
        tables={name: tags for name, tags in on_tables.items() if tags},
        columns={name: columns for name, columns in on_columns.items() if columns},
    )


def tags_after(
    plan: TagPlan, tables: Mapping[str, Sequence[str]], present: Mapping[str, PresentTags]
) -> dict[str, dict[str, Tags]]:
    """Table → column → the tags in effect once the plan, its database's included, is assigned."""
    found: dict[str, dict[str, Tags]] = {}
    for name, columns in tables.items():
        now, planned = present[name], plan.columns.get(name, {})
        table = {**plan.database, **now.own, **plan.tables.get(name, {})}
        found[name] = {
            column: {**table, **now.own_columns.get(column, {}), **planned.get(column, {})} for column in columns
        }
    return found


def loosened_by(
    after: Mapping[str, Mapping[str, Tags]], present: Mapping[str, PresentTags], ontology: Ontology
) -> list[str]:
    """What `tags_after` makes laxer, as `table.column key: before → after`; empty for most plans."""
    found = []
    for name, columns in after.items():
        now = present[name]
        for column, tags in columns.items():
            before = now.seen_columns.get(column, now.seen)
            found += [
                f"{name}.{column} {key}: {before[key]} \u2192 {tags[key]}"
                for key in before.keys() & tags.keys()
                if loosens(key, before[key], tags[key], ontology)
            ]
    return sorted(found)


class _Keeper:
    """One table. Its final tags are `tags`."""

    def __init__(self, name: str, plan: TagPlan, contract: Contract, present: PresentTags, ontology: Ontology) -> None:
        self._plan, self._present, self._ontology = plan, present, ontology
        self._declared = None if contract.draft else contract.table(name)
        self._stated = stated_on_table(self._declared) if self._declared else None
        self._planned = {**plan.database, **plan.tables.get(name, {})}
        self._by_column = plan.columns.get(name, {})
        self.tags = self._kept(self._planned, self._stated, present.own, present.seen)

    def on_table(self) -> dict[str, str]:
        """What to assign to the table itself."""
        return _to_assign(self.tags, self._plan.database, self._present.own, self._stated or ())

    def on_column(self, name: str) -> dict[str, str]:
        """What to assign to one of its columns."""
        column = self._declared.column(name) if self._declared else None
        stated = stated_keys(column, self._ontology) if column else None
        own = self._present.own_columns.get(name, {})
        planned = {**self._planned, **self._by_column.get(name, {})}
        planned = self._stricter(planned, {key: v for key, v in self.tags.items() if key not in (stated or ())})
        tags = self._kept(planned, stated, own, self._present.seen_columns.get(name, self._present.seen))
        return _to_assign(tags, self.tags, own, stated or ())

    def _kept(self, planned: Tags, stated: Collection[str] | None, own: Tags, seen: Tags) -> dict[str, str]:
        """`stated` is None for what the contract does not describe."""
        if stated is None:
            return self._stricter(planned, seen)
        free = {*stated, *self._implied(own, stated)}
        return self._stricter(planned, {key: value for key, value in own.items() if key not in free})

    def _implied(self, own: Tags, stated: Collection[str]) -> set[str]:
        """Keys whose value goes with that of a stated key, and goes when it goes."""
        implied = set()
        for key in stated:
            value = self._ontology.keys[key].values.get(own.get(key, ""))
            implied |= {other for other, least in (value.implies if value else {}).items() if own.get(other) == least}
        return implied

    def _stricter(self, planned: Tags, present: Tags) -> dict[str, str]:
        """Of each ordered key the more restrictive value. One that the ontology lost says nothing of order."""
        tags = dict(planned)
        for key, value in present.items():
            known = self._ontology.keys.get(key)
            if known is not None and known.ordered and value in known.values:
                tags[key] = self._ontology.stricter(key, tags.get(key), value) or value
        return self._ontology.with_implied(tags)


def _to_assign(tags: Tags, inherited: Tags, own: Tags, stated: Collection[str]) -> dict[str, str]:
    """What differs from the inherited value or from what is there. A stated value is assigned even where it would be
    inherited: otherwise a later revision that leaves it out would loosen it together with what it inherits from."""
    return {
        key: value
        for key, value in tags.items()
        if inherited.get(key) != value or own.get(key, value) != value or (key in stated and key not in own)
    }
