"""LF-Tags of a pinned table: never laxer than what the present table's are, or what contract and findings ask for."""

from collections.abc import Mapping, Sequence

from mesh.domain.contracts.contract import Contract
from mesh.domain.events import ColumnRef, PersonalDataFinding
from mesh.domain.governance.ontology import PRODUCT, PUBLICATION, Ontology
from mesh.domain.governance.tagging import resolve_tags

type Tags = Mapping[str, str]


def closed_tags(ontology: Ontology) -> dict[str, str]:
    """The most restrictive value of each ordered key: no expression that names one of them reaches what has these."""
    return {name: key.most_restrictive for name, key in ontology.keys.items() if key.ordered}


def pinned_tags(
    product: str,
    table: str,
    columns: Sequence[ColumnRef],
    findings: Sequence[PersonalDataFinding],
    present: tuple[Tags, Mapping[str, Tags]] | None,
    *,
    contract: Contract,
    ontology: Ontology,
) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """(tags of the table, tags of each of `columns`) to assign to a copy of `table` under another name.

    `present`: effective tags of the table as it is now, and of each of its columns; None where it is gone. Of an
    ordered key the stricter value holds; of others the present one, since it is what grants were decided on. A column
    that is not there now has no present tags, so its ordered keys get their most restrictive values unless the contract
    still describes it. `findings`: all that was ever found in the table.

    Raises UnknownLFTag.
    """
    names = [column.name for column in columns]
    plan = resolve_tags(contract, ontology, {table: findings}, product=product, tables={table: names})
    planned = {**plan.database, **plan.tables.get(table, {})}
    own_plan = plan.columns.get(table, {})
    declared = contract.table(table)
    described = {column.catalog_name for column in declared.columns} if declared else set()
    now, now_columns = present if present is not None else (closed_tags(ontology), {})
    closed = closed_tags(ontology)

    def of(name: str) -> dict[str, str]:
        wanted = {**planned, **own_plan.get(name, {})}
        if name in now_columns:
            return _stricter(wanted, now_columns[name], ontology)
        return _stricter(wanted, now, ontology) if name in described else _stricter(wanted, closed, ontology)

    return _stricter(planned, now, ontology), {name: of(name) for name in names}


def _stricter(planned: Tags, present: Tags, ontology: Ontology) -> dict[str, str]:
    """Key by key. The product's own tag is inherited from the database, and is never another's; `publication` is set
    when the table is opened."""
    tags = {**planned, **present}
    for key, value in planned.items():
        known = ontology.keys.get(key)
        if known is not None and known.ordered:
            tags[key] = ontology.stricter(key, _known(present.get(key), known.values), value) or value
    return {key: value for key, value in tags.items() if key not in (PRODUCT, PUBLICATION)}


def _known(value: str | None, values: Mapping[str, object]) -> str | None:
    """A value that the ontology lost says nothing of order."""
    return value if value in values else None
