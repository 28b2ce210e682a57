"""LF-Tags on the tables and columns of a crawl, before its version is announced."""

from collections.abc import Sequence

from mesh.domain.contract import Contract
from mesh.domain.events import DataCrawled, Envelope, Event, Model
from mesh.domain.ontology import Ontology
from mesh.domain.product import TableSnapshot
from mesh.domain.tagging import resolve_tags
from mesh.ports import LakeFormation, Registry
from mesh.usecases.publication import owned_product


class Tagged(Model):
    """How many tables and columns carry tags of their own."""

    tables: int
    columns: int


def tag_tables(
    envelope: Envelope,
    tables: Sequence[TableSnapshot],
    *,
    ontology: Ontology,
    registry: Registry,
    lake: LakeFormation,
) -> Tagged:
    """Assign what the contract and the findings of this crawl ask for; what is inherited is not assigned again.

    A finding of an earlier crawl stays: tags are added and replaced, and a column that once looked personal is made
    laxer only by its owner's contract. Raises UnknownLFTag, NotTheOwner.
    """
    crawl = Event[DataCrawled].model_validate(envelope.detail).data
    product = owned_product(registry, crawl.product, envelope.account)
    existing = {table.table: [column.name for column in table.columns] for table in tables}
    plan = resolve_tags(
        Contract.model_validate(product.contract),
        ontology,
        {table.name: table.findings for table in crawl.tables},
        product=product.name,
        tables=existing,
    )
    for table, tags in plan.tables.items():
        lake.tag_table(product.name, table, tags)
    for table in plan.columns:
        for tags, columns in plan.column_groups(table):
            lake.tag_columns(product.name, table, columns, tags)
    return Tagged(tables=len(plan.tables), columns=sum(len(columns) for columns in plan.columns.values()))
