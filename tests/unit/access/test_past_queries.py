"""Past queries of a product, and which an announced contract breaks."""

from datetime import UTC, datetime

import pytest
from mesh.domain.events import ContractChangeAnnounced

from cli import output
from cli.access import past_queries
from cli.access.past_queries import named_in

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
GONE = {"table": "t1", "column": "amount", "text": "t1.amount: removed (bigint)"}


def announced(*changes):
    return ContractChangeAnnounced(
        product="xs", domain="retail", owner_account="222222222222", registered="1.0.0", contract_version="2.0.0",
        changes=changes or (GONE,), changes_count=1, in_force=AT,
    )  # fmt: skip


class Athena:
    """A work group with these queries, newest first."""

    def __init__(self, *queries):
        self._queries = {f"q-{number:04d}": sql for number, sql in enumerate(queries)}

    def get_paginator(self, name):
        assert name == "list_query_executions"
        return self

    def paginate(self, WorkGroup):  # noqa: N803 - Athena's
        ids = list(self._queries)
        return ({"QueryExecutionIds": ids[start : start + 30]} for start in range(0, len(ids), 30))

    def batch_get_query_execution(self, QueryExecutionIds):  # noqa: N803 - Athena's
        assert len(QueryExecutionIds) <= 50
        return {
            "QueryExecutions": [
                {"QueryExecutionId": each, "Query": self._queries[each], "Status": {"SubmissionDateTime": AT}}
                for each in reversed(QueryExecutionIds)
            ]
        }


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ('SELECT id, amount FROM "rl_xs"."t1" ORDER BY id', {"t1": {"id", "amount"}}),
        ("select * from RL_XS.T1", {"t1": {"*"}}),
        ("SELECT t.* FROM rl_xs.t1 t", {"t1": {"*"}}),
        ("SELECT count(*) FROM rl_xs.t1 a JOIN rl_y.t2 b ON a.id = b.k", {"t1": {"id", "k"}}),
        ("SELECT Amount FROM rl_xs.t1 UNION SELECT amount FROM rl_xs.t2", {"t1": {"amount"}, "t2": {"amount"}}),
        ("WITH a AS (SELECT amount FROM rl_xs.t1) SELECT amount FROM a", {"t1": {"amount"}}),
        ("CREATE TABLE z AS SELECT id FROM rl_xs.t1", {"t1": {"id"}}),
        ("UNLOAD (SELECT id FROM rl_xs.t1) TO 's3://b/' WITH (format = 'PARQUET')", {"t1": {"id"}}),
        ("SELECT amount FROM rl_xsy.t1", {}),
        ("SELECT 'rl_xs.t1'", {}),
        ("SHOW TABLES IN rl_xs", {}),
        ("((((", {}),
        ("", {}),
    ],
)
def test_tables_and_columns_that_a_query_names(sql, named):
    assert named_in(sql, "rl_xs") == {table: frozenset(columns) for table, columns in named.items()}


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (GONE, ["amount", "*"]),
        ({"table": "t1", "column": "total", "before": "amount", "text": "renamed"}, ["amount", "*"]),
        ({"table": "t1", "column": "id.part", "text": "type changed"}, ["id", "*"]),
        ({"table": "t1", "text": "partition keys"}, ["id", "amount", "*"]),
        ({"text": "of the contract"}, ["id", "amount", "*"]),
        ({"table": "t2", "column": "amount", "text": "another table's"}, []),
    ],
)
def test_a_change_breaks_the_queries_that_name_what_it_changes(change, broken):
    found = past_queries.past_queries(
        Athena(*(f"SELECT {column} FROM rl_xs.t1" for column in ("id", "amount", "*"))),
        "group",
        "xs",
        announced(change),
    )

    assert [query.sql.split()[1] for query in found if query.breaks] == broken


def test_queries_come_newest_first_however_many_there_are():
    found = list(
        past_queries.past_queries(Athena(*(f"SELECT c{n} FROM rl_xs.t1" for n in range(120))), "g", "xs", None)
    )

    assert [query.query_execution_id for query in found] == [f"q-{number:04d}" for number in range(120)]


@pytest.mark.parametrize("width", [80, 120])
def test_what_breaks_stands_below_its_query(capsys, monkeypatch, width):
    monkeypatch.setattr(output.console, "width", width)
    change = announced()
    found = past_queries.past_queries(
        Athena("SELECT amount FROM rl_xs.t1", "SELECT id\nFROM rl_xs.t1"), "g", "xs", change
    )

    past_queries.render("xs", change, found)

    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "2026-11-21 09:30:00",
        "  SELECT amount FROM rl_xs.t1",
        "  breaks: t1.amount: removed (bigint)",
        "2026-11-21 09:30:00",
        "  SELECT id FROM rl_xs.t1",
        "contract 2.0.0 may break 1 query of 2",
    ]


def test_that_nothing_was_found_is_said(capsys):
    past_queries.render("xs", None, [])
    assert "no query of xs in the last 45 days" in capsys.readouterr().out
