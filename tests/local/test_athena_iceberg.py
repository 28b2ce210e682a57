"""Athena on Iceberg tables: field ids, schema evolution, partitions, versions, metadata tables, what goes wrong."""

import time

import pytest
from pyiceberg.manifest import DataFileContent, FileFormat
from pyiceberg.types import (
    DateType,
    DecimalType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestamptzType,
)

from tests.local.athena_helpers import (
    LAKE,
    analyst,
    ask,
    athena_of,
    ended,
    fresh_mesh,
    let_read,
    make_table,
    refusal,
    rows,
    share,
    start,
)
from tests.local.iceberg_helpers import append, commit, data_file, get_url, new_table, put_url, write_parquet
from tests.local.lf_helpers import PRODUCER, root

T = "rl_cards.card"
IDS = "id: 1, name: 2, amount: 3"


def field(number, name, kind=None):
    return NestedField(number, name, kind or LongType(), required=False)


@pytest.fixture(autouse=True)
def _mesh() -> None:
    fresh_mesh()


@pytest.fixture
def cards():
    """A version with two files: three rows."""
    table = new_table(
        "cards/card", field(1, "id"), field(2, "name", StringType()), field(3, "amount", DecimalType(10, 2))
    )
    append(
        table,
        write_parquet(table, "SELECT 1::BIGINT AS id, 'Anna' AS name, 10.5::DECIMAL(10,2) AS amount", IDS),
        write_parquet(
            table,
            "SELECT n::BIGINT AS id, NULL::VARCHAR AS name, n::DECIMAL(10,2) AS amount FROM range(2, 4) t(n)",
            IDS,
        ),
    )
    commit("cards", "card", table)
    share("cards")
    return table


@pytest.fixture
def who():
    def reader():
        caller = analyst()
        let_read(caller, "cards")
        return caller

    return reader


def test_the_rows_of_all_data_files_with_the_tables_types(cards, who):
    reader = who()
    number = start(reader, f"SELECT * FROM {T} ORDER BY id")
    assert ended(reader, number)["Status"]["State"] == "SUCCEEDED"
    answer = athena_of(reader).get_query_results(QueryExecutionId=number)
    assert rows(answer) == [["id", "name", "amount"], ["1", "Anna", "10.50"], ["2", None, "2.00"], ["3", None, "3.00"]]
    assert [c["Type"] for c in answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]] == [
        "bigint",
        "varchar",
        "decimal",
    ]
    assert ask(reader, f"SELECT a.id FROM {T} a JOIN {T} b ON a.id = b.id + 1 ORDER BY 1")[1:] == [["2"], ["3"]]


def test_a_table_without_a_snapshot_has_no_rows(who):
    commit("cards", "card", new_table("cards/card", field(1, "id")))
    share("cards")
    assert ask(who(), f"SELECT count(*) FROM {T}")[1] == ["0"]


def test_columns_are_found_by_id_whatever_the_file_calls_them(who):
    """Renamed, dropped and added under an old name: the old file's `email` is not the new column of that name."""
    table = new_table("cards/card", field(1, "id"), field(2, "email", StringType()))
    append(table, write_parquet(table, "SELECT 1::BIGINT AS id, 'a@x.org' AS email", "id: 1, email: 2"))
    with table.update_schema(allow_incompatible_changes=True) as update:
        update.rename_column("id", "number").delete_column("email")
    with table.update_schema() as update:
        update.add_column("email", StringType())
    append(table, write_parquet(table, "SELECT 'b@x.org' AS email, 2::INTEGER AS whatever", "email: 3, whatever: 1"))
    commit("cards", "card", table)
    share("cards")
    assert ask(who(), f"SELECT * FROM {T} ORDER BY 1") == [["number", "email"], ["1", None], ["2", "b@x.org"]]


def test_nested_fields_are_found_by_id_too(who):
    """Of the file's structs some fields have other names, some are gone from the table, some are new to it."""
    numbered = StructType(field(0, "number"))
    person = StructType(field(0, "given", StringType()), field(0, "age"), field(0, "title", StringType()))
    table = new_table(
        "cards/card",
        field(1, "person", person),  # 4, 5, 6
        field(2, "people", ListType(0, numbered, element_required=False)),  # 7 with 8
        field(3, "named", MapType(0, StringType(), 0, numbered, value_required=False)),  # 9, 10 with 11
    )
    rows = """
        SELECT {'first': 'Anna', 'age': 40::INTEGER} AS person,
            [{'gone': 1::BIGINT, 'n': 7::INTEGER}] AS people, map {'k': {'n': 8::INTEGER}} AS named
        UNION ALL SELECT NULL, NULL, NULL
    """
    ids = """
        person: {__duckdb_field_id: 1, first: 4, age: 5},
        people: {__duckdb_field_id: 2, element: {__duckdb_field_id: 7, gone: 99, n: 8}},
        named: {__duckdb_field_id: 3, key: 9, value: {__duckdb_field_id: 10, n: 11}}
    """
    append(table, write_parquet(table, rows, ids))
    commit("cards", "card", table)
    share("cards")
    reader = who()
    assert ask(reader, f"SELECT person, people, named FROM {T} WHERE person IS NOT NULL")[1] == [
        "{given=Anna, age=40, title=null}",
        "[{number=7}]",
        "{k={number=8}}",
    ]
    assert ask(reader, f"SELECT person.given, people[1].number FROM {T} WHERE person.age = 40")[1] == ["Anna", "7"]
    nothing = "person IS NULL AND people IS NULL AND named IS NULL"
    assert ask(reader, f"SELECT count(*) FROM {T} WHERE {nothing}")[1] == ["1"]


def test_columns_missing_in_the_catalog_are_not_readable(cards, who):
    commit("cards", "card", cards, columns=["id", "gone"])
    reader = who()
    assert ask(reader, f"SELECT * FROM {T} ORDER BY 1")[0] == ["id"]
    assert "Column 'gone' cannot be resolved" in refusal(reader, f"SELECT gone FROM {T}")
    assert "Column 'name' cannot be resolved" in refusal(reader, f"SELECT name FROM {T}")


def test_counting_reads_no_column(cards, who):
    reader = who()
    found = ended(reader, start(reader, f"SELECT count(*) FROM {T}"))
    assert found["Statistics"]["DataScannedInBytes"] == 0
    assert rows(athena_of(reader).get_query_results(QueryExecutionId=found["QueryExecutionId"]))[1] == ["3"]
    one = ended(reader, start(reader, f"SELECT sum(id) FROM {T}"))["Statistics"]["DataScannedInBytes"]
    every = ended(reader, start(reader, f"SELECT * FROM {T}"))["Statistics"]["DataScannedInBytes"]
    assert 0 < one < every


@pytest.mark.parametrize(
    ("condition", "numbers"),
    [("country = 'FR'", ["3"]), ("country IN ('US', 'DE') AND n < 2", ["1"]), ("country <> 'US'", ["3"])],
)
def test_partitions_that_cannot_match_are_not_read(who, condition, numbers):
    table = by_country()
    commit("cards", "card", table)
    share("cards")
    reader = who()
    assert [row for (row,) in ask(reader, f"SELECT n FROM {T} WHERE {condition}")[1:]] == numbers
    found = ended(reader, start(reader, f"SELECT n FROM {T} WHERE {condition}"))["Statistics"]["DataScannedInBytes"]
    every = ended(reader, start(reader, f"SELECT n, country FROM {T}"))["Statistics"]["DataScannedInBytes"]
    assert found < every


def by_country():
    table = new_table("cards/card", field(1, "n"), field(2, "country", StringType()), by="country")
    kept = [("US", "1, 2"), ("FR", "3"), (None, "4")]
    files = [
        write_parquet(
            table,
            f"SELECT unnest([{numbers}])::BIGINT AS n, {repr(country) if country else 'NULL::VARCHAR'} AS country",
            "n: 1, country: 2",
            country,
        )
        for country, numbers in kept
    ]
    return append(table, *files)


def test_an_identity_partition_that_the_file_lacks_comes_from_its_manifest(who):
    table = new_table("cards/card", field(1, "n"), field(2, "day", DateType()), by="day")
    append(table, write_parquet(table, "SELECT 1::BIGINT AS n", "n: 1", 20_000))
    commit("cards", "card", table)
    share("cards")
    assert ask(who(), f"SELECT * FROM {T}")[1] == ["1", "2024-10-04"]


def test_times_with_a_zone(who):
    table = new_table("cards/card", field(1, "seen", TimestamptzType()))
    append(table, write_parquet(table, "SELECT TIMESTAMPTZ '2026-01-02 03:04:05+01' AS seen", "seen: 1"))
    commit("cards", "card", table)
    share("cards")
    assert ask(who(), f"SELECT seen FROM {T}")[1] == ["2026-01-02 02:04:05.000 UTC"]


def test_one_version_of_the_table_is_known_and_no_other(cards, who):
    reader, only = who(), cards.current_snapshot()
    assert ask(reader, f"SELECT count(*) FROM {T} FOR VERSION AS OF {only.snapshot_id}")[1] == ["3"]
    assert refusal(reader, f"SELECT 1 FROM {T} FOR VERSION AS OF 42").endswith(
        "Iceberg snapshot ID does not exists: 42"
    )
    now = "TIMESTAMP '2100-01-01 00:00:00 UTC'"
    assert ask(reader, f"SELECT count(*) FROM {T} FOR TIMESTAMP AS OF {now} AS c WHERE c.id > 1")[1] == ["2"]
    past = refusal(reader, f"SELECT 1 FROM {T} FOR TIMESTAMP AS OF TIMESTAMP '2020-01-01 00:00:00 UTC'")
    assert past.endswith("No version history table rl_cards.card at or before 2020-01-01T00:00:00Z")
    assert "Unsupported type for table version" in refusal(reader, f"SELECT 1 FROM {T} FOR VERSION AS OF 'main'")


def test_an_older_version_is_read_with_its_own_schema(cards, who):
    first = cards.current_snapshot().snapshot_id
    time.sleep(0.002)
    with cards.update_schema() as update:
        update.rename_column("name", "holder")
    append(cards, write_parquet(cards, "SELECT 9::BIGINT AS id", "id: 1"))
    commit("cards", "card", cards, columns=["id", "name", "holder"])
    reader = who()
    assert ask(reader, f"SELECT * FROM {T} ORDER BY id")[0] == ["id", "holder"]
    assert ask(reader, f"SELECT * FROM {T} FOR VERSION AS OF {first} ORDER BY id")[:2] == [
        ["id", "name"],
        ["1", "Anna"],
    ]


def test_a_hive_table_has_no_versions(who):
    make_table("cards", "card", {"id": "int"})
    share("cards")
    reader = who()
    reason = refusal(reader, f"SELECT * FROM {T} FOR VERSION AS OF 1")
    assert reason == "NOT_SUPPORTED: This connector does not support versioned tables"
    assert "TABLE_NOT_FOUND" in refusal(reader, 'SELECT * FROM "rl_cards"."card$files"')


def test_metadata_tables_of_a_reader_of_everything(cards, who):
    reader, only = who(), cards.current_snapshot()
    sql = 'SELECT snapshot_id, operation, summary[\'added-records\'] FROM "rl_cards"."card$snapshots"'
    assert ask(reader, sql)[1:] == [[str(only.snapshot_id), "append", "3"]]
    assert ask(reader, 'SELECT snapshot_id, is_current_ancestor FROM rl_cards."card$history"')[1:] == [
        [str(only.snapshot_id), "true"]
    ]
    assert ask(reader, 'SELECT name, type FROM rl_cards."card$refs"')[1:] == [["main", "BRANCH"]]
    files = ask(reader, 'SELECT file_path, record_count FROM rl_cards."card$files" ORDER BY 2')[1:]
    assert [count for _, count in files] == ["1", "2"]
    by_path = ask(reader, f'SELECT "$path", count(*) FROM {T} GROUP BY 1 ORDER BY 2')[1:]
    assert by_path == files
    for kind in ("partitions", "manifests"):
        assert refusal(reader, f'SELECT * FROM rl_cards."card${kind}"').startswith("NOT_SUPPORTED")
    assert "TABLE_NOT_FOUND" in refusal(reader, 'SELECT * FROM rl_cards."card$nope"')


def test_a_missing_data_file_fails_the_query_with_athenas_message(cards, who):
    gone = next(iter(cards.scan().plan_files())).file.file_path
    root(PRODUCER).s3.delete_object(Bucket=LAKE, Key=gone.removeprefix(f"s3://{LAKE}/"))
    reason = refusal(who(), f"SELECT count(*) FROM {T}")
    assert reason.startswith(f"ICEBERG_CANNOT_OPEN_SPLIT: Error opening Iceberg split {gone} (offset=0, length=")


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("metadata", "ICEBERG_MISSING_METADATA: Metadata not found in metadata location for table rl_cards.card"),
        ("manifest_list", "ICEBERG_INVALID_METADATA"),
        ("manifest", "ICEBERG_INVALID_METADATA"),
        ("no json", "ICEBERG_INVALID_METADATA"),
        ("no avro", "ICEBERG_INVALID_METADATA"),
        ("no parquet", "ICEBERG_BAD_DATA"),
    ],
)
def test_missing_or_broken_metadata_fails_the_query(cards, who, broken, reason):
    snapshot = cards.current_snapshot()
    manifest = snapshot.manifests(cards.io)[0].manifest_path
    data = next(iter(cards.scan().plan_files())).file.file_path
    gone = {"metadata": cards.metadata_location, "manifest_list": snapshot.manifest_list, "manifest": manifest}
    spoiled = {"no json": cards.metadata_location, "no avro": snapshot.manifest_list, "no parquet": data}
    if broken in gone:
        root(PRODUCER).s3.delete_object(Bucket=LAKE, Key=gone[broken].removeprefix(f"s3://{LAKE}/"))
    else:
        put_url(spoiled[broken], b"{broken")
    assert refusal(who(), f"SELECT count(*) FROM {T}").startswith(reason)


def test_files_outside_the_tables_location_are_refused(cards, who):
    elsewhere = f"s3://{LAKE}/data/cards/card2/x.parquet"
    append(cards, write_parquet(cards, "SELECT 1::BIGINT AS id", "id: 1", url=elsewhere))
    commit("cards", "card", cards)
    reader = who()
    reason = refusal(reader, f"SELECT count(*) FROM {T}")
    assert reason.startswith(f"PERMISSION_DENIED: Access Denied on {elsewhere}: outside the location")
    moved = f"s3://{LAKE}/data/other/00000.metadata.json"
    put_url(moved, get_url(cards.metadata_location))
    commit("cards", "card", cards, location=moved)
    assert f"Access Denied on {moved}: outside" in refusal(reader, f"SELECT count(*) FROM {T}")


def test_delete_files_are_refused(cards, who):
    reader = who()
    append(
        cards, data_file(cards, f"{cards.location()}/data/d.parquet", 1, 1, content=DataFileContent.POSITION_DELETES)
    )
    commit("cards", "card", cards)
    assert "has delete files" in refusal(reader, f"SELECT count(*) FROM {T}")


def test_other_formats_are_refused(cards, who):
    reader = who()
    orc = data_file(cards, f"{cards.location()}/data/x.orc", 1, 1, file_format=FileFormat.ORC)
    append(cards, orc)
    commit("cards", "card", cards)
    assert "only Parquet is emulated" in refusal(reader, f"SELECT count(*) FROM {T}")


def test_a_query_reads_the_metadata_of_its_start_for_every_mention(cards, who, monkeypatch):
    """A commit between the two reads of a self-join changes nothing for it."""
    from local.athena import tables

    reader, given, asked = who(), tables.readable, []

    def counted(*arguments):
        asked.append(arguments[1].name)
        return given(*arguments)

    monkeypatch.setattr(tables, "readable", counted)
    assert ask(reader, f"SELECT count(*) FROM {T} a CROSS JOIN {T} b")[1] == ["9"]
    assert asked == ["card"]


def test_hundreds_of_files_are_counted_within_seconds(who):
    table = new_table("cards/card", field(1, "id"))
    one = write_parquet(table, "SELECT 1::BIGINT AS id", "id: 1")
    body = get_url(one.file_path)
    files = []
    for at in range(300):
        url = f"{table.location()}/data/{at}.parquet"
        put_url(url, body)
        files.append(data_file(table, url, 1, len(body)))
    commit("cards", "card", append(table, *files))
    share("cards")
    reader = who()
    begun = time.perf_counter()
    assert ask(reader, f"SELECT count(*) FROM {T}")[1] == ["300"]
    assert time.perf_counter() - begun < 5
