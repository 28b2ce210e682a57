"""LF-Tags of pinned tables: closed to everybody until they are complete, then never laxer than the present table's."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mesh.domain.contracts.contract import Contract
from mesh.domain.contracts.product import NotYetReadable, Product
from mesh.domain.governance.ontology import PUBLICATION, PUBLISHED, Ontology
from mesh.domain.governance.tagging import TagPlan
from mesh.domain.names import pinned_table
from mesh.domain.publishing.pin_tags import closed_tags, pinned_tags
from mesh.domain.publishing.pins import Pin
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


def open_pin(product: Product, pin: Pin, tagging: Tagging) -> None:
    """Set the final tags, columns before tables: the table stays closed until the last one is set.

    Each column is published with its own tags.

    Raises NotYetReadable, UnknownLFTag.
    """
    for table, name in pin.pinned_tables():
        on_table, on_columns = _tags_of(product, pin, table, tagging)
        published = {column: {**tags, PUBLICATION: PUBLISHED} for column, tags in on_columns.items()}
        plan = TagPlan(database={}, columns={name: published})
        for tags, columns in plan.column_groups(name):
            tagging.lake.tag_columns(product.name, name, columns, tags)
        tagging.lake.tag_table(product.name, name, on_table)


def follow_pins(name: str, tagging: Tagging) -> int:
    """The product's tags have changed: those of its pinned tables that can be read follow; how many pins did.

    A pin that ends at this moment has no tables any more; it must not block a publication.
    """
    ready = [pin for pin in tagging.registry.pins(name).pins if pin.status == "ready"]
    product, followed = tagging.registry.product(name) if ready else None, 0
    if product is None:
        return followed
    for pin in ready:
        with suppress(NotYetReadable):
            open_pin(product, pin, tagging)
            followed += 1
    return followed


def _tags_of(
    product: Product, pin: Pin, table: str, tagging: Tagging
) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    pinned = _require(product.name, pinned_table(table, pin.version), tagging)
    present = _present(product.name, table, tagging)
    return pinned_tags(
        product.name,
        table,
        columns_of(pinned["StorageDescriptor"].get("Columns", [])),
        tagging.registry.findings(product.name).get(table, ()),
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
