"""What was measured, where Athena and other tools look: parameters and column statistics in the catalog."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mesh.domain.counting import TableTotal
from mesh.domain.keys import report_key
from mesh.domain.quality.model import BatchReport, TableReport
from mesh.domain.quality.storing import column_statistics, described
from mesh.domain.quality.withholding import withheld_in, withheld_of, without_values
from mesh.domain.report_page import render
from mesh.ports import Catalog, Objects
from mesh.usecases.inspection import ProductFacts


def store_report(report: BatchReport, facts: ProductFacts, bucket: str, *, objects: Objects) -> None:
    """Below `reports/`: JSON without what is withheld, and the page for people. Repeatable."""
    hidden = {table.profile.table: withheld_in(table, facts.promised) for table in report.tables}
    public = report.model_copy(
        update={"tables": tuple(without_values(table, hidden[table.profile.table]) for table in report.tables)}
    )
    name = f"{report.product}/{report.generation:08d}"
    secret = {f"{table}.{column}" for table, columns in hidden.items() for column in columns}
    page = render(report, batch=name, status="published", hidden=secret)
    body = public.model_dump_json(indent=1).encode()
    objects.write(bucket, report_key(report.product, report.generation, "json"), body, "application/json")
    key = report_key(report.product, report.generation, "html")
    objects.write(bucket, key, page.encode(), "text/html; charset=utf-8")


def store_quality(
    facts: ProductFacts,
    definition: Mapping[str, Any],
    report: TableReport,
    total: TableTotal,
    *,
    catalog: Catalog,
    at: datetime,
) -> dict[str, Any]:
    """The table's new definition, written through the link without keeping the old one as a version. Repeatable.

    Statistics are those of the last batch: Glue keeps one set for a table, and no way to add to it.
    """
    hidden = withheld_of(report.profile, facts.promised)
    wanted = described(definition, report, total, hidden)
    if wanted != definition:
        catalog.update_table(facts.link, wanted, archive=False)
    statistics = column_statistics(report.profile, analyzed=at, personal=hidden)
    catalog.put_statistics(facts.link, report.profile.table, statistics)
    return wanted
