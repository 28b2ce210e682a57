"""Files of one table → the report of a check, as the function that checks a batch gets it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mesh.adapters.duckdb.reading import DuckReadings
from mesh.domain.contracts.contract import Contract
from mesh.domain.hive_types import hive_type
from mesh.domain.onboarding.quality.model import Finding, RuleResult, TableReport
from mesh.domain.onboarding.reading.model import TableSources
from mesh.domain.schema import Column, TableSchema

from tests.fakes import FakeObjects
from tests.unit.contracts.contracts import contract

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def measure(
    files: Mapping[str, str | bytes],
    types: Mapping[str, str],
    promised: Contract | None = None,
    *,
    keys: Mapping[str, str] | None = None,
    edges: Mapping[str, tuple[float, ...]] | None = None,
    label: str = "",
    table: str = "t",
) -> TableReport:
    """`files`: name below the table's folder → content; `types`: column → Hive type; `keys`: the same of partitions."""
    objects = FakeObjects()
    refs = tuple(objects.put("b", f"product/data/{table}/{name}", content) for name, content in files.items())
    expected = TableSchema(columns=_columns(types), partition_keys=_columns(keys or {}))
    sources = TableSources(table=table, refs=refs, expected=expected, edges=dict(edges or {}), label=label)
    with DuckReadings(objects).open(sources) as reading:
        return reading.measure(promised, now=NOW)


def csv(content: str | bytes, promised: Contract | None = None, **types: str) -> TableReport:
    """Of one CSV file, with a header."""
    return measure({"a.csv": content}, types, promised)


def held(content: str, *columns: dict[str, Any], **more: Any) -> TableReport:
    """Of one CSV file against a contract of these columns, whose types are the data's."""
    promised = contract(*columns, **more)
    names = promised.tables[0].columns
    types = {column.catalog_name: hive_type(column.physical_type, column.logical_type) for column in names}
    return measure({"a.csv": content}, types, promised)


def _columns(types: Mapping[str, str]) -> tuple[Column, ...]:
    return tuple(Column(name=name, type=type_) for name, type_ in types.items())


def codes(report: TableReport) -> list[tuple[str, str]]:
    """(code, severity) of each finding."""
    return [(finding.code, finding.severity) for finding in report.findings]


def only(report: TableReport) -> Finding:
    """The one finding."""
    (finding,) = report.findings
    return finding


def result(report: TableReport, where: str) -> RuleResult:
    """The result of the promise at that place of the contract's first table."""
    (found,) = [rule for rule in report.rules if rule.where == f"$.schema[0].{where}"]
    return found
