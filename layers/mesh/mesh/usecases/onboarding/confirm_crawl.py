"""After a Glue crawl: check that central's catalog shows what was promoted."""

from collections.abc import Mapping, Sequence

from mesh.domain.errors import Rejected, Transient
from mesh.domain.model import Model
from mesh.domain.onboarding.batches import CheckedTable
from mesh.domain.publishing.glue_table import schema_from_table
from mesh.domain.schema import TableSchema
from mesh.ports import Catalog, WorkFiles
from mesh.usecases.onboarding.batches import read_checked
from mesh.usecases.onboarding.rounds import Round

_LISTED = 10


class CatalogBehind(Transient):
    """The catalog does not show the crawled data yet."""


class NotCrawled(Rejected):
    """The Glue crawler created no table for objects that Meshwork itself does not read."""


class Confirmed(Model):
    """How many tables are in the catalog as expected."""

    tables: int


def confirm_crawl(round_: Round, *, catalog: Catalog, work: WorkFiles) -> Confirmed:
    """Read the batch's tables back: the columns that Meshwork wrote are there with the same types.

    Raises CatalogBehind for a table or a column that is not, NotCrawled for a table of objects as they are.
    """
    tables = read_checked(work, round_.work).tables
    for table in tables:
        _confirm(table, round_.facts.link, catalog)
    return Confirmed(tables=len(tables))


def _confirm(table: CheckedTable, link: str, catalog: Catalog) -> None:
    current = catalog.table(link, table.table)
    if current is None and any(entry.unread for entry in table.sources):
        raise NotCrawled(
            f"the Glue crawler created no table for {table.table}",
            table=table.table,
            remedy="Its format is unknown, or the objects are broken. Upload CSV, JSON lines or Parquet, or write "
            "the objects again and release them.",
        )
    if current is None:
        raise CatalogBehind(f"table {table.table} is not in the catalog", table=table.table)
    wrong = _differences(table, schema_from_table(current)) if table.fields else {}
    if wrong:
        differences = (f"{name} is {found or 'missing'}, not {wanted}" for name, (wanted, found) in wrong.items())
        raise CatalogBehind(
            f"table {table.table} is not in the catalog as it was written: {', '.join([*differences][:_LISTED])}",
            table=table.table,
            columns=list(wrong)[:_LISTED],
        )


def _differences(table: CheckedTable, found: TableSchema) -> Mapping[str, Sequence[str]]:
    """Column → the type that was written, and the catalog's; partition keys have no type of ours."""
    have = found.types()
    keys = {column.name for column in found.partition_keys}
    wrong = {
        field.name: (field.hive_type, have.get(field.name, ""))
        for field in table.fields
        if have.get(field.name) != field.hive_type
    }
    return wrong | {name: ("a partition key", "") for name in table.partition if name not in keys}
