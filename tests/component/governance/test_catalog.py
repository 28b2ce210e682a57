"""The Glue catalog: one suite for the fake and for the adapter on moto; errors by Stubber."""

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from mesh.adapters.glue.catalog import GlueCatalog, GlueCrawlers
from mesh.adapters.glue.product_databases import GlueProductDatabases
from mesh.domain.contracts.claims import CRAWLER_MARK, LinkTaken, NameTaken, database_mark
from mesh.domain.contracts.product import ConcurrentChange, Throttled

from tests.builders import CENTRAL, CONSUMER, PRODUCER
from tests.fakes import FakeCatalog, FakeCrawlers

MARK = database_mark("loans", PRODUCER)


@pytest.fixture(params=["fake", "glue"])
def catalog(request):
    catalog = FakeCatalog() if request.param == "fake" else GlueCatalog(request.getfixturevalue("glue"))
    catalog.create_database("loans", location="s3://b/loans/data/", description="d", marks=[MARK])
    return catalog


def table(*columns, name="loans"):
    return {
        "Name": name,
        "StorageDescriptor": {"Columns": [{"Name": column, "Type": "string"} for column in columns]},
        "PartitionKeys": [{"Name": "dt", "Type": "string"}],
    }


def columns_of(catalog):
    return [column["Name"] for column in catalog.table("loans", "loans")["StorageDescriptor"]["Columns"]]


def test_a_missing_item_is_none(catalog):
    assert catalog.table("loans", "loans") is None
    assert catalog.table("nowhere", "loans") is None


def test_a_database_is_made_again_without_harm(catalog):
    catalog.create_table("loans", table("a"))
    catalog.create_database("loans", location="s3://b/loans/data/", description="new", marks=[MARK])

    assert columns_of(catalog) == ["a"]


@pytest.mark.parametrize("mark", [database_mark("loans", CONSUMER), database_mark("payments", PRODUCER)])
def test_a_database_with_another_mark_is_left_as_it_is(catalog, mark):
    catalog.create_database("loans", location="s3://b/loans/data/", description="d", marks=[MARK])
    with pytest.raises(NameTaken):
        catalog.create_database("loans", location="s3://b/loans/data/", description="new", marks=[mark])


def test_a_database_without_a_mark_is_left_as_it_is(glue):
    glue.create_database(DatabaseInput={"Name": "payroll", "Description": "theirs", "Parameters": {"team": "payroll"}})
    with pytest.raises(NameTaken):
        GlueCatalog(glue).create_database("payroll", location="s3://b/p/", description="ours", marks=[MARK])
    assert glue.get_database(Name="payroll")["Database"]["Description"] == "theirs"


def test_a_resource_link_is_made_once(catalog):
    for _ in range(2):
        catalog.create_resource_link("rl_cards", catalog=CENTRAL, database="cards", region="us-east-1")
    for name, database in (("rl_cards", "loans"), ("loans", "cards")):
        with pytest.raises(LinkTaken):
            catalog.create_resource_link(name, catalog=CENTRAL, database=database, region="us-east-1")


def test_a_table_that_exists_stays_as_it_is_until_it_is_updated(catalog):
    catalog.create_table("loans", table("a"))
    catalog.create_table("loans", table("a", "b"))
    assert columns_of(catalog) == ["a"]

    catalog.update_table("loans", table("a", "b", "c"))
    assert columns_of(catalog) == ["a", "b", "c"]


def test_a_table_is_dropped_once(catalog):
    catalog.create_table("loans", table("a"))
    catalog.drop_table("loans", "loans")
    catalog.drop_table("loans", "loans")

    assert catalog.table("loans", "loans") is None


@pytest.fixture
def stub(aws):
    client = boto3.client("glue")
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "error"),
    [("ThrottlingException", Throttled), ("ConcurrentModificationException", ConcurrentChange),
     ("AccessDeniedException", ClientError)],
)  # fmt: skip
def test_a_transient_error_is_distinguished_from_a_denial(stub, code, error):
    stub.add_client_error("get_table", service_error_code=code)

    with pytest.raises(error):
        GlueCatalog(stub.client).table("loans", "loans")


def a_crawler(product="loans"):
    return {
        "Role": "arn:aws:iam::222222222222:role/c",
        "DatabaseName": f"rl_{product}",
        "Description": CRAWLER_MARK + product,
        "Targets": {"S3Targets": []},
    }


def test_a_crawler_is_made(stub):
    stub.add_response("create_crawler", {}, {"Name": "c", **a_crawler()})

    GlueCrawlers(stub.client).put_crawler("c", "loans", a_crawler())


def test_a_products_own_crawler_is_brought_up_to_date(stub):
    stub.add_client_error("create_crawler", service_error_code="AlreadyExistsException")
    stub.add_response("get_crawler", {"Crawler": a_crawler()}, {"Name": "c"})
    stub.add_response("update_crawler", {}, {"Name": "c", **a_crawler()})

    GlueCrawlers(stub.client).put_crawler("c", "loans", a_crawler())


@pytest.mark.parametrize(
    "found", [a_crawler("cards"), {"DatabaseName": "rl_loans"}, {"Description": CRAWLER_MARK + "loans"}]
)
def test_a_crawler_that_is_not_the_products_is_left_as_it_is(stub, found):
    stub.add_client_error("create_crawler", service_error_code="AlreadyExistsException")
    stub.add_response("get_crawler", {"Crawler": found}, {"Name": "c"})
    fake = FakeCrawlers()
    fake.crawlers["c"] = found
    for crawlers in (GlueCrawlers(stub.client), fake):
        with pytest.raises(NameTaken):
            crawlers.put_crawler("c", "loans", a_crawler())
    assert fake.crawlers["c"] == found


def test_default_is_made_once_and_left_as_it_is(glue):
    catalog = GlueCatalog(glue)
    catalog.require_default_database()
    glue.update_database(Name="default", DatabaseInput={"Name": "default", "Description": "ours"})

    catalog.require_default_database()

    assert glue.get_database(Name="default")["Database"]["Description"] == "ours"


def test_only_databases_with_the_mark_are_products(glue):
    mark = {"meshwork:product": "loans"}
    glue.create_database(DatabaseInput={"Name": "loans", "Parameters": mark, "LocationUri": "s3://b/loans/published/"})
    glue.create_database(DatabaseInput={"Name": "somebodys", "LocationUri": "s3://b/loans/"})

    [found] = GlueProductDatabases(glue).all()

    assert (found.product, found.database, found.bucket) == ("loans", "loans", "b")
