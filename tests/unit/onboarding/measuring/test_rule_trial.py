"""Rules in SQL that cost too much are refused when their contract arrives."""

import pytest
from mesh.adapters.duckdb.measuring import rule_trial
from mesh.adapters.duckdb.measuring.rule_trial import try_rules
from mesh.domain.contracts.contract import ContractSchemaViolation
from mesh.domain.errors import Rejected

from tests.unit.contracts.contracts import column, contract

COLUMNS = (
    column("id"), column("name", "string"), column("day", "date"), column("at", "timestamp"), column("ok", "boolean"),
    column("price", "number", physicalType="decimal(9,2)"), column("tags", "array", physicalType="array<string>"),
)  # fmt: skip
PATH = "$.schema[0].quality"
CROSS = "SELECT count(*) FROM {object} a, {object} b, {object} c, {object} d WHERE a.name < d.name"
ENDLESS = "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r"
LARGE = "SELECT max(length(repeat(name, 100000000))) FROM {object}"
ONE = "SELECT length(repeat('x', 1000000000) || repeat('y', 1000000000)) FROM {object}"
LISTS = "SELECT len(list_sort(list_transform(range(1000000000), lambda x: -x)))"
PAIRS = "SELECT max(levenshtein(repeat(name, 100000), repeat(name, 100000) || 'z')) FROM {object}"
RESULT = "SELECT repeat('x', 2000000000)"
MANY = "SELECT count(DISTINCT repeat(name, 10000) || n) FROM {object}, range(1000) AS r(n)"


def ruled(*queries):
    return contract(*COLUMNS, table={"quality": [{"type": "sql", "query": query, "mustBe": 0} for query in queries]})


@pytest.mark.parametrize("query", [CROSS, ENDLESS, LARGE, ONE, LISTS, PAIRS, RESULT, MANY])
@pytest.mark.timeout(30)
def test_a_rule_that_costs_too_much_is_refused_with_its_path(query):
    with pytest.raises(ContractSchemaViolation) as refused:
        try_rules(ruled("SELECT count(*) FROM {object} WHERE id < 0", query))

    assert [found["path"] for found in refused.value.where["violations"]] == [f"{PATH}[1]"]
    assert refused.value.remedy


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM {object} a JOIN {object} b ON a.id = b.id WHERE a.price > b.price",
        "SELECT count(*) FROM {object} WHERE day < DATE '2020-01-01' OR at < TIMESTAMP '2020-01-01' OR NOT ok",
        "SELECT nonsense FROM {object}",
        "SELECT len(tags[1]) FROM {object}",
    ],
)
def test_a_rule_that_costs_little_or_is_wrong_in_another_way_is_not_refused_here(query):
    try_rules(ruled(query))


@pytest.mark.parametrize(
    "odd", [column("", "string"), column("a\0b", "string"), column("x", physicalType="decimal(2,5)")]
)
def test_a_table_that_the_engine_cannot_make_is_no_fault_of_its_rules(odd):
    """What is wrong with its columns is said elsewhere, or shows with its data."""
    rule = {"type": "sql", "query": "SELECT count(*) FROM {object}", "mustBe": 0}
    try:
        made = contract(odd, column("id"), table={"quality": [rule]})
    except Rejected:
        return
    try_rules(made)


@pytest.mark.timeout(60)
def test_many_costly_rules_end_with_the_time_of_all():
    with pytest.raises(ContractSchemaViolation) as refused:
        try_rules(ruled(*[ENDLESS] * 12))

    assert "together" in refused.value.where["violations"][-1]["message"]


def test_rules_of_all_tables_are_tried_with_their_own_rows():
    tables = [
        {"name": name, "properties": [column("id")], "quality": [{"type": "sql", "query": query, "mustBe": 0}]}
        for name, query in (("one", "SELECT count(*) FROM one"), ("two", ENDLESS))
    ]
    with pytest.raises(ContractSchemaViolation) as refused:
        try_rules(contract(schema=tables))

    assert [found["path"] for found in refused.value.where["violations"]] == ["$.schema[1].quality[0]"]


def test_a_contract_without_such_rules_needs_no_process(monkeypatch):
    monkeypatch.setattr(rule_trial, "run_rules", None)
    try_rules(contract(*COLUMNS))
