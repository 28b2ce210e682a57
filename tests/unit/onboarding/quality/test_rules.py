"""Faults of a rule that show without data."""

import pytest
from mesh.domain.contracts.contract import ContractSchemaViolation
from mesh.domain.onboarding.quality.comparisons import Comparison, comparisons
from mesh.domain.onboarding.quality.formats import FORMATS
from mesh.domain.onboarding.quality.rule_queries import fault_of, filled
from mesh.domain.onboarding.quality.rules import faults, table_expectations
from mesh.domain.patterns import refusal_of

from tests.unit.contracts.contracts import column, contract
from tests.unit.fuzzing import in_time

OWN = frozenset({"t", "loans"})


@pytest.mark.parametrize(
    ("operator", "operand", "holds", "fails"),
    [
        ("mustBe", 5, [5], [4, 6]),
        ("mustNotBe", 5, [4, 6], [5]),
        ("mustBeGreaterThan", 5, [6], [5, 4]),
        ("mustBeGreaterOrEqualTo", 5, [5, 6], [4]),
        ("mustBeLessThan", 5, [4], [5, 6]),
        ("mustBeLessOrEqualTo", 5, [4, 5], [6]),
        ("mustBeBetween", [5, 7], [6], [5, 7, 4, 8]),
        ("mustNotBeBetween", [5, 7], [5, 7, 4, 8], [6]),
        ("mustBe", True, [1], [0]),
        ("mustBe", "false", [0], [1]),
    ],
)
def test_operators(operator, operand, holds, fails):
    (comparison,) = comparisons({operator: operand, "metric": "rowCount"})
    assert [comparison.holds(value) for value in holds] == [True] * len(holds)
    assert [comparison.holds(value) for value in fails] == [False] * len(fails)


def test_a_comparison_is_shown_as_the_contract_writes_it():
    assert Comparison("mustBeBetween", (1, 2.5)).text == "mustBeBetween [1, 2.5]"


@pytest.mark.parametrize("rule", [{"mustBeAbout": 1}, {"mustBe": "some"}, {"mustBeBetween": 3}, {"mustBeBetween": [1]}])
def test_an_unknown_operator_is_reported(rule):
    with pytest.raises(ValueError, match=next(iter(rule))):
        comparisons(rule)


@pytest.mark.parametrize(
    ("query", "said", "elsewhere"),
    [
        ("", "empty", False),
        (" -- nothing\n;", "empty", False),
        ("drop table t", "begins with 'drop'", False),
        ("copy t to 's3://x'", "begins with 'copy'", False),
        ("select 1 from t; drop table t", "more than one statement", False),
        ("select count(*) / 0 from t", "divides by zero", False),
        ("select 1/0.00 from t", "divides by zero", False),
        ("select {colunm} from {object}", "nothing stands for {colunm}", False),
        ("select count(*) from other", "reads other", True),
        ("select count(*) from t join lake.u using (k)", "reads lake.u", True),
        ('select count(*) from "other product".t2', "reads other product.t2", True),
        ("select (select count(*) from u) from t", "reads u", True),
        ("select count(*) from 's3://bucket/x.csv'", "reads s3://bucket/x.csv", True),
        ("select count(*) from read_csv('x')", "reads read_csv", True),
    ],
)
def test_faults_of_a_query(query, said, elsewhere):
    fault = fault_of(query, OWN, on_column=True)
    assert fault is not None
    assert said in fault.message
    assert fault.elsewhere == elsewhere


@pytest.mark.parametrize(
    "query",
    [
        "select count(*) from {object} where {property} is null",
        "SELECT COUNT(*) FROM ${table} WHERE ${column} <> 'from other; drop'",
        "select count(*) from loans as l join t on l.k = t.k;",
        "with x as (select * from t), y as (select * from x) select count(*) from y",
        "select sum(extract(year from d)) / 2 from t",
        "select count(*) from t where a is not distinct from b",
        "select trim(both ' ' from a), substring(a from 2 for 1) from t /* from u */",
        "select count(*) from (select 1 from t)",
        "(select count(*) from t)",
        "from t select count(*)",
        "select count(*) from t, unnest([1])",
    ],
)
def test_queries_without_a_fault(query):
    assert fault_of(query, OWN, on_column=True) is None


def test_a_rule_of_the_table_has_no_property():
    fault = fault_of("select max({property}) from {object}", OWN, on_column=False)
    assert fault is not None
    assert "there is {object}" in fault.message


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select {property} from {object}", 'select "a b" from "t"'),
        ("select ${column} from ${table}", 'select "a b" from "t"'),
        ('select "{property}" from `{object}`', 'select "a b" from "t"'),
        ("select '{property}'", "select 'a b'"),
        ("select { property }", 'select "a b"'),
    ],
)
def test_placeholders_become_quoted_names(query, expected):
    assert filled(query, "t", "a b") == expected


def test_an_unknown_placeholder_is_reported():
    with pytest.raises(ValueError, match="nothing stands for"):
        filled("select {x}", "t", "a")


def test_faults_of_a_contract_are_named_by_their_place():
    sql = {"type": "sql", "mustBe": 0}
    rules = [
        {"metric": "invalidValues", "mustBe": 0},
        sql | {"query": "select 1 from {object}"},
        sql | {"query": "select"} | {"query": "delete from {object}"},
    ]
    whole = [
        {"metric": "duplicateValues", "mustBe": 0, "arguments": {"properties": ["a", "z"]}},
        {"metric": "nullValues", "mustBe": 0},
    ]
    unread = contract(column("a")).tables[0]
    table = unread.model_copy(
        update={
            "extras": {"quality": whole},
            "columns": (unread.columns[0].model_copy(update={"extras": {"quality": rules}}),),
        }
    )
    found = faults(contract(column("a")).model_copy(update={"tables": (table,)}))
    assert [(fault["path"], fault["message"]) for fault in found] == [
        ("$.schema[0].quality[0]", "the contract has no property 'z'"),
        ("$.schema[0].quality[1]", "nullValues belongs to a property, not to the whole schema object"),
        ("$.schema[0].properties[0].quality[0]", "invalidValues needs arguments: validValues, or a pattern"),
        ("$.schema[0].properties[0].quality[2]", "the query is not a SELECT: it begins with 'delete'"),
    ]


def test_dimensions_of_the_standard_and_its_synonyms():
    dimensions = ["conformity", "cf", "coverage", "timeliness", "uq", "ac", "consistency"]
    rules = [{"type": "text", "description": "x", "dimension": dimension} for dimension in dimensions]
    table = contract(column("a")).tables[0].model_copy(update={"extras": {"quality": rules}})
    assert [expectation.dimension for expectation in table_expectations(table, "$", {})] == [
        "validity", "validity", "completeness", "timeliness", "uniqueness", "accuracy", "consistency",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "pattern", [r"(?=a)", r"(?!a)", r"(?<=a)b", r"(?<!a)b", r"(a)\1", r"(?<n>a)\k<n>", r"(?>a)", r"a++", r"\u00e4",
                "[z-a]", "(", "a{1001}", r"\p{L}{1,100}", "x" * 2_001]
)  # fmt: skip
def test_a_contract_with_a_pattern_that_re2_does_not_take_is_refused(pattern):
    options = column("a", "string", logicalTypeOptions={"pattern": pattern})
    quality = [{"metric": "invalidValues", "arguments": {"pattern": pattern}, "mustBe": 0}]
    with pytest.raises(ContractSchemaViolation) as refused:
        contract(options, column("b", "string", quality=quality))
    found = refused.value.where["violations"]
    assert [fault["path"] for fault in found] == [
        "$.schema[0].properties[0].logicalTypeOptions.pattern",
        "$.schema[0].properties[1].quality[0]",
    ]
    assert all("RE2" in fault["message"] for fault in found)


@pytest.mark.parametrize(
    "pattern", [r"^a+$", r"(?:a|b)", r"\\1", r"\(?=a", r"(?<name>a)", r"(?i)a", r"a\+\+", *FORMATS.values()]
)
def test_what_re2_can_do_is_not_refused(pattern):
    assert refusal_of(pattern) == ""


@pytest.mark.parametrize("part", ["/* ", "from t ", "from {object} ", "( from t ", "trim(a from t "])
def test_a_long_query_is_read_in_one_pass(part):
    """Found by fuzzing: an open comment, and each FROM, were looked for through all of it."""
    with in_time(1.5):
        fault_of("select 1 where " + part * (60_000 // len(part)), frozenset({"t"}), on_column=False)
