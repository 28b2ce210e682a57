"""`mesh query`: waiting, pages, NULLs, types, and failures with what to do next."""

import pytest
from botocore.exceptions import ClientError

from cli import output
from cli.access import query
from cli.output import CommandFailed

OUTPUT = "s3://results/q1.csv"


class FakeAthena:
    """`states` are answered one after the other; `pages` are lists of rows, the header among them."""

    def __init__(self, states=("SUCCEEDED",), pages=((["id"],),), types=(("id", "integer"),), **execution):
        self.states = list(states)
        self.pages = pages
        self.types = types
        self.execution = {"StatementType": "DML", "ResultConfiguration": {"OutputLocation": OUTPUT}} | execution
        self.stopped = []
        self.started = []
        self.fetched = 0

    def start_query_execution(self, **given):
        self.started.append(given)
        return {"QueryExecutionId": "q1"}

    def get_query_execution(self, **_):
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if isinstance(state, BaseException):
            raise state
        status = state if isinstance(state, dict) else {"State": state}
        return {"QueryExecution": self.execution | {"Status": status}}

    def stop_query_execution(self, **given):
        self.stopped.append(given["QueryExecutionId"])

    def get_paginator(self, _name):
        return self

    def paginate(self, **_):
        info = [{"Name": name, "Type": kind} for name, kind in self.types]
        for page in self.pages:
            self.fetched += 1
            rows = [{"Data": [{} if value is None else {"VarCharValue": value} for value in row]} for row in page]
            yield {"ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": info}}}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(query, "_FIRST_POLL", 0.0)
    monkeypatch.setattr(query, "_LONGEST_POLL", 0.0)


def run(athena, limit=0):
    return query.run(athena, "SELECT id", workgroup="g", database="d", limit=limit, role="DataAnalyst")


def test_all_pages_are_fetched_at_the_end_without_the_header_row():
    athena = FakeAthena(
        states=["QUEUED", "RUNNING", "SUCCEEDED"],
        pages=([["id"], ["1"]], [["2"], [None]]),
        Statistics={"DataScannedInBytes": 42, "TotalExecutionTimeInMillis": 1500},
    )
    found = run(athena)
    assert (found.rows, found.more) == ([["1"], ["2"], [None]], False)
    assert (found.bytes_scanned, found.seconds, found.output_location) == (42, 1.5, OUTPUT)
    assert athena.started == [
        {"QueryString": "SELECT id", "WorkGroup": "g", "QueryExecutionContext": {"Database": "d"}}
    ]


def test_a_utility_statement_has_no_header():
    assert run(FakeAthena(pages=([["a"], ["b"]],), StatementType="UTILITY")).rows == [["a"], ["b"]]


def test_no_page_beyond_the_limit_is_fetched_and_more_is_said():
    athena = FakeAthena(pages=([["id"], ["1"], ["2"]], [["3"]], [["4"]]))
    found = run(athena, limit=2)
    assert (found.rows, found.more, athena.fetched) == ([["1"], ["2"]], True, 2)
    exact = run(FakeAthena(pages=([["id"], ["1"], ["2"]],)), limit=2)
    assert (exact.rows, exact.more) == ([["1"], ["2"]], False)


@pytest.mark.parametrize(
    ("state", "reason", "code", "remedy"),
    [
        ("FAILED", "COLUMN_NOT_FOUND: line 1:8: Column 'x' cannot be resolved", "COLUMN_NOT_FOUND", "DataAnalyst"),
        ("FAILED", "SCHEMA_NOT_FOUND: line 1:8: Schema 'x' does not exist", "SCHEMA_NOT_FOUND", "SHOW DATABASES"),
        ("FAILED", "Insufficient permissions to execute the query. No", "QueryFailed", "mesh request PRODUCT"),
        ("FAILED", "HIVE_BAD_DATA: a.csv: no integer", "HIVE_BAD_DATA", "owner"),
        ("CANCELLED", "Bytes scanned limit was exceeded", "QueryCancelled", ""),
    ],
)
def test_a_failure_is_athena_s_reason_with_what_to_do(state, reason, code, remedy):
    with pytest.raises(CommandFailed) as caught:
        run(FakeAthena(states=[{"State": state, "StateChangeReason": reason}]))
    assert (caught.value.code, caught.value.where["query"]) == (code, "q1")
    assert caught.value.message in reason
    assert remedy in caught.value.remedy


def test_what_athena_does_not_accept_is_said_before_there_is_a_query(monkeypatch):
    athena = FakeAthena()
    error = {"Error": {"Code": "InvalidRequestException", "Message": "line 1:1: mismatched input 'SELEKT'"}}

    def refuse(**_):
        raise ClientError(error, "StartQueryExecution")

    monkeypatch.setattr(athena, "start_query_execution", refuse)
    with pytest.raises(CommandFailed, match="mismatched input") as caught:
        run(athena)
    assert caught.value.remedy


def test_an_interrupt_stops_the_query():
    athena = FakeAthena(states=["RUNNING", KeyboardInterrupt()])
    with pytest.raises(KeyboardInterrupt):
        run(athena)
    assert athena.stopped == ["q1"]


def test_values_in_json_are_typed_and_decimals_exact():
    kinds = "bigint double double boolean decimal varchar integer".split()
    columns = [query.Column(str(at), kind) for at, kind in enumerate(kinds)]
    row = ["1", "2.5", "NaN", "true", "1.10", "x", None]
    assert query.typed(row, columns) == [1, 2.5, "NaN", True, "1.10", "x", None]


def answer(columns, rows):
    return query.Answer("q1", [query.Column(*column) for column in columns], rows, False, 10, 0.2, OUTPUT)


def test_numbers_are_right_aligned_and_null_is_visible(capsys, monkeypatch):
    monkeypatch.setattr(output.console, "width", 80)
    query.show(answer([("n", "bigint"), ("s", "varchar")], [["1", "a"], ["1000", None], ["2", "\x1b[31mred"]]))
    said = capsys.readouterr().out
    lines = [line.split() for line in said.splitlines()]
    assert ["1000", "NULL"] in lines
    assert "   1  " in said
    assert "\x1b" not in said
    assert "\\x1b[31mred" in said
    assert "3 rows, 10 bytes scanned in 0.2 s" in said


def test_rows_too_wide_for_the_terminal_are_blocks(capsys, monkeypatch):
    monkeypatch.setattr(output.console, "width", 60)
    columns = [(f"column_{at}", "varchar") for at in range(12)]
    query.show(answer(columns, [["value"] * 12]))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "row 1"
    assert lines[12].split() == ["column_11", "value"]


def test_no_rows_are_a_table_of_its_headers(capsys):
    query.show(answer([("n", "bigint")], []))
    assert "0 rows" in capsys.readouterr().out
