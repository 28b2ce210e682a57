"""Athena with data cells filters: which rows, which columns, which cells."""

import pytest

from tests.local import athena_helpers as a
from tests.local.athena_helpers import CENTRAL, CONSUMER, analyst, ask, refusal
from tests.local.lf_helpers import Caller, grant, root

COLUMNS = {"number": "string", "amount": "bigint", "country": "string"}
LINK = "rl_cards.card"


@pytest.fixture(autouse=True)
def _mesh() -> None:
    a.fresh_mesh()
    a.make_table("cards", "card", COLUMNS)
    a.put("cards/card/1.csv", "number,amount,country\na,5,US\nb,50,US\nc,500,FR\nd,,FR\n")
    target = {"CatalogId": CENTRAL, "DatabaseName": "cards", "Region": "us-east-1"}
    root(CONSUMER).glue.create_database(DatabaseInput={"Name": "rl_cards", "TargetDatabase": target})


def cells(name, rows="", columns=None, table="card"):
    """A filter that central grants to the account, with grant option."""
    filters = {"FilterExpression": rows} if rows else {"AllRowsWildcard": {}}
    where = {"TableCatalogId": CENTRAL, "DatabaseName": "cards", "TableName": table, "Name": name}
    picked = {"ColumnNames": columns} if columns else {"ColumnWildcard": {}}
    root(CENTRAL).lf.create_data_cells_filter(TableData=where | {"RowFilter": filters} | picked)
    resource = {"DataCellsFilter": where}
    share(resource, ["SELECT"])
    return resource


def share(resource, permissions):
    grant(root(CENTRAL), CONSUMER, resource, permissions, option=True)


def table(name="card"):
    return {"Table": {"CatalogId": CENTRAL, "DatabaseName": "cards", "Name": name}}


def reader(*resources, name="analyst", of="card") -> Caller:
    """An analyst whom the account passed these on to, with sight of link and table."""
    who = analyst(name)
    share(table(of), ["DESCRIBE"])
    share({"Database": {"Name": "cards"}}, ["DESCRIBE"])
    for resource in ({"Database": {"Name": "rl_cards"}}, table(of)):
        grant(root(CONSUMER), who.arn, resource, ["DESCRIBE"])
    for resource in resources:
        grant(root(CONSUMER), who.arn, resource, ["SELECT"])
    return who


def test_only_the_filters_rows_and_columns_are_there():
    who = reader(cells("big", "amount > 10", ["number", "amount"]))
    assert ask(who, f"SELECT * FROM {LINK} ORDER BY 1") == [["number", "amount"], ["b", "50"], ["c", "500"]]
    assert "Column 'country' cannot be resolved" in refusal(who, f"SELECT country FROM {LINK}")
    assert ask(who, f"SELECT count(*) FROM {LINK}")[1] == ["2"]


def test_the_predicate_may_use_a_column_that_the_reader_may_not_see():
    who = reader(cells("us", "country = 'US'", ["number"]))
    assert ask(who, f"SELECT number FROM {LINK} ORDER BY number")[1:] == [["a"], ["b"]]
    assert ask(who, f"SELECT count(*) FROM {LINK} WHERE number = 'c'")[1] == ["0"]
    assert "Column 'country' cannot be resolved" in refusal(who, f"SELECT 1 FROM {LINK} WHERE country = 'FR'")


@pytest.mark.parametrize(
    ("rows", "numbers"),
    [
        ("amount IS NULL", "d"),
        ("NOT (amount > 10)", "a"),
        ("number IN ('a', 'd') OR amount BETWEEN 400 AND 600", "acd"),
        ("country LIKE 'F%' AND amount != 0", "c"),
        ("country = 'us'", ""),
        ("true", "abcd"),
    ],
)
def test_predicates_mean_what_sql_means(rows, numbers):
    who = reader(cells("some", rows))
    assert "".join(row[0] or "" for row in ask(who, f"SELECT number FROM {LINK} ORDER BY 1")[1:]) == numbers


def test_two_filters_add_up_cell_by_cell():
    big = cells("big", "amount > 10", ["number", "amount"])
    french = cells("french", "country = 'FR'", ["number", "country"])
    who = reader(big, french)
    assert ask(who, f"SELECT number, amount, country FROM {LINK} ORDER BY number")[1:] == [
        ["b", "50", None],
        ["c", "500", "FR"],
        ["d", None, "FR"],
    ]
    assert ask(who, f"SELECT number FROM {LINK} WHERE country = 'US'")[1:] == []


def test_a_whole_table_grant_beside_it_shows_all():
    who = reader(cells("big", "amount > 10", ["number"]), name="both")
    share(table(), ["SELECT"])
    grant(root(CONSUMER), who.arn, table(), ["SELECT"])
    assert len(ask(who, f"SELECT * FROM {LINK}")) == 5
    narrow = reader({"DataCellsFilter": {**where("big")}}, name="narrow")
    assert len(ask(narrow, f"SELECT * FROM {LINK}")) == 3


def where(name):
    return {"TableCatalogId": CENTRAL, "DatabaseName": "cards", "TableName": "card", "Name": name}


def test_a_column_of_all_rows_beside_a_filter_shows_every_row():
    who = reader(cells("big", "amount > 100", ["amount"]), cells("numbers", "", ["number"]))
    found = ask(who, f"SELECT number, amount FROM {LINK} ORDER BY 1")[1:]
    assert found == [["a", None], ["b", None], ["c", "500"], ["d", None]]


def test_partition_keys_filter_and_are_filtered():
    a.make_table("cards", "day", {"number": "string"}, keys={"dt": "string", "region": "string"})
    for day, region in (("1", "eu"), ("2", "eu"), ("2", "us")):
        a.put(f"cards/day/{day}{region}/1.csv", f"number\n{day}{region}\n")
        a.add_partition("cards", "day", f"{day}{region}", day, region)
    who = reader(cells("europe", "region = 'eu'", ["number", "dt"], table="day"), of="day")
    assert ask(who, "SELECT * FROM rl_cards.day WHERE dt > '0' ORDER BY 1") == [
        ["number", "dt"],
        ["1eu", "1"],
        ["2eu", "2"],
    ]


def test_a_grant_revoked_by_central_is_gone_for_the_reader():
    resource = cells("big", "amount > 10", ["number"])
    who = reader(resource)
    assert len(ask(who, f"SELECT number FROM {LINK}")) == 3
    principal = {"DataLakePrincipalIdentifier": CONSUMER}
    options = {"Permissions": ["SELECT"], "PermissionsWithGrantOption": ["SELECT"]}
    root(CENTRAL).lf.revoke_permissions(Principal=principal, Resource=resource, **options)
    assert "no accessible columns" in refusal(who, f"SELECT * FROM {LINK}")


def test_a_narrower_definition_holds_at_once():
    resource = cells("big", "amount > 10", ["number"])
    who = reader(resource)
    changed = resource["DataCellsFilter"] | {
        "RowFilter": {"FilterExpression": "amount > 100"},
        "ColumnNames": ["number"],
    }
    root(CENTRAL).lf.update_data_cells_filter(TableData=changed)
    assert ask(who, f"SELECT number FROM {LINK}")[1:] == [["c"]]
    root(CENTRAL).lf.delete_data_cells_filter(**resource["DataCellsFilter"])
    assert "no accessible columns" in refusal(who, f"SELECT number FROM {LINK}")
