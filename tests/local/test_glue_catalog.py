"""The Glue catalog through boto3: definitions, versions, partitions, filters, IAM on every resource."""

import pytest

from tests.local.lf_helpers import CENTRAL, REGION, error_of, reset, role, root, settings, table_input

ROOT = f"arn:aws:glue:{REGION}:{CENTRAL}"


@pytest.fixture(autouse=True)
def _empty() -> None:
    reset()


@pytest.fixture
def glue():
    settings(CENTRAL)
    client = root(CENTRAL).glue
    client.create_database(DatabaseInput={"Name": "Sales"})
    client.create_table(DatabaseName="sales", TableInput=table_input("Orders", "Id", "Amount", keys=("dt",)))
    return client


def partition(value):
    return {"Values": [value], "StorageDescriptor": {"Location": f"s3://bucket/x/dt={value}/"}}


def test_names_are_folded_to_lower_case(glue):
    table = glue.get_table(DatabaseName="sales", Name="ORDERS")["Table"]
    assert (table["DatabaseName"], table["Name"]) == ("sales", "orders")
    assert [c["Name"] for c in table["StorageDescriptor"]["Columns"]] == ["id", "amount"]
    assert table["VersionId"] == "1"


def test_an_update_replaces_the_definition_and_counts_up(glue):
    first = glue.get_table(DatabaseName="sales", Name="orders")["Table"]
    glue.update_table(DatabaseName="sales", TableInput=table_input("orders", "id"), VersionId="1")
    table = glue.get_table(DatabaseName="sales", Name="orders")["Table"]
    assert [c["Name"] for c in table["StorageDescriptor"]["Columns"]] == ["id"]
    assert (table["VersionId"], table["PartitionKeys"], table["CreateTime"]) == ("2", [], first["CreateTime"])
    code, _ = error_of(glue.update_table, DatabaseName="sales", TableInput=table_input("orders"), VersionId="1")
    assert code == "ConcurrentModificationException"


def test_what_exists_and_what_does_not(glue):
    assert error_of(glue.create_database, DatabaseInput={"Name": "sales"})[0] == "AlreadyExistsException"
    again = error_of(glue.create_table, DatabaseName="sales", TableInput=table_input("orders"))
    assert again[0] == "AlreadyExistsException"
    assert error_of(glue.get_database, Name="gone")[0] == "EntityNotFoundException"
    assert error_of(glue.get_table, DatabaseName="sales", Name="gone")[0] == "EntityNotFoundException"
    assert error_of(glue.get_tables, DatabaseName="gone")[0] == "EntityNotFoundException"
    errors = glue.batch_delete_table(DatabaseName="sales", TablesToDelete=["gone", "orders"])["Errors"]
    assert [error["TableName"] for error in errors] == ["gone"]
    assert glue.get_tables(DatabaseName="sales")["TableList"] == []


def test_partitions_are_selected_by_expression_and_paged(glue):
    days = [f"2026-11-{day:02}" for day in range(1, 11)]
    table = {"DatabaseName": "sales", "TableName": "orders"}
    assert glue.batch_create_partition(**table, PartitionInputList=[partition(d) for d in days])["Errors"] == []
    found = glue.get_partitions(**table, Expression="dt >= '2026-11-09' AND dt < '2026-12-01'")["Partitions"]
    assert [p["Values"] for p in found] == [["2026-11-09"], ["2026-11-10"]]
    first = glue.get_partitions(**table, MaxResults=6)
    rest = glue.get_partitions(**table, MaxResults=6, NextToken=first["NextToken"])
    assert [p["Values"][0] for p in first["Partitions"] + rest["Partitions"]] == days
    assert error_of(glue.get_partitions, **table, Expression="nonsense(")[0] == "InvalidInputException"
    wanted = [{"Values": ["2026-11-01"]}, {"Values": ["2027-01-01"]}]
    assert len(glue.batch_get_partition(**table, PartitionsToGet=wanted)["Partitions"]) == 1
    glue.delete_partition(**table, PartitionValues=["2026-11-01"])
    assert error_of(glue.get_partition, **table, PartitionValues=["2026-11-01"])[0] == "EntityNotFoundException"


def test_a_batch_takes_100_partitions_and_reports_each(glue):
    table = {"DatabaseName": "sales", "TableName": "orders"}
    code, message = error_of(
        glue.batch_create_partition, **table, PartitionInputList=[partition(str(i)) for i in range(101)]
    )
    assert (code, "less than or equal to 100" in message) == ("InvalidInputException", True)
    glue.create_partition(**table, PartitionInput=partition("1"))
    wrong = {"Values": ["2", "3"], "StorageDescriptor": {}}
    errors = glue.batch_create_partition(**table, PartitionInputList=[partition("1"), partition("2"), wrong])["Errors"]
    codes = [(error["PartitionValues"], error["ErrorDetail"]["ErrorCode"]) for error in errors]
    assert codes == [(["1"], "AlreadyExistsException"), (["2", "3"], "InvalidInputException")]


@pytest.mark.parametrize("missing", ["catalog", "database/sales", "table/sales/orders"])
def test_a_table_call_needs_iam_on_catalog_database_and_table(glue, missing):
    settings(CENTRAL)
    resources = {"catalog", "database/sales", "table/sales/orders"} - {missing}
    reader = role(CENTRAL, "reader", "glue:GetTable", resources=[f"{ROOT}:{name}" for name in sorted(resources)])
    code, message = error_of(reader.glue.get_table, DatabaseName="sales", Name="orders")
    assert code == "AccessDeniedException"
    assert "glue:GetTable" in message


def test_lists_leave_out_what_may_not_be_seen(glue):
    reader = role(CENTRAL, "reader", "glue:*")
    assert reader.glue.get_databases()["DatabaseList"] == []
    code, message = error_of(reader.glue.get_tables, DatabaseName="sales")
    assert (code, "Required Describe on sales" in message) == ("AccessDeniedException", True)
    code, message = error_of(reader.glue.create_table, DatabaseName="sales", TableInput=table_input("mine", "a"))
    assert (code, "Required Create Table on sales" in message) == ("AccessDeniedException", True)
    reader.glue.create_database(DatabaseInput={"Name": "mine"})
    assert [d["Name"] for d in reader.glue.get_databases()["DatabaseList"]] == ["mine"]


def test_deleting_a_database_forgets_tables_tags_and_grants(glue):
    lf = root(CENTRAL).lf
    lf.create_lf_tag(TagKey="pii", TagValues=["no"])
    table = {"Table": {"DatabaseName": "sales", "Name": "orders"}}
    lf.add_lf_tags_to_resource(Resource=table, LFTags=[{"TagKey": "pii", "TagValues": ["no"]}])
    glue.delete_database(Name="sales")
    glue.create_database(DatabaseInput={"Name": "sales"})
    glue.create_table(DatabaseName="sales", TableInput=table_input("orders", "id"))
    assert "LFTagsOnTable" not in lf.get_resource_lf_tags(Resource=table)


def test_what_is_not_ours_is_still_ministacks():
    glue = root(CENTRAL).glue
    glue.create_workflow(Name="flow")
    assert glue.get_workflow(Name="flow")["Workflow"]["Name"] == "flow"


def test_a_database_says_what_everybody_gets_on_its_tables():
    glue = root(CENTRAL).glue
    glue.create_database(DatabaseInput={"Name": "open"})
    glue.create_database(DatabaseInput={"Name": "shut", "CreateTableDefaultPermissions": []})
    reader = role(CENTRAL, "reader", "glue:GetTable")
    for name in ("open", "shut"):
        glue.create_table(DatabaseName=name, TableInput=table_input("t", "a"))
    assert reader.glue.get_table(DatabaseName="open", Name="t")["Table"]["Name"] == "t"
    assert error_of(reader.glue.get_table, DatabaseName="shut", Name="t")[0] == "AccessDeniedException"
