"""LF-Tags on the tables and columns of a crawl, before its version is announced."""

from collections.abc import Sequence

from mesh.domain.contract import Contract
from mesh.domain.events import DataCrawled, Envelope, Event, Model
from mesh.domain.ontology import PRODUCT, Ontology
from mesh.domain.product import TableSnapshot
from mesh.domain.tagging import resolve_tags
from mesh.ports import LakeFormation, Registry
from mesh.usecases.publication import owned_product
from mesh.usecases.registration import Registration


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
    """Tag all tables of the version in the making, with the registered contract. Raises UnknownLFTag, NotTheOwner."""
    crawl = Event[DataCrawled].model_validate(envelope.detail).data
    product = owned_product(registry, crawl.product, envelope.account)
    return assign_tags(product.name, Contract.model_validate(product.contract), tables, ontology=ontology, lake=lake)


def tag_product(registration: Registration, *, ontology: Ontology, registry: Registry, lake: LakeFormation) -> Tagged:
    """Tag what is in the catalog already by the new contract, then the database.

    In that order: a database that becomes laxer must not, for a moment, let its columns inherit that.
    """
    known = lake.tag_values(PRODUCT)
    if known is None:
        lake.create_tag(PRODUCT, [registration.product])
    elif registration.product not in known:
        lake.add_tag_values(PRODUCT, [registration.product])
    version = registry.latest_version(registration.product)
    contract = Contract.model_validate(registration.contract)
    tables = version.tables if version else ()
    tagged = assign_tags(registration.product, contract, tables, ontology=ontology, lake=lake)
    lake.tag_database(registration.database, registration.tags)
    return tagged


def assign_tags(
    product: str,
    contract: Contract,
    tables: Sequence[TableSnapshot],
    *,
    ontology: Ontology,
    lake: LakeFormation,
) -> Tagged:
    """Assign what the contract and the findings of all crawls ask for; what is inherited is not assigned again."""
    plan = resolve_tags(
        contract,
        ontology,
        {table.table: table.findings for table in tables},
        product=product,
        tables={table.table: [column.name for column in table.columns] for table in tables},
    )
    for table in plan.columns:
        for tags, columns in plan.column_groups(table):
            lake.tag_columns(product, table, columns, tags)
    for table, tags in plan.tables.items():
        lake.tag_table(product, table, tags)
    return Tagged(tables=len(plan.tables), columns=sum(len(columns) for columns in plan.columns.values()))
