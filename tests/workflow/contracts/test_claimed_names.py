"""Names are claimed once: what is another product's, or somebody else's, is refused, recorded and left as it is."""

import json
from typing import Any

import pytest

from tests.mesh_driver import MeshDriver, Run, contract
from tests.workflow.onboarding.test_prepare_product import glue_contract

CENTRAL, PRODUCER = "111111111111", "222222222222"
EVERYBODY = {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}
COLUMNS = [{"Name": "secret", "Type": "string"}]


def somebodys_database(mesh: MeshDriver, account: str, name: str) -> dict[str, Any]:
    """A database with a table that was there before the mesh, open to all whom IAM allows; as Glue shows it."""
    glue, lake = mesh.client(account, "glue"), mesh.client(account, "lakeformation")
    glue.create_database(DatabaseInput={"Name": name, "Description": "payroll", "Parameters": {"team": "payroll"}})
    glue.create_table(DatabaseName=name, TableInput={"Name": "t1", "StorageDescriptor": {"Columns": COLUMNS}})
    lake.grant_permissions(Principal=EVERYBODY, Resource={"Database": {"Name": name}}, Permissions=["ALL"])
    return dict(glue.get_database(Name=name)["Database"])


def grants_on(mesh: MeshDriver, account: str, name: str) -> list[tuple[str, list[str]]]:
    lake = mesh.client(account, "lakeformation")
    found = lake.list_permissions(Resource={"Database": {"Name": name}})["PrincipalResourcePermissions"]
    held = [(each["Principal"]["DataLakePrincipalIdentifier"], sorted(each["Permissions"])) for each in found]
    return sorted(held)


def refusals(mesh: MeshDriver, product: str, account: str = PRODUCER) -> list[dict[str, Any]]:
    """What central's registry keeps of the refusals of a product."""
    kept = [json.loads(item["reason"]) for item in mesh.items("central", f"REFUSAL#{account}")]
    return [reason for reason in kept if reason["where"].get("key") == f"{product}/contract.yaml"]


def rejected(mesh: MeshDriver, product: str, run: Run, code: str) -> dict[str, Any]:
    """Refused for that reason: recorded in central, and told to the producer, who has a report of it."""
    assert (run.status, run.outcome, run.output["reason"]["code"]) == ("SUCCEEDED", "rejected", code)
    [notice] = mesh.until(lambda: mesh.notices(product, "producer", "ProductQuarantined"), "notice of the refusal")
    assert notice["data"]["reason"]["remedy"]
    mesh.until(lambda: mesh.reports(f"{product}/reports/"), f"report on {product}")
    [kept] = refusals(mesh, product)
    assert kept["code"] == code
    return dict(notice["data"]["reason"])


def is_free(mesh: MeshDriver, product: str) -> None:
    """The name is nobody's: an event that comes twice claims it again, until its own run is refused."""
    key = {"pk": {"S": f"PRODUCT#{product}"}, "sk": {"S": "PRODUCT"}}
    mesh.until(lambda: mesh.item("central", key) is None, f"{product} to be free")


def test_a_database_without_the_meshs_mark_is_not_taken_over(mesh: MeshDriver) -> None:
    before = somebodys_database(mesh, "central", "names-payroll")
    granted = grants_on(mesh, "central", "names-payroll")
    mesh.put_contract("names-payroll")
    run = mesh.wait_for_run("register-product", "names-payroll")
    reason = rejected(mesh, "names-payroll", run, "NameTaken")
    assert "names-payroll" in reason["message"]
    assert mesh.client("central", "glue").get_database(Name="names-payroll")["Database"] == before
    assert grants_on(mesh, "central", "names-payroll") == granted
    assert mesh.tags("names-payroll") == {}
    assert mesh.runs("prepare-product", "names-payroll") == []
    is_free(mesh, "names-payroll")
    mesh.client("central", "glue").delete_database(Name="names-payroll")
    mesh.put_contract("names-payroll")
    assert mesh.wait_for_run("prepare-product", "names-payroll").status == "SUCCEEDED"


def test_a_location_that_somebody_registered_is_not_read_as_theirs(mesh: MeshDriver) -> None:
    lake = mesh.client("central", "lakeformation")
    theirs = f"arn:aws:iam::{CENTRAL}:role/Admin"
    arn = f"arn:aws:s3:::{mesh.bucket}/names-located"
    lake.register_resource(ResourceArn=arn, RoleArn=theirs)
    mesh.put_contract("names-located")
    run = mesh.wait_for_run("register-product", "names-located")
    rejected(mesh, "names-located", run, "NameTaken")
    ours = [info["ResourceArn"] for info in lake.list_resources()["ResourceInfoList"] if "names-located" in str(info)]
    assert ours == [arn]
    with pytest.raises(mesh.client("central", "glue").exceptions.EntityNotFoundException):
        mesh.client("central", "glue").get_database(Name="names-located")
    lake.deregister_resource(ResourceArn=arn)


def test_a_second_product_with_the_same_crawler_prefix_is_refused(mesh: MeshDriver) -> None:
    properties = [{"property": "crawlerPrefix", "value": "namesShared"}, {"property": "crawl", "value": "glue"}]
    mesh.prepare("names-first", customProperties=properties)
    crawler = mesh.client("producer", "glue").get_crawler(Name=f"namesSharedCrawler-{PRODUCER}")["Crawler"]
    mesh.put_contract("names-second", contract("names-second", customProperties=properties))
    run = mesh.wait_for_run("register-product", "names-second")
    reason = rejected(mesh, "names-second", run, "NameTaken")
    assert "names-first" in reason["message"]
    assert "crawlerPrefix" in reason["remedy"]
    is_free(mesh, "names-second")
    again = mesh.runs("register-product", "names-first")
    mesh.put_contract("names-first", contract("names-first", customProperties=properties))
    mesh.wait_for_run("register-product", "names-first", after=again)
    mesh.settled("names-first")
    after = mesh.client("producer", "glue").get_crawler(Name=f"namesSharedCrawler-{PRODUCER}")["Crawler"]
    assert (after["DatabaseName"], after["Targets"]) == (crawler["DatabaseName"], crawler["Targets"])


@pytest.mark.parametrize("name", ["default", "sys"])
def test_a_name_that_glue_or_athena_reserve_is_refused(mesh: MeshDriver, name: str) -> None:
    """By the producer before it is declared, and by central whatever the producer says."""
    mesh.put_contract(name)
    report = mesh.until(lambda: mesh.reports(f"{name}/reports/"), f"report on {name}")
    assert "reserve" in report[f"{name}/contract.yaml"]["reason"]["message"]
    data = {
        "product": name,
        "bucket": mesh.bucket,
        "key": f"{name}/contract.yaml",
        "contract": json.dumps(contract(name)),
    }
    mesh.put_event("ProductDeclared", data, by="producer")
    run = mesh.wait_for_run("register-product", name)
    assert (run.status, run.outcome) == ("SUCCEEDED", "rejected")
    assert "reserve" in run.output["reason"]["where"]["violations"][0]["message"]


@pytest.mark.parametrize("made", ["database", "link"])
def test_a_producers_own_database_named_as_the_link_is_left_alone(mesh: MeshDriver, made: str) -> None:
    product = f"names-linked-{made}"
    glue = mesh.client("producer", "glue")
    if made == "database":
        before = somebodys_database(mesh, "producer", f"rl_{product}")
    else:
        target = {"CatalogId": CENTRAL, "DatabaseName": "somewhere", "Region": "us-east-1"}
        glue.create_database(DatabaseInput={"Name": f"rl_{product}", "TargetDatabase": target})
        before = glue.get_database(Name=f"rl_{product}")["Database"]
    granted = grants_on(mesh, "producer", f"rl_{product}")
    mesh.put_contract(product, glue_contract(product))
    run = mesh.wait_for_run("prepare-product", product)
    assert (run.status, run.outcome, run.output["reason"]["code"]) == ("SUCCEEDED", "refused", "LinkTaken")
    assert glue.get_database(Name=f"rl_{product}")["Database"] == before
    assert grants_on(mesh, "producer", f"rl_{product}") == granted
    assert f"{product}Crawler-{PRODUCER}" not in glue.list_crawlers()["CrawlerNames"]
    glue.delete_database(Name=f"rl_{product}")
    mesh.put_contract(product, glue_contract(product))
    assert mesh.wait_for_run("prepare-product", product, after=[run]).outcome == ""


def test_a_producers_own_crawler_is_left_alone(mesh: MeshDriver) -> None:
    glue = mesh.client("producer", "glue")
    name = f"names-crawledCrawler-{PRODUCER}"
    targets = {"S3Targets": [{"Path": f"s3://{mesh.bucket}/elsewhere/"}]}
    role = mesh.physical_id("producer", "CrawlerRole")
    glue.create_crawler(Name=name, Role=role, DatabaseName="theirs", Targets=targets)
    mesh.put_contract("names-crawled", glue_contract("names-crawled"))
    run = mesh.wait_for_run("prepare-product", "names-crawled")
    assert (run.status, run.outcome, run.output["reason"]["code"]) == ("SUCCEEDED", "refused", "NameTaken")
    left = glue.get_crawler(Name=name)["Crawler"]
    assert (left["DatabaseName"], left["Targets"]["S3Targets"][0]["Path"]) == (
        "theirs",
        targets["S3Targets"][0]["Path"],
    )
    glue.delete_crawler(Name=name)
