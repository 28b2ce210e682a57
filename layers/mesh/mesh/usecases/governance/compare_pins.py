"""Compare pinned versions with the registry: that their tables are there, on the version's metadata files, and that no
tag of theirs is laxer than those of the present tables."""

from collections.abc import Iterator, Mapping

from mesh.domain.contracts.contract import Contract
from mesh.domain.contracts.product import Product
from mesh.domain.events import ColumnRef
from mesh.domain.governance.catalog_snapshot import Database, Table
from mesh.domain.governance.drift import Drift
from mesh.domain.governance.ontology import Ontology
from mesh.domain.names import pinned_table
from mesh.domain.publishing.pin_tags import pinned_tags
from mesh.domain.publishing.pins import Pin
from mesh.usecases.central_context import CentralContext

_MOST: int = 5
"""Of a pin so many tags are named in one difference."""


def compare_pins(product: Product, database: Database, context: CentralContext, ontology: Ontology) -> Iterator[Drift]:
    """The pins that readers may use; one that is being made, or ends, is left alone."""
    for pin in context.registry.pins(product.name).pins:
        if pin.status == "ready":
            yield from _tables(product, pin, database, context)
            faults = sorted(_laxer(product, pin, database, context, ontology))
            if faults:
                yield Drift(
                    kind="tags",
                    principal=product.owner,
                    database=product.name,
                    what="; ".join(faults[:_MOST]),
                    remedy="mesh reconcile tags it as strictly as the present table",
                )


def _tables(product: Product, pin: Pin, database: Database, context: CentralContext) -> Iterator[Drift]:
    version = context.registry.version(product.name, pin.version)
    for snapshot in version.tables if version else ():
        name = pinned_table(snapshot.table, pin.version)
        table = database.tables.get(name)
        if snapshot.table in pin.tables and (table is None or table.pointer != snapshot.metadata):
            what = f"it points at {table.pointer or 'no metadata file'}" if table else "it is gone from the catalog"
            yield Drift(
                kind="table",
                principal=product.owner,
                database=product.name,
                what=f"{name}, pinned: {what}",
                remedy=f"each account that holds it: mesh unpin {product.name} {pin.version}, then mesh pin",
                waiting=True,
            )


def _laxer(
    product: Product, pin: Pin, database: Database, context: CentralContext, ontology: Ontology
) -> Iterator[str]:
    """`place key: value, not value`. Only keys whose values are ordered: of others nothing is laxer."""
    findings = context.registry.findings(product.name)
    for table, name in pin.pinned_tables():
        pinned = database.tables.get(name)
        if pinned is None:
            continue
        on_table, on_columns = pinned_tags(
            product.name,
            table,
            [ColumnRef(name=column, type="") for column in pinned.columns],
            findings.get(table, ()),
            _present(database.tables.get(table), database),
            contract=Contract.model_validate(product.contract),
            ontology=ontology,
        )
        for column, wanted in {"": on_table, **on_columns}.items():
            place = f"{name}.{column}" if column else name
            yield from _differing(place, pinned.effective(database.tags, column), wanted, ontology)


def _present(table: Table | None, database: Database) -> tuple[dict[str, str], dict[str, dict[str, str]]] | None:
    if table is None:
        return None
    columns = {column: table.effective(database.tags, column) for column in table.columns}
    return table.effective(database.tags), columns


def _differing(place: str, there: Mapping[str, str], wanted: Mapping[str, str], ontology: Ontology) -> Iterator[str]:
    for key, value in wanted.items():
        known, now = ontology.keys.get(key), there.get(key)
        if known is not None and known.ordered and now != value:
            kept = now if now in known.values else None
            if ontology.stricter(key, kept, value) == value:
                yield f"{place} {key}: {now or 'no value'}, not {value}"
