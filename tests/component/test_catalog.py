"""The Glue catalog: one suite for the fake and for the adapter on moto; errors by Stubber."""

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from mesh.adapters.glue import GlueCatalog, GlueCrawlers, PartitionsRefused
from mesh.domain.product import ConcurrentChange, Throttled

from tests.builders import CENTRAL, REGION
from tests.fakes import FakeCatalog


@pytest.fixture(params=["fake", "glue"])
def catalog(request):
    catalog = FakeCatalog() if request.param == "fake" else GlueCatalog(request.getfixturevalue("glue"))
    catalog.create_database("loans", location="s3://b/loans/data/", description="d", parameters={"a": "1"})
    return catalog


def table(*columns, name="loans"):
    return {
        "Name": name,
        "StorageDescriptor": {"Columns": [{"Name": column, "Type": "string"} for column in columns]},
        "PartitionKeys": [{"Name": "dt", "Type": "string"}],
    }


def columns_of(catalog):
    return [column["Name"] for column in catalog.table("loans", "loans")["StorageDescriptor"]["Columns"]]


def partitions(*values):
    return [{"Values": [value], "StorageDescriptor": {"Columns": []}} for value in values]


def test_what_is_not_there_is_none(catalog):
    assert catalog.table("loans", "loans") is None
    assert catalog.table("nowhere", "loans") is None


def test_a_database_is_made_again_without_harm(catalog):
    catalog.create_table("loans", table("a"))
    catalog.create_database("loans", location="s3://b/loans/data/", description="new", parameters={})

    assert columns_of(catalog) == ["a"]


def test_a_table_that_exists_is_brought_up_to_date(catalog):
    catalog.create_table("loans", table("a"))
    catalog.create_table("loans", table("a", "b"))
    assert columns_of(catalog) == ["a", "b"]

    catalog.update_table("loans", table("a", "b", "c"))
    assert columns_of(catalog) == ["a", "b", "c"]


def test_a_table_is_dropped_once(catalog):
    catalog.create_table("loans", table("a"))
    catalog.drop_table("loans", "loans")
    catalog.drop_table("loans", "loans")

    assert catalog.table("loans", "loans") is None


def test_partitions_are_registered_once(catalog):
    catalog.create_table("loans", table("a"))

    catalog.create_partitions("loans", "loans", partitions("1", "2"))
    catalog.create_partitions("loans", "loans", partitions("2", "3"))

    assert catalog.partitions("loans", "loans", [["1"], ["2"], ["3"], ["4"]]) == {("1",), ("2",), ("3",)}


def test_many_partitions_go_in_batches(catalog):
    catalog.create_table("loans", table("a"))
    values = [f"{number:04d}" for number in range(250)]

    catalog.create_partitions("loans", "loans", partitions(*values))

    assert len(catalog.partitions("loans", "loans", [[value] for value in values])) == 250


def test_a_resource_link_points_to_the_target_and_is_made_once(glue):
    for _ in range(2):
        GlueCatalog(glue).create_resource_link("rl_loans", catalog=CENTRAL, database="loans", region=REGION)

    target = glue.get_database(Name="rl_loans")["Database"]["TargetDatabase"]
    assert (target["CatalogId"], target["DatabaseName"]) == (CENTRAL, "loans")


@pytest.fixture
def stub(aws):
    client = boto3.client("glue")
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def refused(code, message="why"):
    return {"Errors": [{"PartitionValues": ["1"], "ErrorDetail": {"ErrorCode": code, "ErrorMessage": message}}]}


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("AccessDeniedException", PartitionsRefused),
        ("ConcurrentModificationException", ConcurrentChange),
        ("ThrottlingException", Throttled),
    ],
)
def test_partitions_that_were_refused_with_200_are_an_error(stub, code, error):
    stub.add_response("batch_create_partition", refused(code))

    with pytest.raises(error):
        GlueCatalog(stub.client).create_partitions("loans", "loans", partitions("1"))


def test_a_partition_that_exists_is_success(stub):
    stub.add_response("batch_create_partition", refused("AlreadyExistsException"))

    GlueCatalog(stub.client).create_partitions("loans", "loans", partitions("1"))


def test_keys_that_were_not_processed_are_asked_for_again(stub):
    stub.add_response(
        "batch_get_partition", {"Partitions": [{"Values": ["1"]}], "UnprocessedKeys": [{"Values": ["2"]}]}
    )
    stub.add_response("batch_get_partition", {"Partitions": [{"Values": ["2"]}]})

    assert GlueCatalog(stub.client).partitions("loans", "loans", [["1"], ["2"]]) == {("1",), ("2",)}


@pytest.mark.parametrize(
    ("code", "error"),
    [("ThrottlingException", Throttled), ("ConcurrentModificationException", ConcurrentChange),
     ("AccessDeniedException", ClientError)],
)  # fmt: skip
def test_a_passing_trouble_is_told_from_a_denial(stub, code, error):
    stub.add_client_error("get_table", service_error_code=code)

    with pytest.raises(error):
        GlueCatalog(stub.client).table("loans", "loans")


@pytest.mark.parametrize("exists", [False, True])
def test_a_crawler_is_made_or_brought_up_to_date(stub, exists):
    definition = {"Role": "arn:aws:iam::222222222222:role/c", "DatabaseName": "rl_loans", "Targets": {"S3Targets": []}}
    if exists:
        stub.add_client_error("create_crawler", service_error_code="AlreadyExistsException")
        stub.add_response("update_crawler", {}, {"Name": "c", **definition})
    else:
        stub.add_response("create_crawler", {}, {"Name": "c", **definition})

    GlueCrawlers(stub.client).put_crawler("c", definition)
