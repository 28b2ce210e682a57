"""Data cells filters: defined, granted, passed on; what they are refused."""

import pytest

from local import shares
from tests.local.lf_helpers import CENTRAL, CONSUMER, REGION, error_of, grant, reset, role, root, settings
from tests.local.lf_helpers import table_input as table

WHERE = {"TableCatalogId": CENTRAL, "DatabaseName": "cards", "TableName": "card"}
TABLE = {"Table": {"CatalogId": CENTRAL, "DatabaseName": "cards", "Name": "card"}}
SELECT = ["SELECT"]


@pytest.fixture(autouse=True)
def _lake() -> None:
    reset()
    for account in (CENTRAL, CONSUMER):
        settings(account)
    glue = root(CENTRAL).glue
    glue.create_database(DatabaseInput={"Name": "cards"})
    columns = [("number", "string"), ("amount", "bigint"), ("rate", "double"), ("live", "boolean"), ("day", "date")]
    columns.append(("owner", "struct<name:string,age:int>"))
    made = table("card", keys=("dt",))
    made["StorageDescriptor"]["Columns"] = [{"Name": name, "Type": kind} for name, kind in columns]
    glue.create_table(DatabaseName="cards", TableInput=made)


def body(name="big", rows="amount > 10", **more):
    row_filter = {"FilterExpression": rows} if rows else {"AllRowsWildcard": {}}
    columns = {} if "ColumnNames" in more or "ColumnWildcard" in more else {"ColumnNames": ["number", "amount"]}
    return WHERE | {"Name": name, "RowFilter": row_filter} | columns | more


def create(caller=None, **what):
    (caller or root(CENTRAL)).lf.create_data_cells_filter(TableData=body(**what))


def refusal(**what):
    return error_of(root(CENTRAL).lf.create_data_cells_filter, TableData=body(**what))


def cells(name="big"):
    return {"DataCellsFilter": WHERE | {"Name": name}}


def granted(caller, resource=None, **more):
    found = caller.lf.list_permissions(**({"Resource": resource} if resource else {}), **more)
    return [
        (entry["Principal"]["DataLakePrincipalIdentifier"], sorted(entry["Permissions"]))
        for entry in found["PrincipalResourcePermissions"]
        if "DataCellsFilter" in entry["Resource"]
    ]


def test_what_was_defined_is_read_back():
    create()
    create(name="open", rows="", ColumnWildcard={"ExcludedColumnNames": ["day"]})
    lf = root(CENTRAL).lf
    found = lf.get_data_cells_filter(**WHERE, Name="big")["DataCellsFilter"]
    assert (found["ColumnNames"], found["RowFilter"]) == (["number", "amount"], {"FilterExpression": "amount > 10"})
    other = lf.get_data_cells_filter(**WHERE, Name="open")["DataCellsFilter"]
    assert other["RowFilter"] == {"AllRowsWildcard": {}}
    assert other["ColumnWildcard"] == {"ExcludedColumnNames": ["day"]}
    listed = lf.list_data_cells_filter(Table=TABLE["Table"], MaxResults=1)
    rest = lf.list_data_cells_filter(Table=TABLE["Table"], NextToken=listed["NextToken"])
    assert [f["Name"] for f in listed["DataCellsFilters"] + rest["DataCellsFilters"]] == ["big", "open"]


@pytest.mark.parametrize(
    "rows",
    [
        "amount >= 10",
        "amount <> -1 AND rate != 0.5",
        "number IN ('a', 'b') OR NOT (amount = 1)",
        "amount BETWEEN 1 AND 9 and number LIKE '%x'",
        "number IS NOT NULL",
        "live = true",
        "owner.age > 18 and \"number\" = 'a'",
        "dt > '2026-01-01'",
        "true",
    ],
)
def test_row_filters_of_the_guides_subset_are_accepted(rows):
    create(rows=rows)


@pytest.mark.parametrize(
    "rows",
    [
        "amount >",
        "amount > 1; drop table card",
        "SELECT 1",
        "unknown = 1",
        "amount = rate",
        "lower(number) = 'a'",
        "amount = 'ten'",
        "number = 5",
        "amount LIKE '1%'",
        "day > '2026-01-01'",
        "owner = 1",
        "number.x = 'a'",
        "dt IS NULL",
        "number IN (SELECT number FROM card)",
        "amount + 1 > 2",
        "1 = 1",
        "case when live then true else false end",
        "amount > " + "1" * 2048,
    ],
)
def test_other_row_filters_are_refused(rows):
    assert refusal(rows=rows)[0] == "InvalidInputException"


def test_a_filter_has_one_notation_for_rows_and_one_for_columns():
    assert refusal(RowFilter={})[0] == "InvalidInputException"
    both = {"FilterExpression": "amount > 1", "AllRowsWildcard": {}}
    assert refusal(RowFilter=both)[0] == "InvalidInputException"
    assert refusal(ColumnNames=[])[0] == "InvalidInputException"
    assert refusal(ColumnNames=["number"], ColumnWildcard={})[0] == "InvalidInputException"


def test_table_and_columns_must_be_there():
    assert refusal(ColumnNames=["nobody"])[0] == "EntityNotFoundException"
    assert refusal(ColumnWildcard={"ExcludedColumnNames": ["nobody"]})[0] == "EntityNotFoundException"
    assert refusal(TableName="nothing")[0] == "EntityNotFoundException"
    create()
    assert refusal()[0] == "AlreadyExistsException"
    missing = root(CENTRAL).lf.get_data_cells_filter
    assert error_of(missing, **WHERE, Name="other")[0] == "EntityNotFoundException"


def test_none_on_resource_links():
    target = {"CatalogId": CENTRAL, "DatabaseName": "cards"}
    root(CENTRAL).glue.create_database(DatabaseInput={"Name": "rl_cards", "TargetDatabase": target})
    code, message = refusal(DatabaseName="rl_cards")
    assert (code, "resource link" in message) == ("InvalidInputException", True)


def test_an_update_counts_versions():
    create()
    lf = root(CENTRAL).lf
    lf.update_data_cells_filter(TableData=body(rows="amount > 99", VersionId="1"))
    found = lf.get_data_cells_filter(**WHERE, Name="big")["DataCellsFilter"]
    assert (found["RowFilter"]["FilterExpression"], found["VersionId"]) == ("amount > 99", "2")
    code, _ = error_of(lf.update_data_cells_filter, TableData=body(VersionId="1"))
    assert code == "ConcurrentModificationException"
    assert error_of(lf.update_data_cells_filter, TableData=body(name="no"))[0] == "EntityNotFoundException"


def test_making_filters_needs_the_whole_table_with_grant_option():
    steward = role(CENTRAL, "steward", "lakeformation:*")
    assert error_of(lambda: create(steward))[0] == "AccessDeniedException"
    grant(root(CENTRAL), steward.arn, TABLE, SELECT, option=True)
    create(steward)
    reader = role(CENTRAL, "reader", "lakeformation:*")
    assert error_of(reader.lf.get_data_cells_filter, **WHERE, Name="big")[0] == "AccessDeniedException"
    grant(steward, reader.arn, cells(), SELECT)
    assert reader.lf.get_data_cells_filter(**WHERE, Name="big")
    assert error_of(reader.lf.delete_data_cells_filter, **WHERE, Name="big")[0] == "AccessDeniedException"
    assert error_of(reader.lf.update_data_cells_filter, TableData=body())[0] == "AccessDeniedException"


def test_grants_are_listed_and_revoked():
    create()
    analyst, lf = role(CENTRAL, "analyst", "lakeformation:*"), root(CENTRAL).lf
    assert error_of(lambda: grant(root(CENTRAL), analyst.arn, cells(), ["ALTER"]))[0] == "InvalidInputException"
    assert error_of(lambda: grant(root(CENTRAL), analyst.arn, cells("no"), SELECT))[0] == "EntityNotFoundException"
    entry = {"Principal": {"DataLakePrincipalIdentifier": analyst.arn}, "Resource": cells()}
    entries = [entry | {"Id": "1", "Permissions": ["SELECT"]}, entry | {"Id": "2", "Permissions": ["DESCRIBE"]}]
    assert lf.batch_grant_permissions(Entries=entries)["Failures"] == []
    assert granted(root(CENTRAL), cells()) == [(analyst.arn, ["DESCRIBE", "SELECT"])]
    assert granted(analyst) == [(analyst.arn, ["DESCRIBE", "SELECT"])]
    lf.revoke_permissions(Permissions=SELECT, **entry)
    assert granted(root(CENTRAL), cells()) == [(analyst.arn, ["DESCRIBE"])]
    code, message = error_of(lf.revoke_permissions, Permissions=SELECT, **entry)
    assert (code, "Grantee does not have" in message) == ("InvalidInputException", True)


def test_deleting_a_filter_ends_its_grants_and_its_share():
    create()
    grant(root(CENTRAL), CONSUMER, cells(), SELECT, option=True)
    assert shares.share_of(CENTRAL, REGION, CONSUMER, "Table")
    root(CENTRAL).lf.delete_data_cells_filter(**WHERE, Name="big")
    assert shares.share_of(CENTRAL, REGION, CONSUMER, "Table") is None
    create()
    assert granted(root(CENTRAL)) == []


def test_at_most_100_filters_for_a_principal_on_a_table():
    analyst = role(CENTRAL, "analyst")
    for number in range(101):
        create(name=f"f{number}", rows="")
    for number in range(100):
        grant(root(CENTRAL), analyst.arn, cells(f"f{number}"), SELECT)
    grant(root(CENTRAL), analyst.arn, cells("f0"), SELECT)
    code, message = error_of(lambda: grant(root(CENTRAL), analyst.arn, cells("f100"), SELECT))
    assert (code, "100 data cells filters" in message) == ("InvalidInputException", True)


def test_an_account_passes_on_what_it_has_with_grant_option():
    create()
    central, consumer, analyst = root(CENTRAL), root(CONSUMER), role(CONSUMER, "analyst", "lakeformation:*")
    assert error_of(lambda: grant(central, CONSUMER, cells(), ["DROP"]))[0] == "InvalidInputException"
    grant(central, CONSUMER, cells(), SELECT)
    assert error_of(lambda: grant(consumer, analyst.arn, cells(), SELECT))[0] == "AccessDeniedException"
    grant(central, CONSUMER, cells(), SELECT, option=True)
    grant(consumer, analyst.arn, cells(), SELECT)
    assert error_of(lambda: grant(consumer, analyst.arn, TABLE, SELECT))[0] == "AccessDeniedException"
    assert granted(consumer, CatalogId=CENTRAL) == [(CONSUMER, SELECT), (analyst.arn, SELECT)]
    assert consumer.lf.list_data_cells_filter(Table=TABLE["Table"])["DataCellsFilters"][0]["Name"] == "big"
    code, _ = error_of(consumer.lf.update_data_cells_filter, TableData=body())
    assert code == "AccessDeniedException"
