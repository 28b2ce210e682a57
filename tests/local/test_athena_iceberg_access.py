"""Lake Formation on Iceberg tables: columns by tag, data cells filters, and what tells of files."""

import pytest
from pyiceberg.types import LongType, NestedField, StringType

from tests.local.athena_helpers import analyst, ask, fresh_mesh, let_in, let_read, refusal, share, tag_column
from tests.local.iceberg_helpers import append, commit, new_table, write_parquet
from tests.local.lf_helpers import CENTRAL, CONSUMER, PRODUCER, REGION, grant, root

T = "rl_cards.card"
TABLE = {"Table": {"CatalogId": CENTRAL, "DatabaseName": "cards", "Name": "card"}}
DATABASE = {"Database": {"Name": "cards"}}
RESTRICTED = ("files", "manifests", "partitions", "snapshots")


@pytest.fixture(autouse=True)
def _mesh() -> None:
    fresh_mesh()
    table = new_table(
        "cards/card",
        NestedField(1, "id", LongType()),
        NestedField(2, "name", StringType()),
        NestedField(3, "country", StringType()),
    )
    rows = "SELECT * FROM (VALUES (1::BIGINT, 'Anna', 'US'), (2, 'Bert', 'FR')) t(id, name, country)"
    append(table, write_parquet(table, rows, "id: 1, name: 2, country: 3"))
    commit("cards", "card", table)


@pytest.fixture
def by_column():
    """A reader of all but the name, which is personal."""
    tag_column("cards", "card", "name", pii="personal")
    share("cards")
    who = analyst()
    let_read(who, "cards")
    return who


@pytest.fixture
def by_row():
    """A reader of all columns where the country is FR."""
    where = {"TableCatalogId": CENTRAL, "DatabaseName": "cards", "TableName": "card", "Name": "fr"}
    filters = {"RowFilter": {"FilterExpression": "country = 'FR'"}, "ColumnWildcard": {}}
    root(CENTRAL).lf.create_data_cells_filter(TableData=where | filters)
    target = {"CatalogId": CENTRAL, "DatabaseName": "cards", "Region": REGION}
    root(CONSUMER).glue.create_database(DatabaseInput={"Name": "rl_cards", "TargetDatabase": target})
    for resource, right in (({"DataCellsFilter": where}, "SELECT"), (TABLE, "DESCRIBE"), (DATABASE, "DESCRIBE")):
        grant(root(CENTRAL), CONSUMER, resource, [right], option=True)
    who = analyst()
    for resource in ({"Database": {"Name": "rl_cards"}}, TABLE):
        grant(root(CONSUMER), who.arn, resource, ["DESCRIBE"])
    grant(root(CONSUMER), who.arn, {"DataCellsFilter": where}, ["SELECT"])
    return who


def test_hidden_columns_are_not_there(by_column):
    assert ask(by_column, f"SELECT * FROM {T} ORDER BY id") == [["id", "country"], ["1", "US"], ["2", "FR"]]
    assert "Column 'name' cannot be resolved" in refusal(by_column, f"SELECT name FROM {T}")
    assert ask(by_column, f"SELECT count(*) FROM {T}")[1] == ["2"]


def test_hidden_rows_are_not_there(by_row):
    assert ask(by_row, f"SELECT id, name FROM {T}")[1:] == [["2", "Bert"]]
    assert ask(by_row, f"SELECT count(*) FROM {T}")[1] == ["1"]


@pytest.mark.parametrize("reader", ["by_column", "by_row"])
def test_a_reader_of_some_rows_sees_nothing_about_files(reader, request):
    who = request.getfixturevalue(reader)
    for kind in RESTRICTED:
        assert "Error Code: AccessDeniedException" in refusal(who, f'SELECT * FROM rl_cards."card${kind}"')
    assert "$path is not available" in refusal(who, f'SELECT "$path" FROM {T}')
    assert len(ask(who, 'SELECT * FROM rl_cards."card$history"')) == 2


def test_metadata_is_read_as_the_locations_role(by_column):
    """The bucket's owner no longer lets that role in: neither metadata nor data can be read."""
    let_in(f"arn:aws:iam::{PRODUCER}:root")
    assert refusal(by_column, f"SELECT count(*) FROM {T}").startswith("PERMISSION_DENIED: Access Denied on s3://")


def test_without_select_metadata_is_not_shown_either():
    grant(root(CENTRAL), CONSUMER, TABLE, ["DESCRIBE"], option=True)
    grant(root(CENTRAL), CONSUMER, DATABASE, ["DESCRIBE"], option=True)
    target = {"CatalogId": CENTRAL, "DatabaseName": "cards", "Region": REGION}
    root(CONSUMER).glue.create_database(DatabaseInput={"Name": "rl_cards", "TargetDatabase": target})
    who = analyst()
    for resource in ({"Database": {"Name": "rl_cards"}}, TABLE):
        grant(root(CONSUMER), who.arn, resource, ["DESCRIBE"])
    for name in (T, 'rl_cards."card$history"'):
        assert "Relation contains no accessible columns" in refusal(who, f"SELECT count(*) FROM {name}")
