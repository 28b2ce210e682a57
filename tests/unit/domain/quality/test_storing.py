"""A report in Glue's terms: what botocore's own model of the API accepts."""

from datetime import UTC, datetime

import botocore.session
import pytest
from botocore.validate import ParamValidator
from mesh.domain.counting import TableTotal
from mesh.domain.quality.model import ColumnProfile, RuleResult, Scores, TableProfile, TableReport, ValueCount
from mesh.domain.quality.storing import column_parameters, column_statistics, table_parameters

NOW = datetime(2026, 11, 22, tzinfo=UTC)
GLUE = botocore.session.get_session().get_service_model("glue")


def column(type_, low=None, high=None, **more):
    facts = {"kind": "number", "rows": 10, "nulls": 1, "distinct": 3} | more
    return ColumnProfile(name="a", type=type_, low=low, high=high, **facts)


def unscaled(number):
    return {"UnscaledValue": number, "Scale": 2}


def table(*columns):
    return TableProfile(table="t", rows=10, bytes=100, objects=2, columns=columns)


def statistics(found, **more):
    listed = column_statistics(table(found), analyzed=NOW, **more)
    request = {"DatabaseName": "d", "TableName": "t", "ColumnStatisticsList": listed}
    shape = GLUE.operation_model("UpdateColumnStatisticsForTable").input_shape
    assert ParamValidator().validate(request, shape).generate_report() == ""
    return listed


@pytest.mark.parametrize(
    ("type_", "texts", "kind", "bounds"),
    [
        ("bigint", ("-5", "9223372036854775807"), "Long", (-5, 2**63 - 1)),
        ("tinyint", ("1", "2"), "Long", (1, 2)),
        ("timestamp", ("1970-01-02 00:00:00", "1970-01-02 00:00:01.5"), "Long", (86400, 86401)),
        ("double", ("-1.5", "1e+300"), "Double", (-1.5, 1e300)),
        ("date", ("2026-01-01", "2026-11-22"), "Date", (datetime(2026, 1, 1, tzinfo=UTC), NOW)),
        ("decimal(4,2)", ("-1.28", "99.99"), "Decimal", (unscaled(b"\x80"), unscaled(b"\x27\x0f"))),
    ],
)
def test_numbers_and_moments_have_their_bounds(type_, texts, kind, bounds):
    (entry,) = statistics(column(type_, *texts))
    assert entry["StatisticsData"]["Type"] == kind.upper()
    assert entry["StatisticsData"][f"{kind}ColumnStatisticsData"] == {
        "MinimumValue": bounds[0],
        "MaximumValue": bounds[1],
        "NumberOfNulls": 1,
        "NumberOfDistinctValues": 3,
    }


def test_a_decimal_of_38_digits_keeps_them():
    number = "12345678901234567890123456789012345.678"
    data = statistics(column("decimal(38,3)", number, number))[0]["StatisticsData"]["DecimalColumnStatisticsData"]
    assert int.from_bytes(data["MinimumValue"]["UnscaledValue"], "big", signed=True) == int(number.replace(".", ""))


def test_texts_booleans_and_bytes():
    (text,) = statistics(column("string", kind="text", max_length=7, mean_length=2.5))
    assert text["StatisticsData"]["StringColumnStatisticsData"] == {
        "MaximumLength": 7, "AverageLength": 2.5, "NumberOfNulls": 1, "NumberOfDistinctValues": 3,
    }  # fmt: skip
    (flag,) = statistics(column("boolean", kind="category", top=(ValueCount(value="true", count=4),)))
    assert flag["StatisticsData"]["BooleanColumnStatisticsData"] == {
        "NumberOfTrues": 4, "NumberOfFalses": 0, "NumberOfNulls": 1,
    }  # fmt: skip
    (raw,) = statistics(column("binary", kind="text", max_length=7))
    assert raw["StatisticsData"]["BinaryColumnStatisticsData"]["MaximumLength"] == 7


@pytest.mark.parametrize("type_", ["bigint", "double", "date", "timestamp", "decimal(4,2)", "string", "binary"])
def test_a_column_without_values_has_statistics_too(type_):
    (entry,) = statistics(column(type_, nulls=10, distinct=0))
    assert "MinimumValue" not in str(entry)


def test_nested_columns_have_none():
    assert statistics(column("array<int>")) == []


def test_no_value_of_a_personal_column_is_stored():
    found = column(
        "bigint", "17", "99", mean=42.0, quartiles=(18.0, 19.0, 20.0), top=(ValueCount(value="17", count=5),)
    )
    shown = str(statistics(found, personal={"a"})) + str(column_parameters(found, personal=True))
    assert not [value for value in ("17", "99", "42", "18", "19") if value in shown]
    assert statistics(column("boolean", top=(ValueCount(value="true", count=4),)), personal={"a"}) == []


def test_parameters_of_a_column():
    found = column(
        "bigint", "1", "9", mean=4.5, deviation=1.25, quartiles=(2.0, 4.0, 7.5), top=(ValueCount(value="3", count=6),)
    )
    assert column_parameters(found) == {
        "mesh.rows": "10", "mesh.nulls": "1", "mesh.distinct": "3", "mesh.min": "1", "mesh.max": "9",
        "mesh.mean": "4.5", "mesh.stddev": "1.25", "mesh.quartiles": "2, 4, 7.5", "mesh.top": "3 (6)",
    }  # fmt: skip


def test_parameters_are_short_whatever_the_values():
    long = column("string", "ä" * 200, "z" * 200, top=tuple(ValueCount(value="€" * 200, count=n) for n in range(9)))
    assert max(len(value.encode()) for value in column_parameters(long).values()) <= 255


def test_parameters_of_a_table():
    rules = [
        RuleResult(where="$", rule="r", outcome=outcome, severity="error", dimension="validity")
        for outcome in ("passed", "passed", "failed", "skipped")
    ]
    report = TableReport(profile=table(), scores=Scores(completeness=0.98765), rules=rules)
    found = table_parameters(report, total=TableTotal(rows=1000, bytes=50_000, objects=7))
    assert found == {
        "mesh.rows": "10", "mesh.bytes": "100", "mesh.objects": "2", "mesh.exact": "true", "mesh.duplicate_rows": "0",
        "mesh.rules.passed": "2", "mesh.rules.failed": "1", "mesh.rules.skipped": "1", "mesh.findings.error": "0",
        "mesh.findings.warning": "0", "mesh.score.completeness": "0.9877", "numRows": "1000", "recordCount": "1000",
        "objectCount": "7", "sizeKey": "50000", "averageRecordSize": "50",
    }  # fmt: skip
    assert "numRows" not in table_parameters(report)
