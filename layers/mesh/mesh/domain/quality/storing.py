"""A report in the Glue Data Catalog's own terms: parameters of table and columns, and column statistics.

Sources: AWS Glue Developer Guide, "Table structure" and "Column statistics" (`UpdateColumnStatisticsForTable`); Hive's
`numRows`; the crawler's `recordCount`. Personal or sensitive columns have no value stored: neither the least nor the
greatest nor the most frequent.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from mesh.domain.counting import TableTotal
from mesh.domain.quality.model import ColumnProfile, Scores, TableProfile, TableReport

MAX_VALUE: Final = 255
"""Bytes of a parameter are limited to 512,000 by Glue; a value that is longer than this says nothing in a catalog."""
_OURS: Final = "mesh."
_TOP: Final = 5
_LONGS: Final = ("tinyint", "smallint", "int", "bigint", "timestamp")


def table_parameters(report: TableReport, *, total: TableTotal | None = None) -> dict[str, str]:
    """Those under `mesh.` are the batch's; with `total`, Hive's and the crawler's counts are the whole table's."""
    profile = report.profile
    outcomes = [rule.outcome for rule in report.rules]
    severities = [finding.severity for finding in report.findings]
    found = {
        "mesh.rows": str(profile.rows),
        "mesh.bytes": str(profile.bytes),
        "mesh.objects": str(profile.objects),
        "mesh.exact": str(profile.exact).lower(),
        "mesh.duplicate_rows": str(profile.duplicate_rows),
        **{f"mesh.rules.{outcome}": str(outcomes.count(outcome)) for outcome in ("passed", "failed", "skipped")},
        **{f"mesh.findings.{severity}": str(severities.count(severity)) for severity in ("error", "warning")},
        **_scores(report.scores),
    }
    return {**found, **_totals(total)} if total else found


def described(
    definition: Mapping[str, Any], report: TableReport, total: TableTotal, hidden: Collection[str]
) -> dict[str, Any]:
    """A TableInput with the report's parameters on the table, and on each column that was measured."""
    descriptor = dict(definition["StorageDescriptor"])
    descriptor["Columns"] = [_described(column, report.profile, hidden) for column in descriptor.get("Columns", ())]
    parameters = {**(definition.get("Parameters") or {}), **table_parameters(report, total=total)}
    return {**definition, "StorageDescriptor": descriptor, "Parameters": parameters}


def _described(column: Mapping[str, Any], profile: TableProfile, hidden: Collection[str]) -> dict[str, Any]:
    measured = profile.column(column["Name"])
    if measured is None:
        return dict(column)
    known = {name: value for name, value in (column.get("Parameters") or {}).items() if not name.startswith(_OURS)}
    return {**column, "Parameters": {**known, **column_parameters(measured, personal=column["Name"] in hidden)}}


def column_parameters(column: ColumnProfile, *, personal: bool = False) -> dict[str, str]:
    """`mesh.nulls`, `mesh.distinct`, …; without any value of a `personal` column."""
    numbers = {
        "mesh.nulls": column.nulls, "mesh.distinct": column.distinct, "mesh.rows": column.rows,
        "mesh.max_length": column.max_length,
    }  # fmt: skip
    found = {name: str(number) for name, number in numbers.items() if number is not None}
    if personal:
        return found
    values = {
        "mesh.min": column.low,
        "mesh.max": column.high,
        "mesh.mean": column.mean,
        "mesh.stddev": column.deviation,
    }
    found |= {name: _cut(value) for name, value in values.items() if value is not None}
    if column.quartiles:
        found["mesh.quartiles"] = ", ".join(f"{quartile:.10g}" for quartile in column.quartiles)
    if column.top:
        found["mesh.top"] = _cut(", ".join(f"{value.value[:40]} ({value.count})" for value in column.top[:_TOP]))
    return found


def column_statistics(
    profile: TableProfile, *, analyzed: datetime, personal: Collection[str] = ()
) -> list[dict[str, Any]]:
    """A `ColumnStatisticsList`; columns of nested types have no statistics in Glue."""
    found = []
    for column in profile.columns:
        data = _statistics(column, column.name in personal)
        if data:
            found.append({
                "ColumnName": column.name, "ColumnType": column.type, "AnalyzedTime": analyzed,
                "StatisticsData": data,
            })  # fmt: skip
    return found


def _statistics(column: ColumnProfile, personal: bool) -> dict[str, Any] | None:
    type_ = column.type
    if type_ == "boolean":
        return _boolean(column, personal)
    if type_ == "string":
        return {"Type": "STRING", "StringColumnStatisticsData": {**_lengths(column), **_counts(column)}}
    if type_ == "binary":
        counts = {"NumberOfNulls": column.nulls}
        return {"Type": "BINARY", "BinaryColumnStatisticsData": {**_lengths(column), **counts}}
    bounds = {} if personal else _bounds(column)
    if type_ in _LONGS:
        return {"Type": "LONG", "LongColumnStatisticsData": {**bounds, **_counts(column)}}
    if type_ in {"float", "double"}:
        return {"Type": "DOUBLE", "DoubleColumnStatisticsData": {**bounds, **_counts(column)}}
    if type_ == "date":
        return {"Type": "DATE", "DateColumnStatisticsData": {**bounds, **_counts(column)}}
    if type_.startswith("decimal("):
        return {"Type": "DECIMAL", "DecimalColumnStatisticsData": {**bounds, **_counts(column)}}
    return None


def _counts(column: ColumnProfile) -> dict[str, int]:
    return {"NumberOfNulls": column.nulls, "NumberOfDistinctValues": column.distinct}


def _lengths(column: ColumnProfile) -> dict[str, Any]:
    return {"MaximumLength": column.max_length or 0, "AverageLength": column.mean_length or 0.0}


def _boolean(column: ColumnProfile, personal: bool) -> dict[str, Any] | None:
    """How many are true is the value of each, where all are: a personal column has none."""
    if personal:
        return None
    counts = {value.value: value.count for value in column.top}
    data = {
        "NumberOfTrues": counts.get("true", 0), "NumberOfFalses": counts.get("false", 0), "NumberOfNulls": column.nulls,
    }  # fmt: skip
    return {"Type": "BOOLEAN", "BooleanColumnStatisticsData": data}


def _bounds(column: ColumnProfile) -> dict[str, Any]:
    if column.low is None or column.high is None:
        return {}
    return {"MinimumValue": _value(column.type, column.low), "MaximumValue": _value(column.type, column.high)}


def _value(type_: str, text: str) -> object:
    """In Glue's form; a timestamp as seconds since 1970, as Hive keeps it."""
    if type_ == "timestamp":
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
    if type_ == "date":
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    if type_.startswith("decimal("):
        return _decimal(Decimal(text))
    return float(text) if type_ in {"float", "double"} else int(text)


def _decimal(number: Decimal) -> dict[str, Any]:
    """Two's complement, most significant byte first, as Java's BigInteger has it."""
    sign, digits, exponent = number.as_tuple()
    power = int(exponent)
    unscaled = int("".join(map(str, digits))) * 10 ** max(power, 0) * (-1 if sign else 1)
    length = (unscaled if unscaled >= 0 else ~unscaled).bit_length() // 8 + 1
    return {"UnscaledValue": unscaled.to_bytes(length, "big", signed=True), "Scale": max(-power, 0)}


def _scores(scores: Scores) -> dict[str, str]:
    return {f"mesh.score.{name}": f"{value:.4f}" for name, value in scores if value is not None}


def _totals(total: TableTotal) -> dict[str, str]:
    return {
        "numRows": str(total.rows), "recordCount": str(total.rows), "objectCount": str(total.objects),
        "sizeKey": str(total.bytes), "averageRecordSize": str(total.bytes // total.rows if total.rows else 0),
    }  # fmt: skip


def _cut(value: object) -> str:
    text = f"{value:.10g}" if isinstance(value, float) else str(value)
    return text.encode()[:MAX_VALUE].decode(errors="ignore")
