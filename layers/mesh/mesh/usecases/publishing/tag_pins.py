"""LF-Tags of pinned tables: closed to everybody until they are complete, then never laxer than the present table's."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mesh.domain.contracts.contract import Contract
from mesh.domain.contracts.product import NotYetReadable, UnknownProduct
from mesh.domain.governance.ontology import PUBLICATION, PUBLISHED, Ontology
from mesh.domain.governance.tagging import TagPlan
from mesh.domain.names import pinned_table
from mesh.domain.publishing.pin_tags import closed_tags, pinned_tags
from mesh.domain.publishing.pins import PIN, Pin
from mesh.ports import Catalog, LakeFormation, Registry
from mesh.usecases.publishing.published_tables import columns_of

type _Tags = Mapping[str, str]


@dataclass(frozen=True)
class Tagging:
    """The ports that tagging a pinned table needs."""

    catalog: Catalog
    lake: LakeFormation
    registry: Registry
    ontology: Ontology


def close_pin(product: str, pin: Pin, tagging: Tagging) -> None:
    """Set the most restrictive values on the new tables while they are empty; their columns inherit them.

    Raises NotYetReadable while central does not see a table.
    """
    for _, name in pin.pinned_tables():
        _require(product, name, tagging)
        tagging.lake.tag_table(product, name, closed_tags(tagging.ontology))


def open_pin(product: str, pin: Pin, tagging: Tagging) -> None:
    """Set the final tags, columns before tables: the table stays closed until the last one is set.

    Each column is published with its own tags. What they follow from is read again after they were set: of two runs the
    one that read it earlier may be the later one to set them.

    Raises NotYetReadable, UnknownLFTag.
    """
    for table, name in pin.pinned_tables():
        planned = None
        while planned != (found := _tags_of(product, pin, table, tagging)):
            _assign(product, name, *found, tagging.lake)
            planned = found


def follow_pins(name: str, tagging: Tagging) -> int:
    """The product's tags have changed: those of its pinned tables follow, also while they are made; how many pins did.
    None of a product that was retired: they are hidden, and on their way to be dropped.

    A pin that ends at this moment has no tables any more; it must not block a publication.
    """
    pins, followed = tagging.registry.pins(name).kept(), 0
    product = tagging.registry.product(name) if pins else None
    if product is None or product.status == "retired":
        return followed
    for pin in pins:
        made = pin if pin.status == "ready" else _made_so_far(name, pin, tagging)
        with suppress(NotYetReadable):
            open_pin(name, made, tagging)
            followed += bool(made.tables)
    return followed


def tags_of_pins(name: str, tagging: Tagging) -> dict[str, dict[str, _Tags]]:
    """Pinned table → column → the tags that are in effect; of those that are there."""
    pins = tagging.registry.pins(name).kept()
    tables = [table for pin in pins for _, table in pin.pinned_tables() if tagging.catalog.table(name, table)]
    return {table: dict(tagging.lake.table_tags(name, table)[1]) for table in tables}


def _made_so_far(product: str, pin: Pin, tagging: Tagging) -> Pin:
    """With those of its tables that are there."""
    version = tagging.registry.version(product, pin.version)
    names = [table.table for table in version.tables] if version else []
    found = {name: tagging.catalog.table(product, pinned_table(name, pin.version)) or {} for name in names}
    return pin.evolve(tables=tuple(name for name in names if found[name].get("Parameters", {}).get(PIN) == pin.id))


def _assign(product: str, name: str, on_table: _Tags, on_columns: Mapping[str, _Tags], lake: LakeFormation) -> None:
    published = {column: {**tags, PUBLICATION: PUBLISHED} for column, tags in on_columns.items()}
    plan = TagPlan(database={}, columns={name: published})
    for tags, columns in plan.column_groups(name):
        lake.tag_columns(product, name, columns, tags)
    lake.tag_table(product, name, on_table)


def _tags_of(name: str, pin: Pin, table: str, tagging: Tagging) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    product = tagging.registry.product(name)
    if product is None:
        raise UnknownProduct(f"there is no product {name}", product=name)
    pinned = _require(name, pinned_table(table, pin.version), tagging)
    present = _present(name, table, tagging)
    return pinned_tags(
        name,
        table,
        columns_of(pinned["StorageDescriptor"].get("Columns", [])),
        tagging.registry.findings(name).get(table, ()),
        present,
        contract=Contract.model_validate(product.contract),
        ontology=tagging.ontology,
    )


def _require(database: str, name: str, tagging: Tagging) -> dict[str, Any]:
    found = tagging.catalog.table(database, name)
    if found is None:
        raise NotYetReadable(f"table {database}.{name} is not in the catalog yet", database=database)
    return found


def _present(database: str, table: str, tagging: Tagging) -> tuple[dict[str, str], dict[str, _Tags]] | None:
    """Effective tags of the table as it is now, and of each column that it has now."""
    now = tagging.catalog.table(database, table)
    if now is None:
        return None
    inherited, columns = tagging.lake.table_tags(database, table)
    names = columns_of(now["StorageDescriptor"].get("Columns", []))
    return inherited, {column.name: columns.get(column.name, inherited) for column in names}
