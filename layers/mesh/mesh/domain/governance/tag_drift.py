"""Which LF-Tags of a product are not as contract, findings and registration say. See docs/decisions/0032."""

from collections.abc import Mapping, Sequence

from mesh.domain.contracts.contract import Contract
from mesh.domain.events import PersonalDataFinding
from mesh.domain.governance.catalog_snapshot import Database, Table
from mesh.domain.governance.kept_tags import PresentTags, keep_stricter
from mesh.domain.governance.ontology import PENDING, PUBLICATION, PUBLISHED, Ontology
from mesh.domain.governance.tagging import resolve_tags


def tag_faults(
    product: str,
    contract: Contract,
    tables: Mapping[str, Sequence[str]],
    database: Database,
    *,
    findings: Mapping[str, Sequence[PersonalDataFinding]],
    registered: Mapping[str, str],
    ontology: Ontology,
) -> list[str]:
    """`place key: value, not value`, or what is not published. `tables`: published table → its columns; `registered`:
    the database's tags. A value that is stricter than it has to be is nobody's fault."""
    faults = _differing(product, database.tags, {**registered, PUBLICATION: PENDING})
    present = {name: _present(database.tables[name], database) for name in tables}
    plan = resolve_tags(contract, ontology, findings, product=product, tables=tables, registered=registered)
    plan = keep_stricter(plan, contract, tables, present, ontology)
    for name, columns in tables.items():
        own = present[name].own_columns
        faults += _differing(name, present[name].own, plan.tables.get(name, {}))
        if present[name].own.get(PUBLICATION, PENDING) != PENDING:
            faults.append(f"{name} {PUBLICATION}: {PUBLISHED}, not {PENDING}")
        for column, tags in plan.columns.get(name, {}).items():
            faults += _differing(f"{name}.{column}", own.get(column, {}), tags)
        hidden = [column for column in columns if own.get(column, {}).get(PUBLICATION) != PUBLISHED]
        faults += [f"{name}.{column} is not published" for column in hidden]
    return faults


def _present(table: Table, database: Database) -> PresentTags:
    return PresentTags(
        table.tags,
        table.column_tags,
        table.effective(database.tags),
        {column: table.effective(database.tags, column) for column in table.columns},
    )


def _differing(place: str, own: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    return [
        f"{place} {key}: {own.get(key, 'no value')}, not {value}"
        for key, value in sorted(wanted.items())
        if own.get(key) != value
    ]
