"""Each promise of a contract, kept and broken, evaluated over real rows."""

import re
import subprocess

import pytest
from mesh.adapters.duckdb.measuring import evaluating, rule_runs

from tests.unit.contracts.contracts import column, contract
from tests.unit.onboarding.measuring.measuring import codes, held, measure, only, result

A = "properties[0]"
UUID = "01234567-89ab-cdef-0123-456789abcdef"
NO_ROWS = "(select count(*) from t where k > 99)"


@pytest.mark.parametrize(
    ("logical", "keywords", "good", "bad", "code"),
    [
        ("integer", {"required": True}, "1", "", "RequiredColumnEmpty"),
        ("integer", {"unique": True}, "1", "7\n7", "NotUnique"),
        ("integer", {"primaryKey": True}, "1", "7\n7", "KeyNotUnique"),
        ("integer", {"primaryKey": True}, "1", "", "RequiredColumnEmpty"),
        ("integer", {"enum": [{"value": 1}, {"value": 2}]}, "2", "3", "ValueNotInEnum"),
        ("string", {"enum": [{"value": "it's"}]}, "it's", "its", "ValueNotInEnum"),
        ("boolean", {"enum": [{"value": True}]}, "true", "false", "ValueNotInEnum"),
        ("integer", {"logicalTypeOptions": {"minimum": 2}}, "2", "1", "ValueOutOfRange"),
        ("integer", {"logicalTypeOptions": {"maximum": 2}}, "2", "3", "ValueOutOfRange"),
        ("number", {"logicalTypeOptions": {"exclusiveMinimum": 2}}, "2.1", "2.0", "ValueOutOfRange"),
        ("number", {"logicalTypeOptions": {"exclusiveMaximum": 2}}, "1.9", "2.0", "ValueOutOfRange"),
        ("date", {"logicalTypeOptions": {"minimum": "2020-01-01"}}, "2020-01-01", "2019-12-31", "ValueOutOfRange"),
        ("integer", {"logicalTypeOptions": {"multipleOf": 5}}, "-10", "11", "ValueOutOfRange"),
        ("number", {"logicalTypeOptions": {"multipleOf": 0.1}}, "0.3", "0.35", "ValueOutOfRange"),
        ("string", {"logicalTypeOptions": {"minLength": 2}}, "äö", "ä", "LengthOutOfRange"),
        ("string", {"logicalTypeOptions": {"maxLength": 2}}, "äö", "äöü", "LengthOutOfRange"),
        ("string", {"logicalTypeOptions": {"pattern": "^[A-Z]{2}$"}}, "DE", "DEU", "PatternNotMatched"),
        ("string", {"logicalTypeOptions": {"pattern": "b"}}, "abc", "ac", "PatternNotMatched"),
        ("string", {"logicalTypeOptions": {"format": "email"}}, "a@b.de", "a@b", "PatternNotMatched"),
        ("string", {"logicalTypeOptions": {"format": "uuid"}}, UUID, "0", "PatternNotMatched"),
        ("string", {"logicalTypeOptions": {"format": "ipv4"}}, "10.0.0.255", "10.0.0.256", "PatternNotMatched"),
        ("string", {"logicalTypeOptions": {"format": "ipv6"}}, "fe80::1", "fe80:::1", "PatternNotMatched"),
        ("integer", {"logicalTypeOptions": {"format": "u8"}}, "255", "256", "ValueOutOfRange"),
    ],
)  # fmt: skip
def test_a_promise_of_a_column(logical, keywords, good, bad, code):
    promised = column("a", logical, **keywords)
    kept = held(f"k,a\n1,{good}\n", promised, column("k"))
    assert kept.findings == ()
    broken = held("k,a\n" + "".join(f"1,{value}\n" for value in (good, *bad.split("\n"))), promised, column("k"))
    finding = only(broken)
    assert (finding.code, finding.severity, finding.observed, finding.column) == (code, "error", 1, "a")
    assert finding.remedy
    failed = [rule.where for rule in broken.rules if rule.outcome == "failed"]
    assert failed == [finding.where]


def test_a_compound_key_may_repeat_its_parts():
    columns = (column("b", primaryKey=True, primaryKeyPosition=2), column("a", primaryKey=True, primaryKeyPosition=1))
    assert held("a,b\n1,1\n1,2\n2,1\n", *columns).findings == ()
    report = held("a,b\n1,1\n1,2\n1,1\n", *columns)
    assert (only(report).message, report.scores.uniqueness) == (
        "1 of 3 rows repeat the key a, b",
        pytest.approx(2 / 3),
    )


def test_flags_of_exclusion_as_in_3_0():
    promised = column("a", logicalTypeOptions={"minimum": 1, "exclusiveMinimum": True})
    report = held("a\n1\n2\n", promised, apiVersion="v3.0.2")
    assert (only(report).code, only(report).observed) == ("ValueOutOfRange", 1)


def test_a_dropped_required_column_is_missing_rather_than_empty():
    promised = contract(column("a", required=True), column("b", required=True))
    types = {"a": "bigint", "b": "bigint"}
    some = measure({"x.csv": "a,b\n1,1\n", "y.csv": "a\n2\n"}, types, promised)
    assert (codes(some), only(some).keys) == ([("RequiredColumnMissing", "error")], ("product/data/t/y.csv",))
    assert result(some, "properties[1].required").outcome == "failed"
    gone = measure({"y.csv": "a\n2\n"}, {"a": "bigint"}, promised)
    assert (only(gone).code, only(gone).column, gone.scores.completeness) == ("RequiredColumnMissing", "b", 0.5)


NOT_THERE = {"missingValues": [None, "N/A"]}
X_OR_Y = {"pattern": "^[xy]$"}


def rule(**stated):
    return column("a", "string", quality=[stated])


@pytest.mark.parametrize(
    ("stated", "content", "outcome", "observed"),
    [
        ({"metric": "nullValues", "mustBe": 1}, "x\n\n", "passed", "1"),
        ({"metric": "nullValues", "mustBeLessThan": 50, "unit": "percent"}, "x\n\n", "failed", "50%"),
        ({"metric": "missingValues", "arguments": NOT_THERE, "mustBe": 2}, "x\n\nN/A\n", "passed", "2"),
        ({"metric": "invalidValues", "arguments": {"validValues": ["x", "y"]}, "mustBe": 0}, "x\nz\n\n", "failed", "1"),
        ({"metric": "invalidValues", "arguments": X_OR_Y, "mustBeLessOrEqualTo": 1}, "x\nz\n", "passed", "1"),
        ({"metric": "duplicateValues", "mustBe": 1}, "x\nx\nx\ny\n\n\n", "passed", "1"),
        ({"metric": "duplicateValues", "mustBeLessThan": 25, "unit": "percent"}, "x\nx\nx\ny\n", "failed", "25%"),
        ({"metric": "nullValues", "mustBeBetween": [0, 2]}, "x\n\n", "passed", "1"),
        ({"metric": "nullValues", "mustBeBetween": [1, 2]}, "x\n\n", "failed", "1"),
        ({"metric": "nullValues", "mustNotBeBetween": [1, 2]}, "x\n\n", "passed", "1"),
        ({"metric": "nullValues", "mustNotBe": 1}, "x\n\n", "failed", "1"),
        ({"metric": "nullValues", "mustBeGreaterThan": 0}, "x\n\n", "passed", "1"),
        ({"metric": "nullValues", "mustBeGreaterOrEqualTo": 2}, "x\n\n", "failed", "1"),
    ],
)  # fmt: skip
def test_a_metric_of_the_library(stated, content, outcome, observed):
    rows = "".join(f"{number},{value}\n" for number, value in enumerate(content.split("\n")[:-1]))
    found = result(held("k,a\n" + rows, rule(**stated), column("k")), f"{A}.quality[0]")
    assert (found.outcome, found.observed, found.severity) == (outcome, observed, "error")


@pytest.mark.parametrize(
    ("stated", "content", "outcome"),
    [
        ({"rule": "duplicateCount", "mustBeLessThan": 1}, "x\nx\n", "failed"),
        ({"rule": "validValues", "validValues": ["x"]}, "x\n", "passed"),
        ({"rule": "validValues", "validValues": ["x"]}, "y\n", "failed"),
        ({"rule": "nullCheck"}, "x\n", "passed"),
        ({"rule": "nullCheck", "mustBeGreaterThan": 0, "mustBeLessThan": 1}, "x\n", "failed"),
        ({"rule": "somethingElse"}, "x\n", "skipped"),
    ],
)
def test_rules_as_3_0_has_them(stated, content, outcome):
    assert result(held("a\n" + content, rule(**stated), apiVersion="v3.0.2"), f"{A}.quality[0]").outcome == outcome


def test_rules_of_the_whole_table():
    quality = [
        {"metric": "rowCount", "mustBeBetween": [1, 4]},
        {"metric": "duplicateValues", "arguments": {"properties": ["a", "k"]}, "mustBe": 0},
        {"type": "sql", "query": "SELECT sum(k) FROM {object} WHERE a = 'x'", "mustBe": 3},
    ]
    report = held("k,a\n1,x\n1,y\n2,x\n", column("a", "string"), column("k"), table={"quality": quality})
    assert [(found.outcome, found.observed) for found in report.rules] == [
        ("passed", "3"),
        ("passed", "0"),
        ("passed", "3"),
    ]


@pytest.mark.parametrize(
    ("severity", "outcome"),
    [("error", "error"), ("warning", "warning"), ("info", "info"), ("high", "error"), (None, "error")],
)
def test_the_severity_of_the_standard_decides(severity, outcome):
    stated = {"metric": "nullValues", "mustBe": 0} | ({"severity": severity} if severity else {})
    report = held("k,a\n1,\n", rule(**stated), column("k"))
    assert codes(report) == [("QualityRuleFailed", outcome)]
    assert bool(report.errors) == (outcome == "error")


def sql(query, content="k,a\n1,x\n2,y\n", **more):
    return held(content, rule(type="sql", query=query, **({"mustBe": 2} | more)), column("k"))


@pytest.mark.parametrize(
    "query",
    [
        "select count(*) from {object}",
        "SELECT COUNT(*) FROM ${table} WHERE ${column} IS NOT NULL",
        'select count("{property}") from "{object}"',
        "with x as (select {property} as v from t) select count(distinct v) from x;",
        "-- how many; of t2?\nselect count(*) from t as one join t as two using (k)",
        "select max(k) from t",
        "select extract(day from date '2026-11-02') from t limit 1",
        "select count(*) from (select unnest([1, 2]))",
    ],
)
def test_a_rule_in_sql_reads_its_own_table(query):
    assert sql(query).findings == ()


def test_a_rule_in_sql_may_give_a_boolean():
    assert sql("select count(*) = 2 from t", mustBe=True).findings == ()
    assert codes(sql("select count(*) = 3 from t", mustBe=True)) == [("QualityRuleFailed", "error")]


@pytest.mark.parametrize(
    ("query", "code", "said"),
    [
        (f"select {NO_ROWS} / {NO_ROWS}", "QualityRuleBroken", "divides by zero"),
        ("select sum(k) / nullif(0, 0) from t", "QualityRuleBroken", "NULL"),
        ("select k from t", "QualityRuleBroken", "several rows"),
        ("select k from t where false", "QualityRuleBroken", "no row"),
        ("select 1, 2", "QualityRuleBroken", "2 columns"),
        ("select a from t limit 1", "QualityRuleBroken", "not a number"),
        ("select nope from t", "QualityRuleBroken", "nope"),
        ("select count(*) frm t where", "QualityRuleBroken", "syntax error"),
        ("select count(*) from t, read_text('/etc/hostname')", "RuleReadsElsewhere", "read_text"),
        ("select count(*) from t, duckdb_settings()", "RuleReadsElsewhere", "duckdb_settings"),
        ("select count(*) from t, mesh_rows", "RuleReadsElsewhere", "mesh_rows"),
        ("select (table other) from t", "RuleReadsElsewhere", "other"),
    ],
)  # fmt: skip
def test_a_rule_that_only_the_engine_finds_broken_has_a_stated_outcome(query, code, said):
    report = sql(query)
    assert codes(report) == [(code, "error")]
    assert said in only(report).message
    assert result(report, f"{A}.quality[0]").outcome == "failed"


ENDLESS = "with recursive r as (select 1 as n union all select n + 1 from r) select count(*) from r"


@pytest.mark.parametrize(
    "query",
    [
        ENDLESS,
        # Within one vector of rows, where nothing interrupts the engine: 100 GB of text; lists; pairs of characters.
        "select max(length(md5(repeat(md5(repeat(a, 1000000000)), 100)))) from t",
        "select len(list_sort(list_transform(range(1000000000), lambda x: -x))) from t",
        "select max(levenshtein(repeat(a, 4000000), repeat(a || 'z', 4000000))) from t",
        "select length(d || d) from (select c || c as d from (select repeat(a, 300000000) as c from t))",
    ],
)
@pytest.mark.timeout(60)
def test_a_rule_that_takes_too_much_is_ended_and_the_next_one_is_evaluated(monkeypatch, query):
    monkeypatch.setattr(evaluating, "RULE_SECONDS", 2.0)
    costly = {"type": "sql", "query": query, "mustBe": 0}
    cheap = {"type": "sql", "query": "select count(*) from t", "mustBe": 2}
    report = held("k,a\n1,x\n2,y\n", column("a", "string", quality=[costly, cheap]), column("k"))
    assert codes(report) == [("QualityRuleBroken", "error")]
    assert re.search("takes longer than 2 s|more memory than", only(report).message)
    assert result(report, f"{A}.quality[1]").outcome == "passed"


def test_all_rules_of_a_table_have_a_time_together(monkeypatch):
    monkeypatch.setattr(evaluating, "RULES_SECONDS", 1.0)
    quality = [{"type": "sql", "query": query, "mustBe": 2} for query in (ENDLESS, "select count(*) from t")]
    report = held("k\n1\n2\n", column("k", quality=quality))
    assert [finding.code for finding in report.findings] == ["QualityRuleBroken"] * 2
    assert all("1 s together" in finding.message for finding in report.findings)


def test_a_process_that_does_not_start_is_no_fault_of_the_rules(monkeypatch):
    monkeypatch.setattr(rule_runs, "RULES_START_SECONDS", 0.0)
    with pytest.raises(TimeoutError):
        sql("select count(*) from {object}")


def test_the_process_of_rules_has_no_credentials(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SECRET")
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *args, **more: started.append(more["env"]) or popen(*args, **more))
    assert sql("select count(*) from {object}").findings == ()
    assert [sorted(environment.keys() - {"LD_LIBRARY_PATH"}) for environment in started] == [["PATH", "PYTHONPATH"]]


def test_a_broken_rule_of_a_warning_only_warns():
    assert codes(sql("select nope from t", severity="warning")) == [("QualityRuleBroken", "warning")]


def test_text_and_rules_for_other_engines_are_listed_and_not_evaluated():
    quality = [
        {"type": "text", "description": "no gaps"},
        {"type": "custom", "engine": "greatExpectations", "implementation": "x"},
    ]
    first, second = held("a\n1\n", column("a", quality=quality)).rules
    assert (first.outcome, second.outcome) == ("skipped", "skipped")
    assert "greatExpectations" in second.reason


def test_no_value_of_a_personal_column_is_shown():
    public = held("a\nSECRET\n", column("a", "string", enum=[{"value": "x"}]))
    assert "SECRET" in only(public).message
    for keywords in ({"classification": "restricted"}, {"tags": ["pii"]}):
        report = held("a\nSECRET\n", column("a", "string", enum=[{"value": "x"}], **keywords))
        assert "SECRET" not in only(report).message
    named = held("email\nSECRET\n", column("email", "string", unique=True, enum=[{"value": "x"}]))
    assert "SECRET" not in only(named).message
    wrong = held("a\nSECRET\n", column("a", classification="restricted"))
    assert (only(wrong).code, "SECRET" in only(wrong).message) == ("ValueNotOfType", False)


def test_no_value_is_shown_by_a_query_that_fails_on_it():
    report = sql("select sum(cast(a as integer)) from t", "k,a\n1,SECRET\n")
    assert "cannot be converted" in only(report).message
    assert "SECRET" not in report.model_dump_json(exclude={"profile"})


def test_a_column_that_breaks_several_promises_counts_once_for_validity():
    options = {"minimum": 5, "multipleOf": 5}
    report = held("a\n1\n5\n10\nx\n", column("a", logicalTypeOptions=options))
    assert report.scores.validity == pytest.approx(2 / 4)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("select max({property}) from {object}", False),
        ('with x as (select "A" as v from t) select max(v) from x', False),
        ("select max(v) from (select * from t) as x(v, w)", False),
        ("select count(*) + max(a) from t", False),
        ("select count(*) from t where a > 0", True),
        ("select max(k) from t", True),
    ],
)
def test_the_number_of_a_rule_is_not_shown_where_it_may_be_a_value_that_is_not(query, shown):
    rule = {"type": "sql", "query": query, "mustBe": 0, "severity": "warning"}
    promised = column("a", "integer", classification="restricted", quality=[rule])

    report = held("k,a\n77,123456782\n", column("k", "integer"), promised)

    (finding,) = report.findings
    (result_,) = report.rules
    assert (finding.code, finding.observed is not None) == ("QualityRuleFailed", shown)
    assert "12345678" not in finding.message + result_.observed
