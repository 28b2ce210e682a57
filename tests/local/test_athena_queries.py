"""What queries give: formats, partitions, SQL, results, states."""

import gzip
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.local.athena_helpers import (
    JSON,
    OPEN_CSV,
    PARQUET,
    RESULTS,
    add_partition,
    analyst,
    ask,
    athena_of,
    ended,
    fresh_mesh,
    let_read,
    make_table,
    put,
    refusal,
    rows,
    share,
    start,
)
from tests.local.lf_helpers import CONSUMER, error_of, root


@pytest.fixture
def who():
    fresh_mesh()
    make_table("cards", "card", {"id": "int", "branch": "string", "amount": "double"})
    put("cards/card/a.csv", "id,branch,amount\n1,north,10.5\n2,south,1e7\n3,,abc\n")
    share("cards")
    caller = analyst()
    let_read(caller, "cards")
    return caller


def table_of(who, columns, files, **more):
    """Rows of a new table of `cards` with these objects."""
    make_table("cards", "t", columns, **more)
    for name, body in files.items():
        put(f"cards/t/{name}", body)
    return ask(who, "SELECT * FROM rl_cards.t")[1:]


def test_lazy_simple_serde_splits_and_makes_null_of_what_does_not_parse(who):
    assert ask(who, "SELECT * FROM rl_cards.card ORDER BY id") == [
        ["id", "branch", "amount"],
        ["1", "north", "10.5"],
        ["2", "south", "1.0E7"],
        ["3", "", None],
    ]


def test_rows_may_be_short_or_long_and_files_gzipped_hidden_or_empty(who):
    files = {
        "a.csv.gz": gzip.compress(b"h\n1,a\n"),
        "b.csv": 'h\n2\n3,"c,surplus\n',
        "_hidden.csv": "h\n9,z\n",
        "empty.csv": "",
        "sub/c.csv": "h\r\n4,\\N\r\n",
    }
    found = table_of(who, {"n": "int", "s": "string"}, files)
    assert sorted(found, key=str) == [["1", "a"], ["2", None], ["3", '"c'], ["4", None]]


def test_open_csv_serde_knows_quotes_and_fails_on_bad_values(who):
    found = table_of(
        who, {"n": "bigint", "s": "string"}, {"a.csv": 'n;s\n"1";"say ""hi""; or not"\n"";x\n'},
        serde=OPEN_CSV, separatorChar=";", quoteChar='"', escapeChar="\\",
    )  # fmt: skip
    assert found == [["1", 'say "hi"; or not'], [None, "x"]]
    put("cards/t/b.csv", "n;s\nabc;x\n")
    assert refusal(who, "SELECT n FROM rl_cards.t").startswith("HIVE_BAD_DATA: ")


def test_json_lines_nested_and_in_any_case(who):
    columns = {"id": "int", "tags": "array<string>", "place": "struct<city:string,zip:int>", "note": "string"}
    body = '{"ID": 1, "tags": ["a", "b"], "place": {"city": "Ulm", "zip": 89073}, "note": {"x": 1}}\n\n{"id": 2}\n'
    found = table_of(who, columns, {"a.json": body}, serde=JSON)
    assert found == [["1", "[a, b]", "{city=Ulm, zip=89073}", '{"x": 1}'], ["2", None, None, None]]
    put("cards/t/b.json", "no json\n")
    assert "Row is not a valid JSON Object" in refusal(who, "SELECT id FROM rl_cards.t")


def parquet(**columns):
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def test_parquet_by_name_with_absent_columns_null_and_only_the_read_columns_counted(who):
    files = {"a.parquet": parquet(Amount=[1.5, None], id=[1, 2]), "b.parquet": parquet(id=[3], note=["x" * 5000])}
    found = table_of(who, {"id": "bigint", "amount": "double", "note": "string"}, files, serde=PARQUET)
    assert [[row[0], row[1], (row[2] or "")[:1]] for row in sorted(found)] == [
        ["1", "1.5", ""],
        ["2", None, ""],
        ["3", None, "x"],
    ]
    narrow, wide = (
        ended(who, start(who, f"SELECT {columns} FROM rl_cards.t"))["Statistics"]["DataScannedInBytes"]
        for columns in ("id", "*")
    )
    assert 0 < narrow < wide < sum(len(body) for body in files.values())


def partitioned(who):
    make_table("cards", "p", {"n": "int"}, keys={"dt": "string", "hour": "int"})
    for day, hour in (("2026-11-20", "1"), ("2026-11-20", "2"), ("2026-11-21", "1")):
        folder = f"dt={day}/hour={hour}"
        put(f"cards/p/{folder}/a.csv", f"n\n{hour}{day[-2:]}\n")
        add_partition("cards", "p", folder, day, hour)
    return len("n\n120\n")


@pytest.mark.parametrize(
    ("condition", "found", "objects"),
    [
        ("", 3, 3),
        ("WHERE dt = '2026-11-20'", 2, 2),
        ("WHERE dt > '2026-11-20' AND hour IN (1, 2) AND n > 0", 1, 1),
        ("WHERE dt = '2026-11-20' OR n = 121", 3, 3),
        ("WHERE NOT (hour = 1)", 1, 1),
        ("WHERE dt LIKE '%21'", 1, 1),
        ("WHERE dt = '1999-01-01'", 0, 0),
    ],
)
def test_partitions_are_values_and_only_the_needed_ones_are_read(who, condition, found, objects):
    size = partitioned(who)
    execution = ended(who, start(who, f"SELECT n, dt, hour FROM rl_cards.p {condition}"))
    lines = rows(athena_of(who).get_query_results(QueryExecutionId=execution["QueryExecutionId"]))
    assert (len(lines) - 1, execution["Statistics"]["DataScannedInBytes"]) == (found, objects * size)


def test_an_outer_join_keeps_partitions_that_its_condition_would_leave_out(who):
    partitioned(who)
    sql = "SELECT c.id FROM rl_cards.card c LEFT JOIN rl_cards.p ON p.hour = c.id WHERE p.dt IS NULL OR p.dt = 'x'"
    assert ask(who, sql) == [["id"], ["3"]]


def test_joins_over_products_common_tables_subqueries_and_windows(who):
    make_table("accounts", "account", {"card": "int", "owner": "string"})
    put("accounts/account/a.csv", "card,owner\n1,x\n1,y\n2,z\n")
    share("accounts")
    let_read(who, "accounts")
    sql = """
        WITH big AS (SELECT id, amount FROM "awsdatacatalog"."rl_cards".card WHERE amount > 1)
        SELECT b.id, count(*) AS owners, max_by(a.owner, a.owner),
               row_number() OVER (ORDER BY b.id DESC), 7 / 2, CAST(b.id AS varchar) || '!'
        FROM big b JOIN rl_accounts.account a ON a.card = b.id
        WHERE b.id IN (SELECT id FROM rl_cards.card) GROUP BY b.id ORDER BY 1
    """
    assert ask(who, sql) == [
        ["id", "owners", "_col2", "_col3", "_col4", "_col5"],
        ["1", "2", "y", "2", "3", "1!"],
        ["2", "1", "z", "1", "3", "2!"],
    ]


def test_a_common_table_may_hide_a_table_and_columns_be_named_in_full(who):
    assert ask(who, 'SELECT rl_cards.card.id FROM "rl_cards".CARD WHERE rl_cards.card.id = 1') == [["id"], ["1"]]
    context = {"QueryExecutionContext": {"Database": "rl_cards"}}
    assert ask(who, "WITH card AS (SELECT 42 AS id) SELECT id FROM card", **context) == [["id"], ["42"]]
    assert ask(who, "SELECT max(id) FROM card", **context) == [["_col0"], ["3"]]


def test_types_and_values_are_athena_s(who):
    sql = """
        SELECT 1 AS i, sum(id) AS s, 1.0E0 AS d, CAST(1.5 AS decimal(5,2)) AS m, true AS b, date '2026-11-21' AS t,
               timestamp '2026-11-21 01:02:03.456' AS ts, array[1, 2] AS a, CAST(NULL AS varchar) AS n, 'q"x' AS q
        FROM rl_cards.card
    """
    found = ended(who, start(who, sql))
    answer = athena_of(who).get_query_results(QueryExecutionId=found["QueryExecutionId"])
    types = [column["Type"] for column in answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]]
    expected = "integer bigint double decimal boolean date timestamp array varchar varchar".split()
    assert types == expected
    assert rows(answer)[1] == [
        "1", "6", "1.0", "1.50", "true", "2026-11-21", "2026-11-21 01:02:03.456", "[1, 2]", None, 'q"x',
    ]  # fmt: skip
    key = found["ResultConfiguration"]["OutputLocation"].removeprefix(f"s3://{RESULTS}/")
    body = root(CONSUMER).s3.get_object(Bucket=RESULTS, Key=key)["Body"].read().decode()
    assert body.splitlines()[1].endswith('"[1, 2]",,"q""x"')
    assert root(CONSUMER).s3.head_object(Bucket=RESULTS, Key=f"{key}.metadata")


def test_pages_have_the_header_once_and_lose_no_row(who):
    put("cards/card/b.csv", "h\n" + "".join(f"{n},x,1\n" for n in range(2500)))
    number = ended(who, start(who, "SELECT id FROM rl_cards.card ORDER BY 1"))["QueryExecutionId"]
    pages = list(athena_of(who).get_paginator("get_query_results").paginate(QueryExecutionId=number))
    lines = [line for page in pages for line in rows(page)]
    assert [len(rows(page)) for page in pages] == [1000, 1000, 504]
    assert lines[0] == ["id"]
    assert len(lines) == 2504
    assert lines[-1] == ["2499"]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT 1 / 0", "DIVISION_BY_ZERO: Division by zero"),
        ("SELECT CAST('a' AS integer)", "INVALID_CAST_ARGUMENT: "),
        ("SELECT nope(1)", "FUNCTION_NOT_FOUND: "),
        ("SELECT id, count(*) FROM rl_cards.card", "SYNTAX_ERROR: "),
        ("SELECT * FROM duckdb_settings", "TABLE_NOT_FOUND: "),
        ("SELECT * FROM nowhere.duckdb_settings", "SCHEMA_NOT_FOUND: "),
        ("SELECT 1 FROM other.rl_cards.card", "CATALOG_NOT_FOUND: line 1:15: Catalog 'other' does not exist"),
    ],
)
def test_an_unsupported_query_fails_with_athenas_message(who, sql, reason):
    assert refusal(who, sql).startswith(reason)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO rl_cards.card VALUES (1, 'x', 2)",
        "CREATE TABLE x AS SELECT 1 AS a",
        "DROP TABLE rl_cards.card",
        "DELETE FROM rl_cards.card",
        "UNLOAD (SELECT 1) TO 's3://x/y' WITH (format = 'PARQUET')",
        "SELECT 1; SELECT 2",
        "SELEKT 1 FRM x",
        "SELECT 'open",
        "SELECT * FROM read_csv('/etc/passwd')",
        "COPY (SELECT 1) TO '/tmp/x'",
        "PRAGMA version",
    ],
)
def test_only_one_select_is_accepted(who, sql):
    assert error_of(start, who=who, sql=sql)[0] == "InvalidRequestException"


def test_parameters_are_values(who):
    assert ask(who, "SELECT id FROM rl_cards.card WHERE branch = ?", ExecutionParameters=["'south'"]) == [["id"], ["2"]]
    assert error_of(start, who=who, sql="SELECT ?")[0] == "InvalidRequestException"


def test_the_work_group_decides_where_results_lie_and_how_much_is_read(who):
    elsewhere = {"ResultConfiguration": {"OutputLocation": f"s3://{RESULTS}/mine/"}}
    found = ended(who, start(who, "SELECT 1", **elsewhere))
    assert found["ResultConfiguration"]["OutputLocation"].startswith(f"s3://{RESULTS}/results/")
    athena = athena_of(root(CONSUMER))
    athena.update_work_group(
        WorkGroup="consumer-workgroup", ConfigurationUpdates={"EnforceWorkGroupConfiguration": False}
    )
    found = ended(who, start(who, "SELECT 1", **elsewhere))
    assert found["ResultConfiguration"]["OutputLocation"].startswith(f"s3://{RESULTS}/mine/")
    limit = {"BytesScannedCutoffPerQuery": 10_000_000}
    athena.update_work_group(WorkGroup="consumer-workgroup", ConfigurationUpdates=limit)
    put("cards/card/big.csv", "h\n" + "1,x,1\n" * 2_000_000)
    found = ended(who, start(who, "SELECT max(id) FROM rl_cards.card"))
    assert found["Status"]["State"] == "CANCELLED"
    assert found["Status"]["StateChangeReason"] == "Bytes scanned limit was exceeded"
    assert "No output location" in error_of(start, who=who, sql="SELECT 1", WorkGroup="primary")[1]
    assert "is not found" in error_of(start, who=who, sql="SELECT 1", WorkGroup="nope")[1]


def test_a_query_can_be_stopped_and_is_listed(who):
    heavy = "SELECT count(*) FROM unnest(sequence(1, 100000)) a(x), unnest(sequence(1, 100000)) b(y) WHERE x + y = 0"
    number = start(who, heavy)
    first = athena_of(who).get_query_execution(QueryExecutionId=number)["QueryExecution"]
    assert first["Status"]["State"] in ("QUEUED", "RUNNING")
    assert "not yet finished" in error_of(athena_of(who).get_query_results, QueryExecutionId=number)[1]
    athena_of(who).stop_query_execution(QueryExecutionId=number)
    assert ended(who, number)["Status"]["State"] == "CANCELLED"
    later = start(who, "SELECT 1")
    listed = athena_of(who).list_query_executions(WorkGroup="consumer-workgroup")["QueryExecutionIds"]
    assert listed[:2] == [later, number]


def test_a_token_starts_a_query_once(who):
    token = "a" * 40
    first = start(who, "SELECT 1", ClientRequestToken=token)
    assert start(who, "SELECT 1", ClientRequestToken=token) == first
    assert error_of(start, who=who, sql="SELECT 2", ClientRequestToken=token)[0] == "InvalidRequestException"


def test_many_at_once_are_queued_and_all_answered(who):
    numbers = [start(who, f"SELECT id + {n} AS x FROM rl_cards.card WHERE id = 1") for n in range(12)]
    for n, number in enumerate(numbers):
        assert ended(who, number)["Status"]["State"] == "SUCCEEDED"
        assert rows(athena_of(who).get_query_results(QueryExecutionId=number))[1] == [str(n + 1)]


def test_a_format_that_is_not_emulated_is_refused(who):
    make_table("cards", "v", {"id": "int"}, serde="org.apache.hadoop.hive.serde2.avro.AvroSerDe")
    put("cards/v/a.avro", b"Obj")
    assert refusal(who, "SELECT id FROM rl_cards.v").startswith("HIVE_UNSUPPORTED_FORMAT: ")


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("timestamp '2026-01-01 00:00:00 UTC'", "2026-01-01 00:00:00.000 UTC"),
        ("map(array['a'], array[1])", "{a=1}"),
        ("cast(row(1, 'x') as row(a integer, b varchar))", "{a=1, b=x}"),
        ("1.0E-5", "1.0E-5"),
        ("x'00ff'", "00 ff"),
        ("date_diff('day', date '2026-01-01', date '2026-01-03')", "2"),
        ("json_extract_scalar('{\"a\": 1}', '$.a')", "1"),
        ("array_agg(x ORDER BY x) FROM (VALUES 2, 1) t(x)", "[1, 2]"),
        ("sum(x) / count(*) FROM (VALUES 1, 2, 4) t(x)", "2"),
        ("date_format(timestamp '2026-11-21 10:00:00', '%Y-%m')", "2026-11"),
    ],
)
def test_trino_s_functions_and_values_are_translated(who, sql, value):
    assert ask(who, f"SELECT {sql}") == [["_col0"], [value]]
