"""Second tables on a version's metadata files, created by central; nothing is copied.

Each is created on its table's initial metadata file without rows, tagged, and only then pointed at the version: until
its tags are right it shows nothing.
"""

from typing import Any

from mesh.domain.contracts.product import Product, TableSnapshot
from mesh.domain.names import pinned_table
from mesh.domain.publishing.iceberg_table import POINTER, iceberg_input, pointer_of
from mesh.domain.publishing.keeping import VersionGone, require_kept, require_known
from mesh.domain.publishing.pins import MAX_NAME, PIN, Pin, PinnedTableTaken
from mesh.domain.publishing.table_state import Marks
from mesh.ports import Proposals
from mesh.usecases.publishing.tag_pins import Tagging, close_pin, open_pin


def make_tables(product: Product, pin: Pin, *, tagging: Tagging, proposals: Proposals) -> Pin:
    """The pin with its tables, which can be read. Can be repeated at any point.

    Raises UnknownVersion, VersionEnded, VersionGone, PinnedTableTaken before anything is made; NotYetReadable,
    UnknownLFTag.
    """
    version = require_known(tagging.registry.version(product.name, pin.version), product.name, pin.version)
    require_kept(version)
    wanted = {table.table: _definition(product, pin, table, proposals) for table in version.tables}
    for definition in wanted.values():
        _require_free(product.name, definition["Name"], tagging)
    named = pin.evolve(tables=tuple(wanted))
    for definition in wanted.values():
        _create(product.name, definition, pin.id, tagging)
    close_pin(product.name, named, tagging)
    open_pin(product.name, named, tagging)
    for table in version.tables:
        _point(product.name, wanted[table.table], table.metadata, tagging)
    return named.evolve(status="ready")


def _definition(product: Product, pin: Pin, table: TableSnapshot, proposals: Proposals) -> dict[str, Any]:
    """On the empty file, with the columns of the version."""
    name = pinned_table(table.table, pin.version)
    if len(name) > MAX_NAME:
        raise PinnedTableTaken(
            f"{name} has {len(name)} characters, Glue takes {MAX_NAME}",
            table=table.table,
            remedy="Copy what is needed with UNLOAD instead.",
        )
    record = proposals.table(product.name, table.table, table.metadata)
    if record is None or not table.empty:
        raise VersionGone(
            f"central has no record of what {table.table} was in version {pin.version}",
            table=table.table,
            remedy="Roll back to it, and pin the resulting version.",
        )
    made = iceberg_input(name, table.empty, record.fields, marks=Marks())
    described = f"Version {pin.version} of {product.name}.{table.table}, pinned"
    return {**made, "Description": described, "Parameters": {**made["Parameters"], PIN: pin.id}}


def _require_free(database: str, name: str, tagging: Tagging) -> None:
    found = tagging.catalog.table(database, name)
    if found is not None and PIN not in found.get("Parameters", {}):
        raise PinnedTableTaken(
            f"there is a table {name} that is not a pinned version",
            table=name,
            remedy="Rename it: names that end in __v and a number are for pinned versions.",
        )


def _create(database: str, definition: dict[str, Any], number: str, tagging: Tagging) -> None:
    """A table left by an earlier pin of the version is reused: it is closed again before it shows anything."""
    found = tagging.catalog.table(database, definition["Name"])
    if found is None:
        tagging.catalog.create_table(database, definition)
    elif found.get("Parameters", {}).get(PIN) != number:
        tagging.catalog.update_table(database, definition, version=found.get("VersionId"))


def _point(database: str, definition: dict[str, Any], metadata: str, tagging: Tagging) -> None:
    found = tagging.catalog.table(database, definition["Name"])
    if pointer_of(found) != metadata:
        parameters = {**definition["Parameters"], POINTER: metadata}
        tagging.catalog.update_table(database, {**definition, "Parameters": parameters}, archive=False)
