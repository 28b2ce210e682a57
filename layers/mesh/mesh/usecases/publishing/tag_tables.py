"""LF-Tags on tables and columns, set before a version is announced.

The last one is `publication=published`, on each column by itself and never on a table or a database: whatever
appears in them later inherits `pending`, and no grant by an expression reaches it.
"""

from collections.abc import Iterator, Mapping, Sequence

from mesh.domain.contracts.contract import Contract
from mesh.domain.contracts.product import TableSnapshot
from mesh.domain.contracts.registration import Registration
from mesh.domain.governance.ontology import PENDING, PRODUCT, PUBLICATION, PUBLISHED, Ontology
from mesh.domain.governance.tagging import TagPlan, resolve_tags
from mesh.domain.model import Model
from mesh.ports import Catalog, LakeFormation
from mesh.usecases.publishing.published_tables import columns_of
from mesh.usecases.publishing.tag_pins import Tagging, follow_pins


class Tagged(Model):
    """How many tables and columns carry their own tags, and how many columns were published."""

    tables: int
    columns: int
    published: int = 0


def tag_product(registration: Registration, *, tagging: Tagging) -> Tagged:
    """Tag published tables and columns that are still in the catalog by the new contract, then pins, then the database.

    In that order: a database that becomes laxer must not, for a moment, let its columns inherit that. What a batch that
    was held back brought stays pending, and what it lost cannot be tagged.
    """
    lake = tagging.lake
    _make_known(registration.product, lake)
    version = tagging.registry.latest_version(registration.product)
    contract = Contract.model_validate(registration.contract)
    tables = list(_still_there(registration.database, version.tables if version else (), tagging.catalog))
    tagged = assign_tags(registration.product, contract, tables, ontology=tagging.ontology, lake=lake)
    follow_pins(registration.product, tagging)
    lake.tag_database(registration.database, {**registration.tags, PUBLICATION: PENDING})
    return tagged


def _still_there(database: str, tables: Sequence[TableSnapshot], catalog: Catalog) -> Iterator[TableSnapshot]:
    """The tables with those of their columns that the catalog has."""
    for snapshot in tables:
        table = catalog.table(database, snapshot.table)
        if table is not None:
            found = columns_of([*table["StorageDescriptor"].get("Columns", []), *table.get("PartitionKeys", [])])
            there = {column.name for column in found}
            kept = {
                "columns": tuple(column for column in snapshot.columns if column.name in there),
                "partition_keys": tuple(column for column in snapshot.partition_keys if column.name in there),
            }
            yield snapshot.evolve(**kept)


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
    """Assign what the contract and the findings of all batches ask for; what is inherited is not assigned again.

    A tag that an earlier contract set, and this one does not, gets the value that would be inherited: it is overwritten
    and not removed, so that no column inherits, for a moment, what its database has before it is tagged anew.

    Columns that were not there before are published when all else is in place.
    """
    carried = carried_tags(product, tables, lake)
    plan = plan_tags(product, contract, tables, ontology, carried)
    for table in plan.columns:
        for tags, columns in plan.column_groups(table):
            lake.tag_columns(product, table, columns, tags)
    for table, tags in plan.tables.items():
        lake.tag_table(product, table, tags)
    published = sum(publish_columns(product, table, lake, carried[table.table]) for table in tables)
    tagged = sum(map(len, plan.columns.values()))
    return Tagged(tables=len(plan.tables), columns=tagged, published=published)


type OwnTags = tuple[Mapping[str, str], Mapping[str, Mapping[str, str]]]
"""What a table, and each of its columns, carries itself."""


def carried_tags(product: str, tables: Sequence[TableSnapshot], lake: LakeFormation) -> dict[str, OwnTags]:
    """By table."""
    return {table.table: lake.assigned_tags(product, table.table) for table in tables}


def plan_tags(
    product: str,
    contract: Contract,
    tables: Sequence[TableSnapshot],
    ontology: Ontology,
    carried: Mapping[str, OwnTags],
) -> TagPlan:
    """What is to be assigned, the mesh's own tag apart. `carried`: see `carried_tags`."""
    plan = resolve_tags(
        contract,
        ontology,
        {table.table: table.findings for table in tables},
        product=product,
        tables={table.table: [column.name for column in table.columns] for table in tables},
    )
    return _with_overwritten(plan, tables, carried)


def publish_columns(product: str, table: TableSnapshot, lake: LakeFormation, carried: OwnTags) -> int:
    """How many columns are new, and published by this one call. Partition keys are columns as well."""
    _, own = carried
    names = [column.name for column in (*table.columns, *table.partition_keys)]
    new = [name for name in names if own.get(name, {}).get(PUBLICATION) != PUBLISHED]
    if new:
        lake.tag_columns(product, table.table, new, {PUBLICATION: PUBLISHED})
    return len(new)


def _with_overwritten(plan: TagPlan, tables: Sequence[TableSnapshot], carried: Mapping[str, OwnTags]) -> TagPlan:
    """The plan, with what tables and columns carry themselves but should not."""
    on_tables, on_columns = dict(plan.tables), dict(plan.columns)
    for table in tables:
        name = table.table
        own, own_columns = carried[name]
        inherited = {**plan.database, **plan.tables.get(name, {})}
        # A table tagged as published would pass that on to future columns.
        on_tables[name] = {**_stale(own, {**plan.database, PUBLICATION: PENDING}), **plan.tables.get(name, {})}
        wanted = plan.columns.get(name, {})
        on_columns[name] = {
            column.name: {**_stale(own_columns.get(column.name, {}), inherited), **wanted.get(column.name, {})}
            for column in table.columns
        }
    return plan.evolve(
        tables={name: tags for name, tags in on_tables.items() if tags},
        columns={name: {c: tags for c, tags in columns.items() if tags} for name, columns in on_columns.items()},
    )


def _stale(own: Mapping[str, str], inherited: Mapping[str, str]) -> dict[str, str]:
    """The inherited value, where the resource's own tag differs. Keys that Meshwork does not own are left alone."""
    return {key: inherited[key] for key, value in own.items() if key in inherited and inherited[key] != value}
