"""Scores and freshness, by their formulas."""

from datetime import UTC, datetime, timedelta

import pytest
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.quality.freshness import allowed_age, measured, service_levels, verdicts
from mesh.domain.onboarding.quality.model import ColumnProfile, TableData, TableProfile, ValueCount
from mesh.domain.onboarding.quality.scores import Checked, scores
from mesh.domain.schema import TableSchema

from tests.unit.contracts.contracts import column as stated
from tests.unit.contracts.contracts import contract

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def column(name="a", kind="category", rows=10, nulls=0, counts=(), **more):
    top = tuple(ValueCount(value=str(index), count=count) for index, count in enumerate(counts))
    facts = {"type": "string", "distinct": len(counts)} | more
    return ColumnProfile(name=name, kind=kind, rows=rows, nulls=nulls, top=top, **facts)


def profile(*columns, rows=10):
    return TableProfile(table="t", rows=rows, bytes=1, objects=1, columns=columns)


def scored(found, *, required=(), checked=None, repeated=(), freshness=(), label=""):
    return scores(found, required=required, checked=checked or {}, repeated=repeated, freshness=freshness, label=label)


def test_completeness_is_of_the_required_columns_or_of_all():
    found = profile(column("a", nulls=5), column("b"))
    assert scored(found).completeness == 0.75
    assert scored(found, required=["a"]).completeness == 0.5
    assert scored(found, required=["b", "gone"]).completeness == 0.5


def test_validity_is_of_the_values_that_were_compared():
    assert scored(profile(), checked={"a": Checked(10, 1), "b": Checked(30, 3)}).validity == 0.9
    assert scored(profile()).validity is None


def test_uniqueness_is_the_least_of_all_keys():
    assert scored(profile(), repeated=[1, 4]).uniqueness == 0.6
    assert scored(profile()).uniqueness is None


@pytest.mark.parametrize(("counts", "skew"), [((5, 5), 1.0), ((9, 1), 0.469), ((3, 3, 4), 0.991), ((10,), None)])
def test_skew_is_the_evenness_of_values(counts, skew):
    assert scored(profile(column(counts=counts))).skew == (skew and pytest.approx(skew, abs=1e-3))


def test_skew_is_of_the_label_where_there_is_one():
    found = profile(column("a", counts=(5, 5)), column("y", counts=(9, 1)))
    assert scored(found, label="y").skew == pytest.approx(0.469, abs=1e-3)
    assert scored(found).skew == pytest.approx((1 + 0.469) / 2, abs=1e-3)


def test_a_column_that_is_not_counted_whole_has_no_evenness():
    assert scored(profile(column(counts=(1, 1), distinct=90))).skew is None


def test_an_empty_table_has_no_scores():
    found = scored(profile(column(rows=0), rows=0), repeated=[0])
    assert set(found.model_dump().values()) == {None}


@pytest.mark.parametrize(
    ("sla", "hours"),
    [
        ({"property": "latency", "value": 4, "unit": "d"}, 96),
        ({"property": "ly", "value": "6", "unit": "hours"}, 6),
        ({"property": "Freshness", "value": "P1DT12H"}, 36),
        ({"property": "freshness", "value": "90 min"}, 1.5),
        ({"property": "frequency", "value": "daily"}, 24),
        ({"property": "fy", "value": 1, "unit": "w"}, 168),
        ({"property": "latency", "value": 1, "unit": "yr"}, 365 * 24),
        ({"property": "retention", "value": 1, "unit": "d"}, None),
        ({"property": "latency", "value": "soon"}, None),
        ({"property": "latency", "value": 0, "unit": "d"}, None),
        ({"property": "latency", "value": 4, "unit": "fortnights"}, None),
        ({"property": "latency", "value": None}, None),
    ],
)
def test_how_old_data_may_be(sla, hours):
    assert allowed_age(sla) == (hours and timedelta(hours=hours))


def data(*partitions):
    refs = tuple(ObjectRef(bucket="b", key=f"product/data/t/{part}a.csv", size=1) for part in partitions or ("",))
    return TableData(table="t", table_schema=TableSchema(), refs=refs)


def fresh(element, found=None, *partitions, days=1, **tables):
    sla = {"property": "latency", "value": days, "unit": "d"} | ({"element": element} if element else {})
    promised = contract(stated("a"), stated("day", "date"), slaProperties=[sla])
    return measured(service_levels(promised, "t"), data(*partitions), found or profile(), NOW)


def test_the_newest_value_of_the_element_decides():
    day = column("day", "moment", type="date", high="2026-11-20", distinct=2)
    (found,) = fresh("t.day", profile(day))
    assert (found.age, found.score) == (timedelta(hours=36), pytest.approx(24 / 36))
    ((result, finding),) = verdicts([found], "t")
    assert (result.outcome, result.severity, finding.code, finding.severity) == (
        "failed",
        "warning",
        "StaleData",
        "warning",
    )
    assert (finding.observed, finding.threshold, finding.column) == (36, 24, "day")
    assert scored(profile(), freshness=[found]).timeliness == pytest.approx(24 / 36)


def test_a_partition_may_be_the_element_and_is_found_where_none_is_named():
    for element in ("dt", "t.dt", None):
        (found,) = fresh(element, None, "dt=2026-11-20/", "dt=2026-11-21/")
        assert (found.age, found.score) == (timedelta(hours=12), 1.0)


def test_without_partitions_the_only_timestamp_column_decides():
    stamp = column("at", "moment", type="timestamp", high="2026-11-22 06:00:00", distinct=2)
    assert fresh(None, profile(stamp))[0].age == timedelta(hours=6)
    assert fresh(None, profile(stamp, stamp.model_copy(update={"name": "b"})))[0].age is None


def test_data_from_the_future_is_fresh():
    assert fresh(None, None, "dt=2027-01-01/")[0].age == timedelta()


def test_without_a_known_age_the_level_is_skipped():
    ((result, finding),) = verdicts(fresh("t.a", profile(column("a", high="north"))), "t")
    assert (result.outcome, finding) == ("skipped", None)
    assert result.reason


def test_levels_of_other_tables_do_not_count():
    assert fresh("other.day") == ()
