"""What was measured, where Athena and other tools look: parameters and column statistics in the catalog."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mesh.domain.counting import TableTotal
from mesh.domain.quality.model import TableReport
from mesh.domain.quality.storing import column_statistics, described
from mesh.domain.quality.withholding import withheld_of
from mesh.ports import Catalog
from mesh.usecases.inspection import ProductFacts


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
