"""LF-Tags on the tables and columns of a crawl, before its version is announced."""

from collections.abc import Mapping, Sequence

from mesh.domain.contract import Contract
from mesh.domain.events import DataCrawled, Envelope, Event, Model
from mesh.domain.ontology import PRODUCT, Ontology
from mesh.domain.product import TableSnapshot
from mesh.domain.tagging import TagPlan, resolve_tags
from mesh.ports import LakeFormation
from mesh.usecases.publication import owned_product
from mesh.usecases.registration import Registration
from mesh.usecases.tag_pins import Tagging, follow_pins


class Tagged(Model):
    """How many tables and columns carry tags of their own."""

    tables: int
    columns: int


def tag_tables(
    envelope: Envelope,
    tables: Sequence[TableSnapshot],
    *,
    tagging: Tagging,
) -> Tagged:
    """Tag all tables of the version in the making, with the registered contract; pinned versions follow what became
    stricter. Raises UnknownLFTag, NotTheOwner."""
    crawl = Event[DataCrawled].model_validate(envelope.detail).data
    product = owned_product(tagging.registry, crawl.product, envelope.account)
    contract = Contract.model_validate(product.contract)
    tagged = assign_tags(product.name, contract, tables, ontology=tagging.ontology, lake=tagging.lake)
    follow_pins(product.name, tagging)
    return tagged


def tag_product(registration: Registration, *, tagging: Tagging) -> Tagged:
    """Tag what is in the catalog already by the new contract, pinned versions with it, then the database.

    In that order: a database that becomes laxer must not, for a moment, let its columns inherit that.
    """
    lake = tagging.lake
    _make_known(registration.product, lake)
    version = tagging.registry.latest_version(registration.product)
    contract = Contract.model_validate(registration.contract)
    tables = version.tables if version else ()
    tagged = assign_tags(registration.product, contract, tables, ontology=tagging.ontology, lake=lake)
    follow_pins(registration.product, tagging)
    lake.tag_database(registration.database, registration.tags)
    return tagged


def _make_known(product: str, lake: LakeFormation) -> None:
    """The product as a value of its LF-Tag. The first products of a mesh may make that tag at the same moment: creating
    one that exists is success, and adds no value to it."""
    known = lake.tag_values(PRODUCT)
    if known is None:
        lake.create_tag(PRODUCT, [product])
        known = lake.tag_values(PRODUCT)
    if product not in (known or ()):
        lake.add_tag_values(PRODUCT, [product])


def assign_tags(
    product: str,
    contract: Contract,
    tables: Sequence[TableSnapshot],
    *,
    ontology: Ontology,
    lake: LakeFormation,
) -> Tagged:
    """Assign what the contract and the findings of all crawls ask for; what is inherited is not assigned again.

    A tag that an earlier contract set, and this one does not, gets the value that would be inherited: it is overwritten
    and not removed, so that no column inherits, for a moment, what its database has before it is tagged anew.
    """
    plan = resolve_tags(
        contract,
        ontology,
        {table.table: table.findings for table in tables},
        product=product,
        tables={table.table: [column.name for column in table.columns] for table in tables},
    )
    plan = _take_back(plan, product, tables, lake)
    for table in plan.columns:
        for tags, columns in plan.column_groups(table):
            lake.tag_columns(product, table, columns, tags)
    for table, tags in plan.tables.items():
        lake.tag_table(product, table, tags)
    return Tagged(tables=len(plan.tables), columns=sum(len(columns) for columns in plan.columns.values()))


def _take_back(plan: TagPlan, product: str, tables: Sequence[TableSnapshot], lake: LakeFormation) -> TagPlan:
    """The plan, with what tables and columns carry themselves but should not."""
    on_tables, on_columns = dict(plan.tables), dict(plan.columns)
    for table in tables:
        name = table.table
        own, own_columns = lake.assigned_tags(product, name)
        inherited = {**plan.database, **plan.tables.get(name, {})}
        on_tables[name] = {**_stale(own, plan.database), **plan.tables.get(name, {})}
        wanted = plan.columns.get(name, {})
        on_columns[name] = {
            column.name: {**_stale(own_columns.get(column.name, {}), inherited), **wanted.get(column.name, {})}
            for column in table.columns
        }
    return plan.model_copy(
        update={
            "tables": {name: tags for name, tags in on_tables.items() if tags},
            "columns": {name: {c: tags for c, tags in columns.items() if tags} for name, columns in on_columns.items()},
        }
    )


def _stale(own: Mapping[str, str], inherited: Mapping[str, str]) -> dict[str, str]:
    """What would be inherited, where a tag of one's own says another thing. Keys of others are not ours to judge."""
    return {key: inherited[key] for key, value in own.items() if key in inherited and inherited[key] != value}
