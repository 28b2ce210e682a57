"""The Glue catalog through boto3: definitions, versions, partitions, filters, IAM on every resource."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

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


def test_a_databases_default_permissions_apply_to_its_tables():
    glue = root(CENTRAL).glue
    glue.create_database(DatabaseInput={"Name": "open"})
    glue.create_database(DatabaseInput={"Name": "shut", "CreateTableDefaultPermissions": []})
    reader = role(CENTRAL, "reader", "glue:GetTable")
    for name in ("open", "shut"):
        glue.create_table(DatabaseName=name, TableInput=table_input("t", "a"))
    assert reader.glue.get_table(DatabaseName="open", Name="t")["Table"]["Name"] == "t"
    assert error_of(reader.glue.get_table, DatabaseName="shut", Name="t")[0] == "AccessDeniedException"


ICEBERG = {"table_type": "ICEBERG", "metadata_location": "s3://bucket/t/metadata/00000-a.metadata.json"}


def iceberg_input(name, *columns, **parameters):
    given = table_input(name, *columns, location="s3://bucket/t")
    return given | {"Parameters": ICEBERG | parameters, "PartitionKeys": []}


def test_an_iceberg_table_keeps_its_pointer_and_counts_versions_up(glue):
    glue.create_table(DatabaseName="sales", TableInput=iceberg_input("t", "id"))
    first = glue.get_table(DatabaseName="sales", Name="t")["Table"]
    assert (first["Parameters"], first["TableType"], first["VersionId"]) == (ICEBERG, "EXTERNAL_TABLE", "1")
    moved = iceberg_input(
        "t",
        "id",
        "name",
        metadata_location="s3://bucket/t/metadata/00001-b.metadata.json",
        previous_metadata_location=ICEBERG["metadata_location"],
    )
    glue.update_table(DatabaseName="sales", TableInput=moved, VersionId="1", SkipArchive=True)
    second = glue.get_tables(DatabaseName="sales", Expression="t")["TableList"][0]
    assert (second["Parameters"], second["VersionId"]) == (moved["Parameters"], "2")
    stale = error_of(glue.update_table, DatabaseName="sales", TableInput=moved, VersionId="1", SkipArchive=True)
    assert stale[0] == "ConcurrentModificationException"
    assert glue.get_table(DatabaseName="sales", Name="t")["Table"]["VersionId"] == "2"
    glue.delete_table(DatabaseName="sales", Name="t")
    assert error_of(glue.get_table, DatabaseName="sales", Name="t")[0] == "EntityNotFoundException"


def test_of_writers_at_one_version_of_a_table_one_wins(glue):
    glue.create_table(DatabaseName="sales", TableInput=iceberg_input("t", "id"))

    def swing(number):
        moved = iceberg_input("t", "id", metadata_location=f"s3://bucket/t/metadata/{number}.metadata.json")
        try:
            root(CENTRAL).glue.update_table(DatabaseName="sales", TableInput=moved, VersionId="1", SkipArchive=True)
        except ClientError as error:
            return error.response["Error"]["Code"]
        return "won"

    with ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(swing, range(8)))
    assert outcomes == ["ConcurrentModificationException"] * 7 + ["won"]


def test_a_column_new_in_the_list_inherits_the_tags_of_database_and_table(glue):
    lf = root(CENTRAL).lf
    for key in ("pii", "publication"):
        lf.create_lf_tag(TagKey=key, TagValues=["none", "personal", "pending"])
    glue.create_table(DatabaseName="sales", TableInput=iceberg_input("t", "id"))
    table = {"DatabaseName": "sales", "Name": "t"}
    tag(lf, {"Database": {"Name": "sales"}}, pii="none")
    tag(lf, {"Table": table}, publication="pending")
    tag(lf, {"TableWithColumns": table | {"ColumnNames": ["id"]}}, pii="personal")
    glue.update_table(DatabaseName="sales", TableInput=iceberg_input("t", "id", "email"), VersionId="1")
    found = lf.get_resource_lf_tags(Resource={"Table": table}, ShowAssignedLFTags=False)
    by_column = {
        column["Name"]: {each["TagKey"]: each["TagValues"] for each in column["LFTags"]}
        for column in found["LFTagsOnColumns"]
    }
    assert by_column == {
        "id": {"pii": ["personal"], "publication": ["pending"]},
        "email": {"pii": ["none"], "publication": ["pending"]},
    }


def tag(lf, resource, **tags):
    pairs = [{"TagKey": key, "TagValues": [value]} for key, value in tags.items()]
    assert lf.add_lf_tags_to_resource(Resource=resource, LFTags=pairs)["Failures"] == []
